public import TraceFormat

/// The observer that writes what it sees to a trace file.
public struct TraceRecorder: ForwardObserver, ~Copyable {
  private var writer: TraceWriter
  private let selection: RecordSelection
  private let headCount: Int
  private let pieces: [[UInt8]]?

  /// Opens a trace file for a run.
  ///
  /// - Parameters:
  ///   - path: `-` is standard output.
  ///   - producer: program and version.
  ///   - tokenizer: where the texts of tokens come from; nil leaves them unknown.
  public init(
    path: String, producer: String, plan: RunPlan, selection: RecordSelection, model: borrowing Checkpoint,
    tokenizer: Tokenizer?
  ) throws(TraceError) {
    let header = TraceHeader(producer: producer, plan: plan, selection: selection, model: model)
    writer = try TraceWriter(path: path, header: header)
    self.selection = selection
    headCount = model.configuration.headCount
    pieces = tokenizer?.pieces
  }

  /// Writes the token of the position.
  public mutating func begin(position: Int, token: Int) throws(TraceError) {
    try writer.token(TraceToken(id: token, text: pieces?[token]), position: position)
  }

  /// Whether the run's filter wants a tensor.
  public func wants(_ site: Site, layer: Int?, position: Int) -> Bool {
    selection.wants(site, layer: layer, position: position)
  }

  /// Writes the wanted rows as records.
  public mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) throws(TraceError) {
    for (r, position) in positions.enumerated() where wants(site, layer: layer, position: position) {
      let row = values[row: r]
      let shape =
        switch site.shape {
        case .vector: TensorShape(vector: row.count)
        case .headsByPositions: TensorShape(rows: headCount, columns: row.count / headCount)
        }
      try writer.record(
        RecordKey(site, layer: layer, position: position), type: Element.elementType, shape: shape,
        payload: row.bytes)
    }
  }

  /// Completes the file.
  ///
  /// - Returns: number of records and bytes in the file.
  public consuming func finish() throws(TraceError) -> (recordCount: Int, byteCount: Int) { try writer.finish() }
}

extension TraceHeader {
  /// The header of a run's trace.
  init(producer: String, plan: RunPlan, selection: RecordSelection, model: borrowing Checkpoint) {
    self.init(producer: producer)
    let sizes = model.configuration
    let fingerprint = String(model.fingerprint(), radix: 16)
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
