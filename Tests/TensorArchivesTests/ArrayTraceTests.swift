@testable import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct ArrayTraceTests {
  /// A zip archive of arrays of float32.
  private func zip(_ arrays: (String, [Float], [Int])...) -> [UInt8] {
    ZipSample(arrays.map { ($0.0, Samples.npy($0.1, $0.2)) }).bytes
  }

  private func values(_ trace: borrowing ArrayTrace, _ key: RecordKey) throws -> [Double]? {
    try trace.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
  }

  private func shape(_ trace: borrowing ArrayTrace, _ key: RecordKey) throws -> [Int]? {
    try trace.withRecord(key) { $0.shape.dimensions }
  }

  private func numbers(_ count: Int) -> [Float] { (0..<count).map(Float.init) }

  // MARK: - Layouts

  @Test func stackedPositions() throws {
    let trace = try Samples.trace(
      zip(("h", numbers(12), [2, 3, 2])), "tensor h -> x.ffn_residual axes=layer,position,feature layers=4 positions=7")
    #expect(trace.recordCount == 6 && trace.problems.isEmpty && trace.isComplete && !trace.hasTokens)
    #expect(trace.key(at: 0) == RecordKey(.ffnResidual, layer: 4, position: 7))
    #expect(trace.key(at: 1) == RecordKey(.ffnResidual, layer: 5, position: 7))
    #expect(try values(trace, RecordKey(.ffnResidual, layer: 5, position: 8)) == [8, 9])
    #expect(try values(trace, RecordKey(.ffnResidual, layer: 5, position: 10)) == nil)
    let isThere = trace.contains(RecordKey(.ffnResidual, layer: 4, position: 9))
    #expect(isThere)
    for key in [
      RecordKey(.ffnResidual, layer: 3, position: 7), RecordKey(.ffnResidual, layer: nil, position: 7),
      RecordKey(.ffnResidual, layer: 4, position: 6), RecordKey(.ffnNorm, layer: 4, position: 7),
      RecordKey(.ffnResidual, layer: -1, position: 7), RecordKey(.ffnResidual, layer: .max, position: .max),
    ] {
      let isThere = trace.contains(key)
      #expect(!isThere, "\(key)")
    }
    #expect(trace.withVerifiedRecord(RecordKey(.ffnResidual, layer: 4, position: 8)) { $0.element(1) } == 3)
  }

  @Test func recordsComeInTheOrderOfExecution() throws {
    var trace = try Samples.trace(
      zip(
        ("logits", numbers(4), [2, 2]), ("q", numbers(8), [2, 2, 2]), ("x", numbers(4), [2, 2]), ("z", numbers(2), [2])),
      "tensor logits -> logits axes=position,feature", "tensor q -> q.proj axes=position,layer,feature",
      "tensor x -> x.embed axes=feature,position", "tensor z -> another axes=position")
    var keys: [RecordKey] = []
    while let key = trace.next() { keys.append(key) }
    #expect(keys == keys.sorted() && keys.count == 10 && trace.recordCount == 10)
    #expect(keys == (0..<10).map { trace.key(at: $0) })
    #expect(keys.first == RecordKey(.embedding, layer: nil, position: 0))
    #expect(try values(trace, RecordKey(.embedding, layer: nil, position: 1)) == [1, 3])
    #expect(try shape(trace, RecordKey(.other("another"), layer: nil, position: 1)) == [])
  }

  @Test func batches() throws {
    let bytes = zip(("x", numbers(12), [2, 3, 2]))
    let trace = try Samples.trace(bytes, "tensor x -> x.embed axes=batch,position,feature batch=1")
    #expect(try values(trace, RecordKey(.embedding, layer: nil, position: 2)) == [10, 11])
    #expect(
      Samples.mappingError(bytes, "tensor x -> x.embed axes=batch,position,feature")
        == ArchiveError(
          "arrays", .array("x"),
          .invalid("batch axis", expected: "batch=N, since it has several sequences", found: "2 of them")))
    #expect(
      Samples.mappingError(bytes, "tensor x -> x.embed axes=batch,position,feature batch=2")
        == ArchiveError("arrays", .array("x"), .invalid("batch", expected: "a number below 2", found: "2")))
    let single = try Samples.trace(
      zip(("x", numbers(4), [1, 1, 4])), "tensor x -> x.embed axes=batch,one,position")
    #expect(single.recordCount == 4)
    #expect(
      Samples.mappingError(bytes, "tensor x -> x.embed axes=one,position,feature")
        == ArchiveError("arrays", .array("x"), .invalid("axis 'one'", expected: "length 1", found: "2")))
  }

  /// Heads that store their even elements first are put back into llama2.c's order.
  @Test func halves() throws {
    let stored = numbers(8)
    let expected: [Double] = [0, 2, 1, 3, 4, 6, 5, 7]
    let key = RecordKey(.queryRotation, layer: 0, position: 0)
    let split = zip(("q0", stored, [1, 2, 4]))
    #expect(
      try values(Samples.trace(split, "tensor q{layer} -> q.rope axes=position,head,element rope=halves"), key)
        == expected)
    let joined = zip(("q0", stored, [1, 8]))
    let line = "tensor q{layer} -> q.rope axes=position,feature rope=halves"
    #expect(try values(Samples.trace(joined, line + ":4"), key) == expected)
    #expect(try values(Samples.trace(joined, line, "set dim = 8", "set n_heads = 2"), key) == expected)
    #expect(
      try values(Samples.trace(joined, line + ":8"), key) == [0, 4, 1, 5, 2, 6, 3, 7])
    #expect(
      Samples.mappingError(joined, line)?.rule
        == .invalid(
          "rope=halves", expected: "the size of a head: rope=halves:SIZE, or set dim and n_heads", found: "none"))
    #expect(
      Samples.mappingError(joined, line + ":6")?.rule
        == .invalid("rope=halves", expected: "whole heads of 6", found: "8 elements"))
    #expect(
      Samples.mappingError(split, "tensor q{layer} -> q.rope axes=position,head,element rope=halves:2")?.rule
        == .invalid("rope=halves", expected: "heads of 2 elements, an even number", found: "4 elements"))
    #expect(
      Samples.mappingError(
        zip(("q0", numbers(3), [1, 3])), "tensor q{layer} -> q.rope axes=position,element rope=halves")?
        .rule == .invalid("rope=halves", expected: "heads of 3 elements, an even number", found: "3 elements"))
    // An empty axis divides into heads of any size; their strides must not overflow.
    let huge = 1 << 62
    #expect(
      Samples.mappingError(
        zip(("q0", [], [0, 4])),
        "set dim = \(huge)\nset n_heads = 1\ntensor q{position} -> mine axes=feature,batch batch=1 rope=halves")?
        .rule
        == .invalid("rope=halves", expected: "whole heads of \(huge)", found: "0 elements"))
    let missing = ArchiveRule.invalid(
      "rope=halves", expected: "feature, or head and element, among the axes", found: "neither")
    #expect(
      Samples.mappingError(split, "tensor q{layer} -> q.rope axes=position,head,key rope=halves")?.rule == missing)
    #expect(Samples.mappingError(zip(("q0", stored, [8])), "tensor q{position} -> other rope=halves")?.rule == missing)
  }

  @Test func keysOfHeads() throws {
    let bytes = zip(("s1", numbers(18), [2, 3, 3]))
    let trace = try Samples.trace(bytes, "tensor s{layer} -> att.scores axes=head,position,key")
    #expect(try shape(trace, RecordKey(.attentionScores, layer: 1, position: 1)) == [2, 2])
    #expect(try values(trace, RecordKey(.attentionScores, layer: 1, position: 0)) == [0, 9])
    #expect(try values(trace, RecordKey(.attentionScores, layer: 1, position: 1)) == [3, 4, 12, 13])
    #expect(try values(trace, RecordKey(.attentionScores, layer: 1, position: 2)) == [6, 7, 8, 15, 16, 17])
    #expect(
      Samples.mappingError(bytes, "tensor s{layer} -> att.scores axes=head,position,key positions=1")?.rule
        == .invalid("key axis", expected: "at least 4 keys for position 3", found: "3"))
    let usual = try Samples.trace(zip(("s0.2", numbers(6), [2, 3])), "tensor s{layer}.{position} -> att.softmax")
    #expect(try shape(usual, RecordKey(.attentionWeights, layer: 0, position: 2)) == [2, 3])
    let one = try Samples.trace(zip(("s0", numbers(4), [2, 2])), "tensor s{layer} -> att.softmax axes=position,key")
    #expect(try shape(one, RecordKey(.attentionWeights, layer: 0, position: 1)) == [1, 2])
    let other = try Samples.trace(zip(("s0", numbers(4), [2, 2])), "tensor s{layer} -> mine axes=position,key")
    #expect(try shape(other, RecordKey(.other("mine"), layer: 0, position: 1)) == [2])
  }

  @Test func otherNamesKeepTheirShape() throws {
    let turned = ZipSample([("k0", Samples.npy(numbers(4), [2, 2], isFortranOrder: true))]).bytes
    let key = RecordKey(.other("mine"), layer: nil, position: 0)
    #expect(try values(Samples.trace(turned, "tensor k{position} -> mine"), key) == [0, 2, 1, 3])
    let trace = try Samples.trace(zip(("k0", numbers(6), [1, 3, 2])), "tensor k{position} -> mine")
    #expect(try shape(trace, RecordKey(.other("mine"), layer: nil, position: 0)) == [1, 3, 2])
    #expect(
      Samples.mappingError(zip(("k0", [0], [1, 1, 1, 1, 1])), "tensor k{position} -> mine")?.rule
        == .invalid(
          "shape of a record", expected: "at most 4 dimensions below 2^32; say axes=", found: "1 x 1 x 1 x 1 x 1"))
  }

  @Test func axesThatDoNotFit() {
    let bytes = zip(("x", numbers(4), [2, 2]))
    #expect(
      Samples.mappingError(bytes, "tensor x -> x.embed axes=position")?.rule
        == .invalid("axes", expected: "one for each of the 2 of float32 2 x 2", found: "position"))
    #expect(
      Samples.mappingError(zip(("x0", numbers(4), [2, 2])), "tensor x{position} -> x.embed")?.rule
        == .invalid("axes", expected: "one for each of the 2 of float32 2 x 2", found: "feature"))
    #expect(
      Samples.mappingError(zip(("x", [], [0, 2])), "tensor x -> x.embed axes=position,feature")?.rule
        == .invalid("shape", expected: "at least one element", found: "float32 0 x 2"))
  }

  // MARK: - Layers and positions

  @Test func numbersInNames() throws {
    let trace = try Samples.trace(
      zip(("h.1", [5], [1, 1]), ("h.2", [6], [1, 1])),
      "tensor h.{layer} -> x.ffn_residual axes=position,feature layers=-1")
    #expect(try values(trace, RecordKey(.ffnResidual, layer: 1, position: 0)) == [6])
    #expect(
      Samples.mappingError(
        zip(("h.0", [5], [1, 1])), "tensor h.{layer} -> x.ffn_residual axes=position,feature layers=-1")?
        .rule == .invalid("layer", expected: "numbers from 0 to 2^31 - 2", found: "-1 to -1"))
    for (name, found) in [
      ("h.2147483647", "2147483647 to 2147483647"), ("h.99999999999999999999", "\(Int.max) to \(Int.max)"),
    ] {
      #expect(
        Samples.mappingError(zip((name, [5], [1])), "tensor h.{position} -> x.embed")?.rule
          == .invalid("position", expected: "numbers from 0 to 2^31 - 2", found: found))
    }
    #expect(
      Samples.mappingError(zip(("h.\(Int.max)", [5], [1])), "tensor h.{position} -> x.embed positions=1")?.rule
        == .invalid("position", expected: "numbers from 0 to 2^31 - 2", found: "others"))
  }

  @Test func layersThatAreUnknownOrTooMany() {
    #expect(
      Samples.mappingError(zip(("q", [5], [1, 1])), "tensor q -> q.proj axes=position,feature")?.rule
        == .invalid(
          "layer of q.proj", expected: "{layer} in the pattern or layer among the axes", found: "neither"))
    #expect(
      Samples.mappingError(zip(("x", [5], [1, 1, 1])), "tensor x -> x.embed axes=position,layer,feature")?.rule
        == .invalid("layer of x.embed", expected: "none, since it stands outside the layers", found: "one"))
  }

  @Test func sitesInNames() throws {
    let trace = try Samples.trace(
      zip(("q.rope.0", [1], [1, 1]), ("v.proj.0", [2], [1, 1])), "tensor {site}.{layer} -> {site} axes=position,feature"
    )
    #expect(try values(trace, RecordKey(.valueProjection, layer: 0, position: 0)) == [2])
    #expect(
      Samples.mappingError(zip(("a b.0", [1], [1])), "tensor {site}.{position} -> {site}")
        == ArchiveError(
          "arrays", .array("a b.0"),
          .invalid("site", expected: "printable ASCII without blanks and , * ? =", found: "a b")))
  }

  // MARK: - Types

  @Test func bfloat16() throws {
    let key = RecordKey(.embedding, layer: nil, position: 0)
    for type in ["|V2", "<u2"] {
      let bytes = ZipSample([("x0", Samples.npy(type, [2], [0x80, 0x3F, 0x20, 0xC0]))]).bytes
      let trace = try Samples.trace(bytes, "tensor x{position} -> x.embed dtype=bfloat16")
      #expect(try values(trace, key) == [1, -2.5])
      #expect(
        Samples.mappingError(bytes, "tensor x{position} -> x.embed")?.rule
          == .unsupportedType(
            type == "|V2" ? "V2" : "uint16", remedy: "where it is bfloat16, say dtype=bfloat16 in the mapping"))
    }
    #expect(
      Samples.mappingError(zip(("x0", [1], [1])), "tensor x{position} -> x.embed dtype=bfloat16")?.rule
        == .invalid("dtype=bfloat16", expected: "elements of two bytes", found: "float32"))
    let integers = ZipSample([("x0", Samples.npy("<i8", [1], [UInt8](repeating: 0, count: 8)))]).bytes
    #expect(
      Samples.mappingError(integers, "tensor x{position} -> x.embed")?.rule
        == .unsupportedType(
          "int64", remedy: "save array.astype(numpy.float32), or exclude it by an ignore statement"))
  }

  // MARK: - Statements

  @Test func theFirstStatementCounts() throws {
    let trace = try Samples.trace(
      zip(("a0", [1], [1]), ("b0", [2], [1])), "tensor a{position} -> x.embed", "tensor *{position} -> logits")
    #expect(try values(trace, RecordKey(.logits, layer: nil, position: 0)) == [2])
    #expect(trace.recordCount == 2)
  }

  @Test func arraysWithoutStatement() throws {
    let bytes = zip(("a0", [1], [1]), ("mask", [2, 3], [2]))
    let problem = ArchiveError(
      "arrays", .array("mask"),
      .unmapped(shape: "float32 2", remedy: "add one to map, or exclude it by the line: ignore \"mask\""))
    #expect(try Samples.trace(bytes, "tensor a{position} -> x.embed").problems == [.unclear(problem.description)])
    #expect(try Samples.trace(bytes, "tensor a{position} -> x.embed", "ignore mas*").problems == [])
  }

  @Test func patternsThatMatchNothing() {
    let bytes = zip(("a0", [1], [1]))
    for line in ["tensor b{position} -> x.embed", "ignore b", "tokens b", "ignore a0"] {
      let pattern = line.split(separator: " ")[1]
      #expect(
        Samples.mappingError(bytes, "tensor a{position} -> x.embed", line)
          == ArchiveError("map", .line(2), .matchesNothing(String(pattern))))
    }
  }

  @Test func nothingToCompare() {
    let names = "a tensor statement for some of them"
    #expect(
      Samples.mappingError(zip(("a0", [1], [1])), "ignore *")
        == ArchiveError("arrays", .file, .invalid("names of arrays", expected: names, found: "'a0'")))
    let many = ZipSample((0..<6).map { ("a\($0)", Samples.npy([1])) }).bytes
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try ArrayTrace(Samples.archive(many)) }?.rule
        == .invalid(
          "names of arrays",
          expected: "SITE/layerL/posP and SITE/posP, or a mapping that says what they are (--map FILE)",
          found: "'a0', 'a1', 'a2', 'a3' and 2 more"))
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try ArrayTrace(Samples.archive(ZipSample().bytes)) }?.rule
        == .noArrays("nothing can be compared"))
  }

  @Test func recordsInTwoArrays() throws {
    let trace = try Samples.trace(
      zip(("a", numbers(6), [3, 2]), ("b", numbers(4), [2, 2])), "tensor a -> x.embed axes=position,feature",
      "tensor b -> x.embed axes=position,feature positions=1")
    #expect(trace.recordCount == 3)
    #expect(try values(trace, RecordKey(.embedding, layer: nil, position: 1)) == [2, 3])
    let problem = ArchiveError(
      "arrays", .array("b"),
      .recordedTwice(RecordKey(.embedding, layer: nil, position: 1), count: 2, other: "a"))
    #expect(trace.problems == [.unclear(problem.description)])
    #expect(
      problem.description
        == "arrays: array 'b': x.embed, position 1 and 1 more records are in the array 'a' too")
  }

  // MARK: - Tokens

  private func tokens(_ type: String, _ shape: [Int], _ elements: [UInt8]) -> [UInt8] {
    ZipSample([("x0", Samples.npy([1])), ("ids", Samples.npy(type, shape, elements))]).bytes
  }

  @Test(arguments: [
    ("<i8", 8), ("<i4", 4), ("<i2", 2), ("|i1", 1), ("<u8", 8), ("<u4", 4), ("<u2", 2), ("|u1", 1),
  ])
  func tokensOfEveryType(type: String, size: Int) throws {
    let bytes = tokens(type, [1, 3], [1, 7, 100].flatMap { Samples.little($0, size) })
    let trace = try Samples.trace(
      bytes, "tensor x{position} -> x.embed", "tokens ids axes=batch,position positions=2")
    #expect(trace.hasTokens && trace.problems.isEmpty)
    #expect(trace.tokens == [2: TraceToken(id: 1), 3: TraceToken(id: 7), 4: TraceToken(id: 100)])
  }

  @Test func badTokens() throws {
    let lines = "tensor x{position} -> x.embed\ntokens ids"
    for id in [-1, 1 << 31] {
      #expect(
        Samples.mappingError(tokens("<i8", [1], Samples.little(id, 8)), lines)
          == ArchiveError(
            "arrays", .array("ids"), .invalid("token 0", expected: "a number from 0 to 2^31 - 1", found: "another")))
    }
    #expect(
      Samples.mappingError(tokens("<f4", [1], [0, 0, 0, 0]), lines)?.rule
        == .unsupportedType("float32", remedy: "tokens are integers; save array.astype(numpy.int64)"))
    #expect(
      Samples.mappingError(tokens("|u1", [1, 2], [1, 2]), lines)?.rule
        == .invalid("axes", expected: "one for each of the 2 of uint8 1 x 2", found: "position"))
    #expect(
      Samples.mappingError(tokens("|u1", [1], [1]), lines + " axes=one")?.rule
        == .invalid("position", expected: "{position} in the pattern or position among the axes", found: "neither"))
    #expect(
      Samples.mappingError(tokens("|u1", [2], [1, 2]), lines + " positions=-1")?.rule
        == .invalid("position", expected: "a number from 0 to 2^31 - 2", found: "-1"))
  }

  @Test func tokensFileByFile() throws {
    let bytes = ZipSample([
      ("x0", Samples.npy([1])), ("t0", Samples.npy("|u1", [], [4])), ("t1", Samples.npy("|u1", [], [5])),
      ("again", Samples.npy("|u1", [2], [4, 6])),
    ]).bytes
    let trace = try Samples.trace(bytes, "tensor x{position} -> x.embed", "tokens t{position}", "tokens again")
    #expect(trace.tokens == [0: TraceToken(id: 4), 1: TraceToken(id: 5)])
    #expect(
      trace.problems == [
        .unclear(ArchiveError("arrays", .array("again"), .tokenRepeated(position: 1, ids: [5, 6])).description)
      ])
  }

  @Test func headers() throws {
    let trace = try Samples.trace(
      zip(("x0", [1], [1])), "tensor x{position} -> x.embed", "set dim = 1", "set producer = \"torch 2\"")
    #expect(trace.header == TraceHeader(producer: "torch 2", fields: ["dim": .integer(1)]))
    let plain = try Samples.trace(zip(("x0", [1], [1])), "tensor x{position} -> x.embed")
    #expect(plain.header == TraceHeader(producer: "arrays"))
  }
}
