import Foundation
import Model
import Synthesis
import Testing
import TraceFormat

/// A checkpoint's bytes, read at offsets that are computed here, independently of the writer and of `Checkpoint`.
struct CheckpointBytes {
  let bytes: [UInt8]

  func int32(at offset: Int) -> Int {
    Int(Int32(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }))
  }

  func floats(at offset: Int, count: Int) -> [Float] {
    (0..<count).map { Float(bitPattern: UInt32(bitPattern: Int32(int32(at: offset + 4 * $0)))) }
  }

  func int8(at offset: Int, count: Int) -> [Int] { (0..<count).map { Int(Int8(bitPattern: bytes[offset + $0])) } }
}

/// A name and the number of elements of all layers, in the order of a file.
private typealias Part = (name: String, layers: Int, count: Int)

private func legacyParts(_ c: Configuration) -> [Part] {
  let matrices = matrixParts(c)
  return [("embedding", 1, c.vocabularySize * c.dim), ("attention norm", c.layerCount, c.dim)]
    + matrices[..<4] + [("ffn norm", c.layerCount, c.dim)] + matrices[4...]
    + [("final norm", 1, c.dim), ("rope", 1, c.sequenceLength * (c.dim / c.headCount))]
    + (c.sharesClassifier ? [] : [("classifier", 1, c.vocabularySize * c.dim)])
}

private func modernParts(_ c: Configuration) -> [Part] {
  [
    ("attention norm", c.layerCount, c.dim), ("ffn norm", c.layerCount, c.dim), ("final norm", 1, c.dim),
    ("embedding", 1, c.vocabularySize * c.dim),
  ] + matrixParts(c) + (c.sharesClassifier ? [] : [("classifier", 1, c.vocabularySize * c.dim)])
}

private func matrixParts(_ c: Configuration) -> [Part] {
  let keyValueDim = c.dim / c.headCount * c.keyValueHeadCount
  return [
    ("wq", c.dim * c.dim), ("wk", keyValueDim * c.dim), ("wv", keyValueDim * c.dim), ("wo", c.dim * c.dim),
    ("w1", c.hiddenDim * c.dim), ("w2", c.dim * c.hiddenDim), ("w3", c.hiddenDim * c.dim),
  ].map { (name: $0.0, layers: c.layerCount, count: $0.1) }
}

/// The float32 tensors of a v0 or v1 file, layer by layer, by name.
private func tensors(_ file: CheckpointBytes, _ parts: [Part], from start: Int) -> [String: [[Float]]] {
  var offset = start
  var result: [String: [[Float]]] = [:]
  for part in parts {
    result[part.name] = (0..<part.layers).map { layer in
      file.floats(at: offset + layer * part.count * 4, count: part.count)
    }
    offset += part.layers * part.count * 4
  }
  return result
}

/// The preset for tests, and shapes down to a vocabulary of three tokens.
private func shapes() throws -> [Configuration] {
  func shape(_ dim: Int, _ hidden: Int, _ layers: Int, _ heads: Int, _ kvHeads: Int, _ vocabulary: Int, _ shares: Bool)
    throws -> Configuration
  {
    try Configuration(
      dim: dim, hiddenDim: hidden, layerCount: layers, headCount: heads, keyValueHeadCount: kvHeads,
      vocabularySize: vocabulary, sequenceLength: 20, sharesClassifier: shares)
  }
  return [
    try ModelPreset.tiny.sizes.configuration(), try shape(8, 5, 1, 2, 1, 3, true),
    try shape(12, 7, 2, 3, 3, 32, false), try shape(32, 33, 4, 4, 2, 300, true),
  ]
}

@Suite struct SynthesisCheckpointTests {
  private let tiny: SyntheticModel

  init() throws {
    tiny = SyntheticModel(configuration: try ModelPreset.tiny.sizes.configuration(), seed: 1)
  }

