import Synchronization

/// A mapping file that is read when somebody first needs it, and once only, since it may be a pipe.
package final class MappingFile: Sendable {
  /// The path, as it was given.
  package let path: String
  private let content = Mutex<Result<ArrayMapping, ArchiveError>?>(nil)

  /// A file that is not yet opened.
  package init(path: String) { self.path = path }

  /// The mapping, or what is wrong with it.
  package func mapping() throws(ArchiveError) -> ArrayMapping {
    let result = content.withLock { content in
      let result = content ?? Result { () throws(ArchiveError) in try ArrayMapping(path: path) }
      content = result
      return result
    }
    return try result.get()
  }
}

extension MappingFile: Equatable {
  package static func == (left: MappingFile, right: MappingFile) -> Bool { left === right }
}
