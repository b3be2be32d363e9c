import Model
import TestSupport
import Testing
import TraceFormat

/// A trace recorded block by block is, byte for byte, the trace written record by record, position by position.
@Suite struct BlockRecordingTests {
  /// Kind of run.
  enum Kind: CaseIterable { case float32, float64, int8 }

  /// Filters as a user writes them: sites, layers, positions.
  static let filters: [RecordFilter] = [
    RecordFilter(),
    RecordFilter(names: [NamePattern("q"), NamePattern("logits")]),
    RecordFilter(layers: IndexRange(first: 1, last: 2)),
    RecordFilter(positions: IndexRange(first: 9, last: 20)),
    RecordFilter(positions: IndexRange(first: 65)),
    RecordFilter(names: [NamePattern("*.rope"), NamePattern("att")], positions: IndexRange(first: 3, last: 3)),
    RecordFilter(names: [NamePattern("x.final_norm")], positions: IndexRange(first: 69)),
  ]

  @Test(arguments: Kind.allCases, filters.indices)
  func blocksMakeTheSameFile(kind: Kind, filter: Int) throws {
    let model = try TestModel.grouped.checkpoint(kind == .int8 ? .int8 : .legacy)
    switch kind {
    case .float32: try check(model, Llama2Operations<Float>(), .float32, Self.filters[filter])
    case .float64: try check(model, Llama2Operations<Double>(), .float64, Self.filters[filter])
    case .int8: try check(model, QuantizedOperations(), .float32, Self.filters[filter])
    }
  }

  private func check<Ops: Operations>(
    _ model: borrowing Checkpoint, _ operations: Ops, _ precision: RunPlan.Precision, _ filter: RecordFilter
  ) throws {
    let folder = try TemporaryFolder()
    let tokenizer = try TestModel.grouped.tokenizer()
    let tokens = sampleTokens(count: 70, vocabularySize: model.configuration.vocabularySize)
    let plan = try RunPlan(model, precision: precision, steps: tokens.count, input: .forced(tokens))
    let selection = try RecordSelection(filter, plan, model: model)
    func recorder(_ path: String) throws -> TraceRecorder {
      try TraceRecorder(
        path: path, producer: "test 1", plan: plan, selection: selection, model: model, tokenizer: tokenizer)
    }
    // The header is taken from a file of the recorder itself, since it has no block.
    _ = try recorder(folder.path("header")).finish()
    let header = try TraceFile(path: folder.path("header")).header

    var direct = DirectRecorder(
      writer: try TraceWriter(path: folder.path("direct"), header: header), selection: selection,
      headCount: model.configuration.headCount, pieces: tokenizer.pieces.map(Array.init))
    try forward(model, operations, plan, tokens, blockSize: 1, &direct)
    let expected = try direct.finish()
    let expectedBytes = try folder.read("direct")
    #expect(expected.recordCount > 0)

    for blockSize in [1, 2, 7, 16, 64, 70] {
      var blocks = try recorder(folder.path("blocks"))
      try forward(model, operations, plan, tokens, blockSize: blockSize, &blocks)
      let found = try blocks.finish()
      #expect(found == expected, "blocks of \(blockSize)")
      #expect(try folder.read("blocks") == expectedBytes, "blocks of \(blockSize)")
    }
  }

  private func forward<Ops: Operations, Observer: ForwardObserver & ~Copyable>(
    _ model: borrowing Checkpoint, _ operations: Ops, _ plan: RunPlan, _ tokens: [Int], blockSize: Int,
    _ observer: inout Observer
  ) throws {
    var transformer = Transformer(
      model, operations: operations, capacity: tokens.count, blockSize: blockSize, quantized: plan.isQuantized(model))
    for start in stride(from: 0, to: tokens.count, by: blockSize) {
      let part = Array(tokens[start..<min(start + blockSize, tokens.count)])
      try transformer.forward(part, at: start, model: model, observer: &observer)
    }
  }
}

/// The plain way to record: each record when it is observed.
private struct DirectRecorder: ForwardObserver, ~Copyable {
  var writer: TraceWriter
  let selection: RecordSelection
  let headCount: Int
  let pieces: [[UInt8]]

  mutating func begin(position: Int, token: Int) throws(TraceError) {
    try writer.token(TraceToken(id: token, text: pieces[token]), position: position)
  }

  func wants(_ site: Site, layer: Int?, position: Int) -> Bool {
    selection.wants(site, layer: layer, position: position)
  }

  mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) throws(TraceError) {
    for (r, position) in positions.enumerated() where wants(site, layer: layer, position: position) {
      let row = values[row: r]
      let shape =
        switch site.shape {
        case .vector: TensorShape(vector: row.count)
        case .headsByPositions: TensorShape(rows: headCount, columns: row.count / headCount)
        }
      let key = RecordKey(site, layer: layer, position: position)
      try writer.record(key, type: Element.elementType, shape: shape, payload: row.bytes)
    }
  }

  consuming func finish() throws(TraceError) -> (recordCount: Int, byteCount: Int) { try writer.finish() }
}