  @Test func presetsHaveLlama2cShapes() throws {
    #expect(
      try ModelPreset.stories15M.sizes.configuration()
        == Configuration(
          dim: 288, hiddenDim: 768, layerCount: 6, headCount: 6, keyValueHeadCount: 6, vocabularySize: 32000,
          sequenceLength: 256, sharesClassifier: true))
    #expect(
      try ModelPreset.stories110M.sizes.configuration()
        == Configuration(
          dim: 768, hiddenDim: 2048, layerCount: 12, headCount: 12, keyValueHeadCount: 12, vocabularySize: 32000,
          sequenceLength: 1024, sharesClassifier: true))
  }

  @Test(arguments: try shapes()) func headersAndLengths(_ c: Configuration) throws {
    let model = SyntheticModel(configuration: c, seed: 7)
    let sizes: [Int] = [
      c.dim, c.hiddenDim, c.layerCount, c.headCount, c.keyValueHeadCount, c.vocabularySize, c.sequenceLength,
    ]

    let v0 = CheckpointBytes(bytes: try model.checkpointBytes(version: .legacy))
    var signed = sizes
    if !c.sharesClassifier { signed[5] = -signed[5] }
    #expect((0..<7).map { v0.int32(at: 4 * $0) } == signed)
    #expect(v0.bytes.count == 28 + 4 * legacyParts(c).reduce(0) { $0 + $1.layers * $1.count })

    let v1 = CheckpointBytes(bytes: try model.checkpointBytes(version: .float32))
    #expect(Array(v1.bytes[..<8]) == Array("24ka".utf8) + [1, 0, 0, 0])
    #expect((0..<7).map { v1.int32(at: 8 + 4 * $0) } == sizes)
    #expect(v1.bytes[36] == (c.sharesClassifier ? 1 : 0))
    #expect(v1.bytes[37..<256].allSatisfy { $0 == 0 })
    #expect(v1.bytes.count == 256 + 4 * modernParts(c).reduce(0) { $0 + $1.layers * $1.count })

    let groupSize = model.defaultGroupSize
    #expect(c.dim % groupSize == 0)
    let v2 = CheckpointBytes(bytes: try model.checkpointBytes(version: .int8))
    #expect(Array(v2.bytes[..<8]) == Array("24ka".utf8) + [2, 0, 0, 0])
    #expect((0..<7).map { v2.int32(at: 8 + 4 * $0) } == sizes)
    #expect(v2.bytes[36] == (c.sharesClassifier ? 1 : 0))
    #expect(v2.int32(at: 37) == groupSize)
    #expect(v2.bytes[41..<256].allSatisfy { $0 == 0 })
    let quantized = modernParts(c).dropFirst(3).reduce(0) { $0 + $1.layers * ($1.count + $1.count / groupSize * 4) }
    #expect(v2.bytes.count == 256 + 4 * c.dim * (2 * c.layerCount + 1) + quantized)
  }

  @Test(arguments: try shapes(), [CheckpointVersion.legacy, .float32, .int8])
  func isReadByCheckpoint(_ c: Configuration, _ version: CheckpointVersion) throws {
    let bytes = try SyntheticModel(configuration: c, seed: 7).checkpointBytes(version: version)
    let checkpoint = try Checkpoint(try MappedFile(copying: bytes, name: "synthetic"))
    #expect(checkpoint.configuration == c)
    #expect(checkpoint.version == version)
  }

  @Test(arguments: try shapes()) func versionsHoldTheSameFloats(_ c: Configuration) throws {
    let model = SyntheticModel(configuration: c, seed: 7)
    let v0 = tensors(.init(bytes: try model.checkpointBytes(version: .legacy)), legacyParts(c), from: 28)
    let v1 = tensors(.init(bytes: try model.checkpointBytes(version: .float32)), modernParts(c), from: 256)
    for part in modernParts(c) { #expect(v0[part.name] == v1[part.name], "\(part.name)") }
  }

  @Test(arguments: [1, 3, 8, 16, 48]) func quantizationIsTheNearest(_ groupSize: Int) throws {
    let c = tiny.configuration
    let v1 = tensors(.init(bytes: try tiny.checkpointBytes(version: .float32)), modernParts(c), from: 256)
    let v2 = CheckpointBytes(bytes: try tiny.checkpointBytes(version: .int8, groupSize: groupSize))
    var offset = 256 + 4 * c.dim * (2 * c.layerCount + 1)
    for part in modernParts(c).dropFirst(3) {
      for layer in 0..<part.layers {
        let weights = try #require(v1[part.name])[layer]
        let values = v2.int8(at: offset, count: part.count)
        let scales = v2.floats(at: offset + part.count, count: part.count / groupSize)
        offset += part.count + part.count / groupSize * 4
        var worst = 0.0
        var wrong = 0
        for (index, weight) in weights.enumerated() {
          let scale = scales[index / groupSize]
          // What llama2.c's export computes in float32, halves to even.
          if values[index] != Int((weight / scale).rounded(.toNearestOrEven)) { wrong += 1 }
          worst = max(worst, abs(Double(weight) - Double(values[index]) * Double(scale)) / Double(scale))
        }
        for (group, scale) in scales.enumerated() {
          let members = weights[(group * groupSize)..<((group + 1) * groupSize)]
          if scale != members.reduce(0, { max($0, $1.magnitude) }) / 127 { wrong += 1 }
        }
        #expect(wrong == 0, "\(part.name) of layer \(layer)")
        #expect(worst <= 0.5 + 127 * 0x1p-23, "\(part.name) of layer \(layer)")
      }
    }
    #expect(offset == v2.bytes.count)
  }

  @Test func groupSizesThatDoNotFitAreRefused() throws {
    #expect(
      throws: SynthesisError.groupSizeDoesNotDivide(groupSize: 7, tensor: "token_embedding_table", count: 320 * 48)
    ) { try tiny.checkpointBytes(version: .int8, groupSize: 7) }
    #expect(throws: SynthesisError.groupSizeDoesNotDivide(groupSize: 32, tensor: "w1", count: 101 * 48)) {
      try tiny.checkpointBytes(version: .int8, groupSize: 32)
    }
    #expect(throws: SynthesisError.groupSizeOutOfRange(0)) {
      try tiny.checkpointBytes(version: .int8, groupSize: 0)
    }
    #expect(throws: SynthesisError.groupSizeOutOfRange(1 << 31)) {
      try tiny.checkpointBytes(version: .int8, groupSize: 1 << 31)
    }
    #expect(
      SynthesisError.groupSizeDoesNotDivide(groupSize: 32, tensor: "w1", count: 4848).description
        == "group size: expected a divisor of the 4848 elements of w1, found 32")
  }

  @Test func absurdSizesAreRefusedBeforeAnythingIsWritten() throws {
    let largest = Int(Int32.max)
    let c = try Configuration(
      dim: largest - 1, hiddenDim: largest, layerCount: largest, headCount: 1, keyValueHeadCount: 1,
      vocabularySize: largest, sequenceLength: 1, sharesClassifier: true)
    #expect(throws: SynthesisError.tooLarge) {
      try SyntheticModel(configuration: c, seed: 1).write(to: "/nonexistent/model.bin")
    }
  }

  @Test func embeddingIsSmallEnoughForAWrongEpsilonToShow() throws {
    let c = tiny.configuration
    let v0 = tensors(.init(bytes: try tiny.checkpointBytes()), legacyParts(c), from: 28)
    let table = try #require(v0["embedding"])[0].map(Double.init)
    for row in 0..<c.vocabularySize {
      let square = table[(row * c.dim)..<((row + 1) * c.dim)].reduce(0) { $0 + $1 * $1 } / Double(c.dim)
      #expect(square < 0.05)
      // An epsilon of 1e-6 in place of 1e-5 changes the norm by this much, relatively.
      #expect(abs(((square + 1e-5) / (square + 1e-6)).squareRoot() - 1) > 1e-4)
    }
    let square = table[(259 * c.dim)...].reduce(0) { $0 + $1 * $1 } / Double((c.vocabularySize - 259) * c.dim)
    #expect((0.005...0.02).contains(square))
  }

  @Test func everyTensorIsDifferent() throws {
    let c = tiny.configuration
    let v0 = tensors(.init(bytes: try tiny.checkpointBytes()), legacyParts(c), from: 28)
    var beginnings: Set<[Float]> = []
    for layers in v0.values {
      for tensor in layers {
        #expect(tensor.allSatisfy { $0.isFinite })
        #expect(Set(tensor).count > tensor.count * 9 / 10, "values repeat")
        // Signs and order, whatever the size: two tensors of one stream would agree in them.
        let mean = tensor.reduce(0, +) / Float(tensor.count)
        #expect(beginnings.insert(tensor.prefix(32).map { $0 > mean ? 1 : 0 }).inserted, "two tensors are alike")
      }
    }
    for name in ["attention norm", "ffn norm", "final norm"] {
      for tensor in try #require(v0[name]) { #expect(tensor.allSatisfy { (0.3...1.7).contains($0) }) }
    }
    #expect(try #require(v0["rope"])[0].allSatisfy { (-1..<1).contains($0) })
  }

  @Test func seedsAndShapesGiveDifferentModels() throws {
    let other = SyntheticModel(configuration: tiny.configuration, seed: 2)
    #expect(try tiny.checkpointBytes() != other.checkpointBytes())
    #expect(try tiny.checkpointBytes() == tiny.checkpointBytes())
  }

  /// Recorded values: a change of any weight, on any platform, shows here.
  @Test func bytesAreTheSameEverywhere() throws {
    func checksum(_ bytes: [UInt8]) -> String { "0x" + String(Checksum.of(bytes.span.bytes), radix: 16) }
    #expect(try checksum(tiny.checkpointBytes(version: .legacy)) == "0x90a471eecbe77abf")
    #expect(try checksum(tiny.checkpointBytes(version: .float32)) == "0x19d4b1747d5f6ddd")
    #expect(try checksum(tiny.checkpointBytes(version: .int8)) == "0x907d6d64ec3a6be4")
    #expect(checksum(SyntheticTokenizer(vocabularySize: 320).bytes) == "0x88ec456aa3dd5562")
    #expect(checksum(SyntheticTokenizer(vocabularySize: 32000).bytes) == "0xc8da941a929ba7ce")
  }

  /// More elements in a tensor than are drawn at a time, and groups that end where no block does.
  @Test func filesHoldTheSameBytes() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("synthesis-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let c = try Configuration(
      dim: 96, hiddenDim: 700, layerCount: 1, headCount: 2, keyValueHeadCount: 1, vocabularySize: 320,
      sequenceLength: 4, sharesClassifier: true)
    let model = SyntheticModel(configuration: c, seed: 3)
    for version in [CheckpointVersion.legacy, .float32, .int8] {
      let path = folder.appendingPathComponent("v\(version.rawValue).bin").path
      let count = try model.write(to: path, version: version, groupSize: 48)
      let bytes = try model.checkpointBytes(version: version, groupSize: 48)
      #expect(count == bytes.count)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(bytes))
    }
    let path = folder.appendingPathComponent("tokenizer.bin").path
    let tokenizer = SyntheticTokenizer(vocabularySize: 9000)
    #expect(try tokenizer.write(to: path) == tokenizer.bytes.count)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(tokenizer.bytes))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["tokenizer.bin", "v0.bin", "v1.bin", "v2.bin"])

    let missing = folder.appendingPathComponent("missing/model.bin").path
    #expect(
      throws: SynthesisError.file(
        FileError("write", missing + ".partial", reason: "No such file or directory", isMissing: true))
    ) { try model.write(to: missing) }
  }
}
