import TraceFormat

/// Finds out which records the arrays of a set hold.
struct ArrayTraceBuilder {
  let archive: TensorArchive
  let mapping: ArrayMapping?
  var header: TraceHeader
  /// The tokens of all files, once they are united.
  private(set) var tokens: [Int: TraceToken] = [:]
  /// The tokens of files, as far as they are read.
  var tokenParts: [TraceToken.Part]
  /// By file: the number of its tokens.
  var tokenPartOfFile: [Int: Int]
  var hasTokens: Bool
  var problems: [TraceError]
  /// Number of records that an array holds and one in an earlier file holds too.
  var copyCount = 0
  var blocks: [ArrayBlock] = []
  var entries: [ArrayEntry] = []
  var names: [TensorName] = []
  var numbers: [TensorName: Int32] = [:]
  /// By block: its name; the numbers of names are known when all are.
  var blockNames: [TensorName] = []
  /// By block: whether its name has no layer and no axis of layers.
  var isOutsideLayers: [Bool] = []
  /// Plans are shared by all arrays of one layout that one statement reads as one name.
  var plans: [PlanKey: RecordPlan] = [:]
  var usedStatements: Set<Int> = []

  struct PlanKey: Hashable {
    var layout: ArrayLayout
    var statement: Int
    var name: TensorName
  }

  init(_ archive: TensorArchive, _ mapping: ArrayMapping?) {
    self.archive = archive
    self.mapping = mapping
    header = archive.told?.header ?? TraceHeader(producer: ArrayTrace.producer)
    for (name, value) in mapping?.fields ?? [:] { header.fields[name] = value }
    if let producer = mapping?.producer { header.producer = producer }
    tokenParts = archive.told?.tokens ?? []
    tokenPartOfFile = archive.told?.partOfFile ?? [:]
    hasTokens = archive.told != nil
    problems = archive.told?.problems ?? []
  }

  /// Looks at every array.
  mutating func build() throws(ArchiveError) {
    for number in archive.arrays.indices {
      if let mapping { try map(number, mapping) } else { try readExported(number) }
    }
    if mapping == nil { try readExportedTokens() }
    let (tokens, contradictions) = TraceToken.united(tokenParts)
    self.tokens = tokens
    problems += contradictions
    try requireStatementsUsed()
    try requireRecords()
    numberNames()
    listRecords()
  }

  /// Takes the records of an array.
  mutating func add(_ plan: RecordPlan, _ number: Int, _ name: TensorName, layer: Int?, position: Int) {
    blocks.append(
      ArrayBlock(plan: plan, array: Int32(number), firstLayer: Int32(layer ?? -1), firstPosition: Int32(position)))
    blockNames.append(name)
    isOutsideLayers.append(layer == nil)
  }

  /// Takes down that arrays and what is said of them do not fit.
  mutating func takeProblem(_ array: StoredArray, _ rule: ArchiveRule) {
    problems.append(.unclear(archive.error(array, rule).description))
  }

  private func requireStatementsUsed() throws(ArchiveError) {
    guard let mapping else { return }
    for (index, statement) in mapping.statements.enumerated() where !usedStatements.contains(index) {
      throw ArchiveError(mapping.file, .line(statement.line), .matchesNothing(statement.pattern.text))
    }
  }

  private func requireRecords() throws(ArchiveError) {
    guard blocks.isEmpty else { return }
    let path = archive.files.first?.path ?? "arrays"
    guard !archive.arrays.isEmpty else { throw ArchiveError(path, .file, .noArrays("nothing can be compared")) }
    let some = archive.arrays.prefix(4).map { "'\($0.name)'" }.joined(separator: ", ")
    throw ArchiveError(
      path, .file,
      .invalid(
        "names of arrays",
        expected: mapping == nil
          ? "SITE/layerL/posP and SITE/posP, or a mapping that says what they are (--map FILE)"
          : "a tensor statement for some of them",
        found: some + (archive.arrays.count > 4 ? " and \(archive.arrays.count - 4) more" : "")))
  }
}
