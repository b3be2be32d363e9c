import Model
import Testing
import TestSupport
import TraceFormat

/// Every planted fault does what it says: it changes its own sites first, and writes to nothing else.
@Suite struct FaultTests {
  static let positions = 12

  /// A run that a fault is planted in.
  struct Run: Sendable, CustomStringConvertible {
    let model: TestModel
    let isQuantized: Bool

    var description: String { "\(model.rawValue), \(isQuantized ? "int8" : "float32")" }

    func checkpoint() throws -> Checkpoint { try model.checkpoint(isQuantized ? .int8 : .legacy) }
  }

  static let runs = TestModel.allCases.flatMap { model in
    [false, true].map { Run(model: model, isQuantized: $0) }
  }

  static let faults = Fault.all + Fault.unlisted

  /// The faults that a model can have: most of them, whichever it is.
  private static func applicable(to model: borrowing Checkpoint) throws -> [Fault] {
    let (sizes, groupSize) = (model.configuration, model.groupSize)
    let applicable = faults.filter { $0.applies(to: sizes, groupSize: groupSize) }
    try #require(2 * applicable.count > faults.count)
    return applicable
  }

  @Test(arguments: runs)
  func faultsChangeTheirSitesFirst(run: Run) throws {
    let model = try run.checkpoint()
    let expected = record(FaultyOperations([], quantized: run.isQuantized), model)
    for fault in try Self.applicable(to: model) {
      let actual = record(FaultyOperations(fault, quantized: run.isQuantized), model)
      #expect(expected.order == actual.order)
      let changed = changes(expected, actual)
      let first = changed.first?.name.site
      #expect(first.map(fault.sites.contains) == true, "\(fault) first changes \(first?.rawValue ?? "nothing")")
      for site in fault.sites {
        #expect(changed.contains { $0.name.site == site }, "\(fault) does not change \(site.rawValue)")
      }
    }
  }

  @Test(arguments: runs)
  func faultsWriteToTheirOwnBufferAlone(run: Run) throws {
    let model = try run.checkpoint()
    for fault in try Self.applicable(to: model) {
      // Buffers change hands from layer to layer; the first positions show who writes where.
      _ = record(BufferCheck(fault, quantized: run.isQuantized), model, positions: 3)
    }
  }

  /// Without faults the operations are llama2.c's, so that what changes is the faults' doing.
  @Test(arguments: runs)
  func noFaultIsLlama2(run: Run) throws {
    let model = try run.checkpoint()
    let actual = record(FaultyOperations([], quantized: run.isQuantized), model)
    let expected =
      run.isQuantized ? record(QuantizedOperations(), model) : record(Llama2Operations<Float>(), model)
    #expect(expected.order == actual.order)
    #expect(changes(expected, actual).isEmpty)
  }

  @Test func twoFaultsShowTogether() throws {
    let run = Run(model: .grouped, isQuantized: false)
    let model = try run.checkpoint()
    let first = try #require(Fault.named("attn-norm-weight-missing"))
    let second = try #require(Fault.named("final-norm-missing"))
    let both = record(FaultyOperations([first, second]), model)
    let one = record(FaultyOperations(first), model)
    #expect(Set(changes(one, both).compactMap(\.name.site)) == [.finalNorm, .logits])
  }

