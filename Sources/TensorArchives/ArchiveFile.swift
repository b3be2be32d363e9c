package import TraceFormat
import Synchronization

/// A file of arrays, mapped for as long as somebody needs it.
package final class ArchiveFile: Sendable {
  /// The file's bytes.
  package let mapped: MappedFile
  /// Its format.
  package let kind: ArchiveKind
  /// Which members' checksums were verified.
  private let verified = Mutex<[Int: UInt32]>([:])

  /// Maps a file and looks what it is.
  package convenience init(path: String) throws(ArchiveError) {
    let mapped: MappedFile
    do { mapped = try MappedFile(path: path) } catch { throw ArchiveError(path, .file, .system(error)) }
    try self.init(mapped)
  }

  /// Looks what a mapped file is.
  package init(_ mapped: consuming MappedFile) throws(ArchiveError) {
    guard let kind = ArchiveKind(mapped.bytes) else {
      throw ArchiveError(
        mapped.path, .file, .unknownFormat(ArchiveKind(path: mapped.path), found: mapped.bytes.prefix(9, at: 0)))
    }
    self.kind = kind
    self.mapped = mapped
  }

  /// Length of the file in bytes.
  package var byteCount: Int { mapped.byteCount }

  /// The path it was opened by.
  package var path: String { mapped.path }

  /// Lends the file's bytes.
  func withBytes<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
    try Self.lend(mapped, body)
  }

  private static func lend<Result, Failure: Error>(
    _ mapped: borrowing MappedFile, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(mapped.bytes)
  }

  /// Checks the CRC-32 of a member, unless that was done before.
  ///
  /// - Throws: `ArchiveRule.wrongChecksum`, again at every call.
  func verify(_ member: StoredArray) throws(ArchiveError) {
    guard let expected = member.checksum else { return }
    let offset = member.memberRange.lowerBound
    let known = verified.withLock { $0[offset] }
    let found = known ?? withBytes { CRC32.of($0.extracting(member.memberRange)) }
    if known == nil { verified.withLock { $0[offset] = found } }
    guard found == expected else {
      throw ArchiveError(path, .offset(offset), .wrongChecksum(member.name, expected: expected, found: found))
    }
  }
}
