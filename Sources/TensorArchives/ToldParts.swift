import TraceFormat

/// What exports among files of arrays say of the trace beside their arrays.
struct ToldParts {
  private var parts: [(path: String, metadata: TraceMetadata)] = []
  /// The files about which one of them speaks.
  private var spokenFor: Set<Int> = []

  /// What they say together.
  struct Union {
    let header: TraceHeader
    /// By file: the tokens, which files may contradict each other about.
    let tokens: [TraceToken.Part]
    /// What is wrong with the files as parts of one trace.
    let problems: [TraceError]
  }

  /// Takes in what one says of some files.
  mutating func add(_ metadata: TraceMetadata, path: String, files: Range<Int>) {
    parts.append((path, metadata))
    spokenFor.formUnion(files)
  }

  /// What they say together, by the rules of traces in several parts; nil where none says anything.
  ///
  /// - Parameters:
  ///   - files: the paths of all files; one about which nobody speaks is a part that does not say what it was to hold.
  ///   - isFolder: whether they are a folder, in which a lone part is not the whole.
  func united(files: [String], isFolder: Bool) -> Union? {
    guard let only = parts.first?.metadata.header else { return nil }
    let silent = files.indices.filter { !spokenFor.contains($0) }.map { number in
      (path: files[number], header: TraceHeader(producer: ArrayTrace.producer))
    }
    let headers: [TraceHeader.Part] = parts.map { ($0.path, $0.metadata.header) } + silent
    let isWhole = headers.count == 1 && (!isFolder || only[integer: .parts] ?? 1 == 1)
    let (header, problems) = isWhole ? (only, []) : TraceHeader.united(headers)
    return Union(header: header, tokens: parts.map { ($0.path, $0.metadata.tokens) }, problems: problems)
  }
}