  /// Weights read seven floats early are what the file has there, in both layouts.
  @Test(arguments: [CheckpointVersion.legacy, .float32])
  func shiftedWeightsAreTheFilesBytes(version: CheckpointVersion) throws {
    let bytes = try TestModel.grouped.bytes(version)
    let model = try TestModel.grouped.checkpoint(version)
    let sizes = model.configuration
    let actual = record(
      FaultyOperations(try #require(Fault.named("product-wq-header-not-skipped"))), model, positions: 1)
    let norms = sizes.layerCount * sizes.dim
    let header = version == .legacy ? 28 : 256
    let before = version == .legacy ? norms : 2 * norms + sizes.dim
    let input = try #require(actual.records[RecordKey(.attentionNorm, layer: 1, position: 0)])
    let output = try #require(actual.records[RecordKey(.queryProjection, layer: 1, position: 0)])
    let start = header + 4 * (sizes.vocabularySize * sizes.dim + before + sizes.dim * sizes.dim - 7)
    for i in 0..<sizes.dim {
      var sum: Float = 0
      for j in 0..<sizes.dim {
        let offset = start + 4 * (i * sizes.dim + j)
        let pattern = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        sum += Float(bitPattern: pattern) * Float(input[j])
      }
      #expect(Double(sum) == output[i])
    }
  }

  private func record<Ops: Operations>(_ operations: Ops, _ model: borrowing Checkpoint, positions: Int = positions)
    -> Recording
  {
    var recording = Recording()
    var transformer = Transformer(
      model, operations: operations, capacity: positions, quantized: model.isQuantized)
    let tokens = sampleTokens(count: positions, vocabularySize: model.configuration.vocabularySize)
    for (position, token) in tokens.enumerated() {
      transformer.forward([token], at: position, model: model, observer: &recording)
    }
    return recording
  }

  /// The records whose bits differ, in the order of execution.
  private func changes(_ expected: Recording, _ actual: Recording) -> [RecordKey] {
    expected.order.filter { key in
      expected.records[key]?.map(\.bitPattern) != actual.records[key]?.map(\.bitPattern)
    }
  }

  @Test func idsAreUniqueAndInKebabCase() {
    let ids = Self.faults.map(\.id)
    #expect(Set(ids).count == ids.count)
    for id in ids { #expect(id.allSatisfy { $0.isLowercase || $0.isNumber || "-.".contains($0) }, "\(id)") }
  }

  @Test func theCatalogueIsNamedAndTheRestIsNot() {
    #expect(Fault.all.allSatisfy { $0.causeID != nil })
    #expect(Fault.unlisted.allSatisfy { $0.causeID == nil })
    #expect(Fault.unlisted.count >= 14)
  }
}

/// Operations with a fault that compare every buffer before and after each of its sites.
private struct BufferCheck: Operations {
  private let fault: Fault
  private let faulty: FaultyOperations

  init(_ fault: Fault, quantized: Bool) {
    self.fault = fault
    faulty = FaultyOperations(fault, quantized: quantized)
  }

  func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    guard fault.sites.contains(site) else {
      faulty.perform(site, layer: layer, &s, model)
      return
    }
    let before = buffers(s, model.configuration)
    faulty.perform(site, layer: layer, &s, model)
    let after = buffers(s, model.configuration)
    var written = [site.buffer]
    if site == .attentionScores { written += ["key_cache", "value_cache"] }
    // Scales are computed with their values.
    if site.holdsQuantizedValues { written += [site == .swigluValues ? "hs" : "xs"] }
    for name in before.keys where !written.contains(name) {
      #expect(before[name] == after[name], "\(fault) writes to \(name) at \(site.rawValue)")
    }
  }

  /// All buffers by name, as bits. Of att, which grows with the position, the part that is in use.
  private func buffers(_ s: borrowing ForwardState<Float>, _ sizes: Configuration) -> [String: [UInt64]] {
    let layers = 0..<sizes.layerCount
    func bits<Element: TraceElement>(_ elements: Span<Element>) -> [UInt64] {
      elements.indices.map { Element.elementType.load(elements.bytes, at: $0).bitPattern }
    }
    func all<Element: TraceElement>(_ matrix: Matrix<Element>) -> [UInt64] { bits(matrix.view.elements) }
    return [
      "x": all(s.x), "xb": all(s.xb), "xb2": all(s.xb2), "q": all(s.q), "k": all(s.k), "v": all(s.v),
      "att": bits(s.att.elements(0)), "hb": all(s.hb), "hb2": all(s.hb2), "logits": all(s.logits),
      "key_cache": layers.flatMap { bits(s.keyCache.layer($0).elements) },
      "value_cache": layers.flatMap { bits(s.valueCache.layer($0).elements) },
      "xq": all(s.xq), "xs": all(s.xs), "hq": all(s.hq), "hs": all(s.hs),
    ]
  }
}
