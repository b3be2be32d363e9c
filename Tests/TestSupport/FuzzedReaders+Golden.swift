import Goldens

extension FuzzedReaders {
  /// Reads bytes as a golden, and once more with its digests made right: what can be read is what would be written.
  package static func golden(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let outcome = try readGolden(bytes)
    let repaired = withRightDigests(bytes)
    if repaired != bytes { _ = try readGolden(repaired) }
    return outcome
  }

  private static func readGolden(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let golden: Golden
    do throws(GoldenError) { golden = try Golden(bytes.span.bytes) } catch { return .refused(try message(of: error)) }
    try require(golden.text.utf8.elementsEqual(bytes), "what is read is what would be written")
    return .accepted
  }

  /// The bytes of a golden with the digests that its lines have, as far as it can be read.
  ///
  /// Without this nearly every change would end at a wrong digest.
  private static func withRightDigests(_ bytes: [UInt8]) -> [UInt8] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
    for _ in 0..<20 {
      let bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
      do throws(GoldenError) { _ = try Golden(bytes.span.bytes) } catch {
        guard case .wrongDigest(let line, _, let expected, let found) = error else { break }
        lines[line - 1].replace(Array(expected.utf8), with: Array(found.utf8))
        continue
      }
      break
    }
    return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }
}
