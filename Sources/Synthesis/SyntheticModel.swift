package import Model
import TraceFormat

/// A model with seeded weights, to be written as a llama2.c checkpoint of any version.
///
/// Every tensor of every layer has its own stream of numbers, which depends on the seed alone: all versions hold the
/// same numbers (int8 holds them quantized), in whatever order they store them.
///
/// Sizes are chosen so that a mistake in a port shows:
/// - embedding rows have a mean square of 0.01 (less for control and byte tokens), small enough for a wrong RMSNorm
///   epsilon to show in the first layer;
/// - attention scores have a standard deviation of about 2, so attention is far from uniform;
/// - what the branches add to the residual stream brings its mean square to a few units, however many layers there are;
/// - control and byte tokens seldom have the largest logit, and the first layer works against repetition, so that a
///   greedy run goes on and prints words;
/// - norm weights lie around 1, each different; nothing is symmetric or repeated, so that exchanged rows, heads or
///   layers show.
package struct SyntheticModel: Sendable {
  /// The sizes.
  package let configuration: Configuration
  /// The seed of all weights.
  package let seed: UInt64

  /// A model of given sizes.
  package init(configuration: Configuration, seed: UInt64) {
    self.configuration = configuration
    self.seed = seed
  }

  /// A group size that suits the sizes, found as llama2.c's `export.py` does: 64, halved until it divides dim. It
  /// divides every matrix, since every matrix has dim rows or dim columns.
  package var defaultGroupSize: Int {
    var size = 64
    while configuration.dim % size != 0 { size /= 2 }
    return size
  }

  /// A whole checkpoint in memory.
  ///
  /// - Parameter groupSize: elements per quantization group of an int8 checkpoint, by default `defaultGroupSize`; it
  ///   has no meaning in the other versions.
  package func checkpointBytes(
    version: CheckpointVersion = .legacy, groupSize: Int? = nil
  ) throws(SynthesisError) -> [UInt8] {
    let layout = try SyntheticLayout(self, version: version, groupSize: groupSize)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(layout.byteCount)
    try layout.emit { piece throws(SynthesisError) in
      piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  /// Writes a checkpoint to `PATH.partial` and gives it its name when it is complete. Memory does not grow with the
  /// model.
  ///
  /// - Parameter groupSize: as in `checkpointBytes`.
  /// - Returns: number of bytes in the file.
  @discardableResult
  package func write(
    to path: String, version: CheckpointVersion = .legacy, groupSize: Int? = nil
  ) throws(SynthesisError) -> Int {
    let layout = try SyntheticLayout(self, version: version, groupSize: groupSize)
    try writeFile(path) { write throws(SynthesisError) in try layout.emit(write) }
    return layout.byteCount
  }
}

/// Takes the bytes of a file, piece by piece.
typealias ByteSink = (RawSpan) throws(SynthesisError) -> Void

/// Writes a file from the pieces that `body` hands to its argument; what cannot be finished is removed.
func writeFile(_ path: String, _ body: (ByteSink) throws(SynthesisError) -> Void) throws(SynthesisError) {
  let file = try openFile(path)
  do throws(SynthesisError) {
    try body { piece throws(SynthesisError) in
      do throws(FileError) { try file.write(piece, RawSpan(), RawSpan()) } catch { throw .file(error) }
    }
  } catch {
    file.discard()
    throw error
  }
  do throws(FileError) { try file.commit() } catch { throw .file(error) }
}

private func openFile(_ path: String) throws(SynthesisError) -> OutputFile {
  do throws(FileError) { return try OutputFile(path: path) } catch { throw .file(error) }
}
