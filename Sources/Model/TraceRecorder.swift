public import TraceFormat

/// The observer that writes what it sees to a trace file.
///
/// A block of positions is put together in memory, in the order of execution, and written in the background while the
/// next one is computed: so there are two blocks in memory at most. NaN are recorded as 7fc00000 (7ff8000000000000),
/// whatever their sign and payload, as the C program does.
public struct TraceRecorder: ForwardObserver, ~Copyable {
  private var writer: TraceWriter
  private let layout: RecordLayout
  private let pieces: Pieces?
  private var block = TraceBlock()
  /// The positions of the block.
  private var positions = 0..<0
  /// Per position of the block, each form's place in it; -1 where its record is not wanted.
  private var places: [Int] = []
  private var records: [(place: Int, position: Int, payloadOffset: Int)] = []
  private let team: ThreadTeam
  private var isLaidOut = false

  /// Every position below is with the system.
  public private(set) var settledPositions = 0

  /// Opens a trace file for a run.
  ///
  /// - Parameters:
  ///   - path: `-` is standard output.
  ///   - producer: program and version.
  ///   - tokenizer: where the texts of tokens come from; nil leaves them unknown.
  /// - Throws: `TraceError` when the file cannot be opened or its header cannot be written.
  public init(
    path: String, producer: String, plan: RunPlan, selection: RecordSelection, model: borrowing Checkpoint,
    tokenizer: Tokenizer?
  ) throws(TraceError) {
    let header = TraceHeader(producer: producer, plan: plan, selection: selection, model: model)
    writer = try TraceWriter(path: path, header: header)
    layout = RecordLayout(selection, plan, model: model)
    pieces = tokenizer?.pieces
    team = plan.team
  }

  /// Begins the position of a block that follows the one begun last.
  ///
  /// - Throws: `TraceError.cannotRecord` when the token is not one that a trace can hold.
  public mutating func begin(position: Int, token: Int) throws(TraceError) {
    if positions.isEmpty { positions = position..<position }
    precondition(position == positions.upperBound && !isLaidOut, "a block's positions follow each other")
    positions = positions.lowerBound..<(position + 1)
    try block.addToken(TraceToken(id: token, text: pieces.map { Array($0[token]) }), position: position)
    for (f, form) in layout.forms.enumerated() {
      places.append(layout.wants(f, position: position) ? block.addRecord(form, position: position) : -1)
    }
  }

  /// Whether the run's filter wants a tensor.
  public func wants(_ site: Site, layer: Int?, position: Int) -> Bool {
    layout.index(site, layer: layer).map { layout.wants($0, position: position) } ?? false
  }

  /// Puts the wanted rows into their places.
  ///
  /// - Parameters:
  ///   - rows: the positions of the rows of `values`, which were begun.
  ///   - values: positions x length of the site.
  /// - Throws: `TraceError.cannotRecord` when there is no memory for the block.
  public mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions rows: Range<Int>, _ values: MatrixView<Element>
  ) throws(TraceError) {
    guard let f = layout.index(site, layer: layer) else { return }
    try layOut()
    let form = layout.forms[f]
    precondition(form.type == Element.elementType, "a site has one format in all of a run")
    precondition(
      rows.allSatisfy { form.payloadLength(position: $0) == values.columns * MemoryLayout<Element>.stride },
      "a record has the length of its shape")
    let rowLength = values.columns * MemoryLayout<Element>.stride
    records.removeAll(keepingCapacity: true)
    for (r, position) in rows.enumerated() {
      let place = places[(position - positions.lowerBound) * layout.forms.count + f]
      if place >= 0 { records.append((place, position, r * rowLength)) }
    }
    // To copy and to check a few bytes takes as long as a multiply-add of the kernels.
    block.fill(records, form, payloads: values.elements.bytes) { [team] count, body in
      team.share(count, costPerItem: rowLength / 8, body)
    }
  }

  private mutating func layOut() throws(TraceError) {
    if isLaidOut { return }
    try block.allocate()
    isLaidOut = true
  }

  /// Has the block written in the background. The blocks before it are settled then.
  ///
  /// - Throws: `TraceError` when there is no memory for the block, a wanted record was not observed, or the block
  ///   before it could not be written.
  public mutating func endBlock() throws(TraceError) {
    try layOut()
    try writer.append(&block)
    settledPositions = positions.lowerBound
    positions = positions.upperBound..<positions.upperBound
    places.removeAll(keepingCapacity: true)
    isLaidOut = false
  }

  /// Waits until every block is with the system.
  ///
  /// - Throws: `TraceError.file` when one could not be written.
  public mutating func settle() throws(TraceError) {
    try writer.settle()
    settledPositions = positions.lowerBound
  }

  /// Completes the file.
  ///
  /// - Returns: number of records and bytes in the file.
  /// - Throws: `TraceError` when what is left could not be written, or the file not be given its name.
  public consuming func finish() throws(TraceError) -> (recordCount: Int, byteCount: Int) { try writer.finish() }
}

extension TraceHeader {
  /// The header of a run's trace.
  init(producer: String, plan: RunPlan, selection: RecordSelection, model: borrowing Checkpoint) {
    self.init(producer: producer)
    let sizes = model.configuration
    let fingerprint = String(model.fingerprint(plan.team), radix: 16)
    self[text: .checkpointFingerprint] = String(repeating: "0", count: 16 - fingerprint.count) + fingerprint
    self[integer: .checkpointVersion] = model.version.rawValue
    self[integer: .dim] = sizes.dim
    self[integer: .hiddenDim] = sizes.hiddenDim
    self[integer: .layerCount] = sizes.layerCount
    self[integer: .headCount] = sizes.headCount
    self[integer: .keyValueHeadCount] = sizes.keyValueHeadCount
    self[integer: .vocabularySize] = sizes.vocabularySize
    self[integer: .sequenceLength] = sizes.sequenceLength
    self[integer: .sharedClassifier] = sizes.sharesClassifier ? 1 : 0
    self[integer: .groupSize] = model.groupSize
    self[text: .precision] = plan.precisionName(model)
    self[real: .normEpsilon] = Constants.normEpsilon
    self[real: .ropeBase] = Constants.ropeBase
    self[integer: .steps] = plan.steps
    self[text: .sites] = selection.sites.map(\.rawValue).joined(separator: ",")
    self[integer: .firstLayer] = selection.layers.lowerBound
    self[integer: .lastLayer] = selection.layers.upperBound
    self[integer: .firstPosition] = selection.positions.lowerBound
    self[integer: .lastPosition] = selection.positions.upperBound
    switch plan.input {
    case .forced:
      self[integer: .forcedTokens] = 1
    case .prompt(let text, _, let sampling):
      self[bytes: .prompt] = text
      self[real: .temperature] = Double(sampling.temperature)
      if sampling.temperature > 0 {
        self[real: .topP] = Double(sampling.topP)
        self[integer: .seed] = Int(sampling.seed)
      }
    }
  }
}
