import Testing
import TestSupport
import TraceFormat

@Suite struct TraceRoundTripTests {
  /// The bytes that docs/trace-format.md spells out, checksums included: 0x10, 0xd0, 0x110, 0x190 and 0x210.
  @Test func documentedExample() throws {
    let bytes = try TraceFixture.bytes()
    #expect(bytes.count == 576)
    #expect(Array(bytes[0..<8]) == [0x89, 0x4C, 0x32, 0x54, 0x52, 0x43, 0x0D, 0x0A])
    #expect(Array(bytes[0x10..<0x18]) == [0x48, 0xE7, 0x11, 0x14, 0x62, 0x1E, 0xBD, 0x0A])
    #expect(Array(bytes[0xD0..<0xD8]) == [0x23, 0x50, 0xCC, 0xBF, 0x15, 0xA2, 0x78, 0x79])
    #expect(Array(bytes[0x110..<0x118]) == [0x87, 0x90, 0x7B, 0x84, 0x44, 0x42, 0xA5, 0x95])
    #expect(Array(bytes[0x190..<0x198]) == [0xAF, 0x18, 0xE7, 0xC8, 0x54, 0xEC, 0x57, 0x3D])
    #expect(Array(bytes[0x210..<0x218]) == [0x8F, 0xE6, 0xC4, 0x45, 0x0C, 0x71, 0x7C, 0x28])
    let trace = try TraceFixture.open(bytes)
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.isComplete)
    #expect(traceSummary.problems.isEmpty)
    #expect(traceSummary.header == TraceFixture.header)
    #expect(traceSummary.tokens == [0: TraceToken(id: 1, text: Array("\n<s>\n".utf8))])
    #expect(traceSummary.recordCount == 1)
    let values = TraceFixture.values(trace)
    #expect(values == [1, -2.5])
  }

  @Test(arguments: ElementType.allCases)
  func everyElementTypeAndRank(type: ElementType) throws {
    let folder = try TemporaryFolder()
    let shapes = [[], [5], [0], [2, 3], [2, 1, 4], [1, 2, 3, 2]]
    var writer = try TraceWriter(path: folder.path("a.trace"), header: TraceHeader(producer: "test"))
    try writer.token(TraceToken(id: 7), position: 3)
    for (layer, dimensions) in shapes.enumerated() {
      let shape = try #require(TensorShape(dimensions))
      let count = try #require(shape.elementCount) * type.size
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 3 + layer) }
      let key = RecordKey(TensorName("any.name"), layer: layer, position: 3)
      try writer.record(key, type: type, shape: shape, payload: payload.span.bytes)
    }
    try writer.finish()

    var trace = try TraceFile(path: folder.path("a.trace"))
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.problems.isEmpty)
    for (layer, dimensions) in shapes.enumerated() {
      let next = trace.next()
      let key = try #require(next)
      #expect(key == RecordKey(TensorName("any.name"), layer: layer, position: 3))
      let found = try trace.withRecord(key) { record in
        #expect(record.elementType == type)
        #expect(record.shape.dimensions == dimensions)
        return record.payload.byteArray(0..<record.payload.byteCount)
      }
      let count = dimensions.reduce(1, *) * type.size
      #expect(found == (0..<count).map { UInt8(truncatingIfNeeded: $0 * 3 + layer) })
    }
    let end = trace.next()
    #expect(end == nil)
  }

  @Test(
    arguments: [
      (0x0000, 0.0), (0x8000, -0.0), (0x3C00, 1.0), (0xC100, -2.5), (0x0001, 0x1p-24), (0x7BFF, 65504),
      (0x7C00, .infinity), (0xFC00, -.infinity),
    ] as [(UInt16, Double)])
  func halfPrecision(bits: UInt16, value: Double) {
    let payload = [bits]
    #expect(ElementType.float16.load(payload.span.bytes, at: 0).bitPattern == value.bitPattern)
  }

  @Test func halfPrecisionNaNAndBfloat16() {
    let half: [UInt16] = [0x7E00]
    #expect(ElementType.float16.load(half.span.bytes, at: 0).isNaN)
    let brain: [UInt16] = [0x3FC0, 0xFF80]
    #expect(ElementType.bfloat16.load(brain.span.bytes, at: 0) == 1.5)
    #expect(ElementType.bfloat16.load(brain.span.bytes, at: 1) == -.infinity)
  }

  /// Records in any order come back in the order of execution.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func shuffledRecordsAreSorted(seed: UInt64) throws {
    var keys: [RecordKey] = []
    for position in 0..<3 {
      for site in Site.all(quantized: true) {
        for layer in site.scope == .layer ? [0, 1] : [nil] {
          keys.append(RecordKey(site, layer: layer, position: position))
        }
      }
      keys.append(RecordKey(TensorName("zz.mine"), layer: 1, position: position))
    }
    keys.sort()
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a.trace"), header: TraceHeader(producer: "test"))
    for position in [2, 0, 1] { try writer.token(TraceToken(id: position), position: position) }
    var generator = SplitMix(seed: seed)
    for key in keys.shuffled(using: &generator) {
      let payload = Array(key.description.utf8)
      try writer.record(key, type: .int8, shape: TensorShape(vector: payload.count), payload: payload.span.bytes)
    }
    try writer.finish()
    var trace = try TraceFile(path: folder.path("a.trace"))
    var found: [RecordKey] = []
    while let key = trace.next() {
      found.append(key)
      let text = try trace.withRecord(key) {
        String(decoding: $0.payload.byteArray(0..<$0.payload.byteCount), as: UTF8.self)
      }
      #expect(text == key.description)
    }
    #expect(found == keys)
    for key in keys.shuffled(using: &generator) {
      let isThere = try trace.withRecord(key) { _ in true }
      #expect(isThere == true)
    }
    let isThere = try trace.withRecord(RecordKey(.logits, layer: nil, position: 9)) { _ in true }
    #expect(isThere == nil)
  }

  @Test func headerFieldsOfEveryTypeSurvive() throws {
    let header = TraceHeader(
      producer: "é 1",
      fields: [
        "a_1": .integer(.min), "zeta": .real(-0.0), "nan": .real(.infinity), "prompt": .text([0xFF, 0, 0x80]),
        "seed": .integer(-1), "empty": .text([]),
      ])
    let folder = try TemporaryFolder()
    try TraceWriter(path: folder.path("a.trace"), header: header).finish()
    let trace = try TraceFile(path: folder.path("a.trace"))
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.header == header)
    #expect(traceSummary.isComplete)
    #expect(traceSummary.recordCount == 0)
  }
}
