import TraceFormat

/// What exports among files of arrays say of the trace beside their arrays.
struct ToldParts {
  private var parts: [(path: String, metadata: TraceMetadata)] = []
  /// By file about which one of them speaks: its number; nil where that is a whole folder's.
  private var speakers: [Int: Int?] = [:]

  /// What they say together.
  struct Union {
    let header: TraceHeader
    /// What each says of the tokens; they may contradict each other.
    let tokens: [TraceToken.Part]
    /// By file that speaks for itself: the number of its tokens.
    let partOfFile: [Int: Int]
    /// What is wrong with the files as parts of one trace.
    let problems: [TraceError]
  }

  /// Takes in what a file says of itself.
  mutating func add(_ metadata: TraceMetadata, path: String, file: Int) {
    speakers[file] = parts.count
    parts.append((path, metadata))
  }

  /// Takes in what is said of all files of a folder.
  mutating func add(_ metadata: TraceMetadata, path: String, folder files: Range<Int>) {
    for file in files { speakers.updateValue(nil, forKey: file) }
    parts.append((path, metadata))
  }

  /// What they say together, by the rules of traces in several parts; nil where none says anything.
  ///
  /// - Parameters:
  ///   - files: the paths of all files; one about which nobody speaks is a part that does not say what it was to hold.
  ///   - isFolder: whether they are a folder, in which a lone part is not the whole.
  func united(files: [String], isFolder: Bool) -> Union? {
    guard let only = parts.first?.metadata.header else { return nil }
    let silent = files.indices.filter { speakers[$0] == nil }.map { number in
      (path: files[number], header: TraceHeader(producer: ArrayTrace.producer))
    }
    let headers: [TraceHeader.Part] = parts.map { ($0.path, $0.metadata.header) } + silent
    let isWhole = headers.count == 1 && (!isFolder || only[integer: .parts] ?? 1 == 1)
    let (header, problems) = isWhole ? (only, []) : TraceHeader.united(headers)
    return Union(
      header: header, tokens: parts.map { ($0.path, $0.metadata.tokens) },
      partOfFile: speakers.compactMapValues { $0 }, problems: problems)
  }
}
