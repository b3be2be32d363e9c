import TensorArchives
import TraceFormat

extension Trace {
  /// Opens the trace that operands name.
  ///
  /// - Throws: `OperandError` when it cannot be opened, or is a stream, which has no random access.
  package init(_ operands: TraceOperands) throws(OperandError) {
    switch operands.content {
    case .file(let path):
      do { self = .file(try TraceFile(path: path)) } catch { throw .trace(path: path, error) }
    case .parts(let paths):
      do { self = try Self.trace(inParts: paths) } catch { throw .trace(path: paths[0], error) }
    case .stream(let path): throw .stream(path)
    case .arrays(let paths):
      do throws(ArchiveError) {
        let mapping = try operands.mapping.map { (file) throws(ArchiveError) in try file.mapping() }
        self = .arrays(try ArrayTrace(TensorArchive(paths: paths), mapping: mapping))
      } catch { throw .arrays(error) }
    }
  }

  /// A single file that does not say that it is one of several parts is a plain file.
  private static func trace(inParts paths: [String]) throws(TraceError) -> Trace {
    let parts = try TraceParts(paths: paths)
    guard paths.count == 1, parts.header[integer: .parts] ?? 1 == 1 else { return .parts(parts) }
    return .file(try TraceFile(path: paths[0]))
  }
}

extension TraceInput {
  /// Opens the trace that operands name; of a stream, the header is read.
  package init(_ operands: TraceOperands) throws(OperandError) {
    switch operands.content {
    case .stream(let path):
      do throws(TraceError) { self = .stream(try TraceStream(path: path)) } catch {
        if case .notATrace(let found) = error, let kind = ArchiveKind(firstBytes: found) {
          throw .arraysInStream(path, kind)
        }
        throw .trace(path: path, error)
      }
    default: self = .trace(try Trace(operands))
    }
  }
}
