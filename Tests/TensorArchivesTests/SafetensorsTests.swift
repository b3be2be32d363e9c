@testable import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct SafetensorsTests {
  private static let header =
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[3],"data_offsets":[8,11]}}"#
  private static let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 1, 2, 0xFF]

  /// A file byte by byte: the length of the header, the header, one float32.
  @Test func aLiteralFile() throws {
    let text = #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  "#
    let bytes: [UInt8] = [55, 0, 0, 0, 0, 0, 0, 0] + Array(text.utf8) + [0, 0, 0x20, 0x40]
    let array = try #require(try Samples.archive(bytes).arrays.first)
    #expect(array.name == "x" && array.elements == 63..<67)
    #expect(try array.layout.get() == ArrayLayout(type: .float32, shape: []))
  }

  @Test func tensors() throws {
    let arrays = try Samples.archive(Samples.safetensors(Self.header, Self.data)).arrays
    #expect(arrays.map(\.name) == ["a", "b"])
    #expect(try arrays.map { try $0.layout.get().type } == [.float32, .int8])
    let trace = try Samples.trace(
      Samples.safetensors(Self.header, Self.data), "tensor ? -> other axes=position positions=0", "")
    #expect(trace.problems.count == 1)
    #expect(try trace.withRecord(RecordKey(.other("other"), layer: nil, position: 1)) { $0.element(0) } == 2)
  }

  @Test(arguments: [
    ("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("I64", 8), ("I32", 4), ("I16", 2),
    ("I8", 1), ("U64", 8), ("U32", 4), ("U16", 2), ("U8", 1), ("BOOL", 1),
  ])
  func types(name: String, size: Int) throws {
    let text = #"{"__metadata__":{"format":"pt"},"x":{"shape":[2],"dtype":"\#(name)","data_offsets":[0,\#(2 * size)]}}"#
    let array = try #require(
      try Samples.archive(Samples.safetensors(text, [UInt8](repeating: 0, count: 2 * size))).arrays.first)
    #expect(try array.layout.get().type.size == size)
  }

  @Test func lengths() {
    #expect(
      Samples.openingError(Samples.little(100_000_000, 8) + Array("{".utf8))
        == ArchiveError("arrays", .offset(8), .beyondEnd("the header", needed: 100_000_000, available: 1)))
    let long = Samples.little(100_000_001, 8) + Array("{".utf8)
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try SafetensorsHeader(long.span.bytes, file: "a") }
        == ArchiveError(
          "a", .offset(0), .invalid("length of the header", expected: "at most 100000000", found: "100000001")))
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try SafetensorsHeader(([1, 2] as [UInt8]).span.bytes, file: "a") }
        == ArchiveError("a", .offset(0), .beyondEnd("the length of the header", needed: 8, available: 2)))
    // More than is allowed is not taken for the format at all.
    #expect(
      Samples.openingError(Samples.little(100_000_001, 8) + Array("{".utf8))?.rule
        == .unknownFormat(nil, found: Samples.little(100_000_001, 8) + Array("{".utf8)))
  }

  private func failure(_ header: String, _ count: Int = 8) -> ArchiveError? {
    Samples.openingError(Samples.safetensors(header, [UInt8](repeating: 0, count: count)))
  }

  private func tensor(_ name: String, _ begin: Int, _ end: Int) -> String {
    #""\#(name)":{"dtype":"I8","shape":[\#(end - begin)],"data_offsets":[\#(begin),\#(end)]}"#
  }

  @Test func placesOfTensors() {
    let start = "{\(tensor("a", 0, 4)),\(tensor("b", 4, 8))}".utf8.count + 8
    #expect(failure("{\(tensor("b", 4, 8)),\(tensor("a", 0, 4))}") == nil)
    #expect(
      failure("{\(tensor("a", 0, 4)),\(tensor("b", 3, 8))}")
        == ArchiveError("arrays", .offset(start + 3), .overlapping("a", "b")))
    #expect(
      failure("{\(tensor("a", 0, 4)),\(tensor("b", 5, 8))}")
        == ArchiveError("arrays", .offset(start + 4), .hole(before: "b", expected: 4, found: 5)))
    #expect(
      failure("{\(tensor("a", 1, 4)),\(tensor("b", 4, 8))}")
        == ArchiveError("arrays", .offset(start), .hole(before: "a", expected: 0, found: 1)))
    #expect(
      failure("{\(tensor("a", 0, 4)),\(tensor("b", 4, 8))}", 9)
        == ArchiveError(
          "arrays", .offset(start + 8),
          .invalid(
            "end of the file", expected: "offset \(start + 8), where the last tensor ends", found: "\(start + 9)")))
    #expect(
      failure("{\(tensor("a", 0, 4)),\(tensor("b", 4, 8))}", 7)?.rule
        == .invalid("data_offsets of 'b'", expected: "a beginning and an end from 0 to 7", found: "[4, 8]"))
  }

  /// Tensors that are none, and what is wrong with them.
  @Test(arguments: [
    (#"{"dtype":"F32","shape":[1],"data_offsets":[0,8]}"#, "4 bytes of float32 1"),
    (#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#, "a beginning and an end from 0 to 8"),
    (#"{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}"#, "a beginning and an end from 0 to 8"),
    (#"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}"#, "a size that can be counted"),
    (#"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#, "an integer from 0 to 2^63 - 1"),
    (#"{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}"#, "an integer from 0 to 2^63 - 1"),
    (#"{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}"#, "an integer from 0 to 2^63 - 1"),
    (#"{"dtype":"F32","shape":[2]}"#, "dtype, shape and data_offsets"),
    (#"{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}"#, "dtype, shape or data_offsets"),
    (#"{"dtype":1,"shape":[2],"data_offsets":[0,8]}"#, "'\"'"), ("[]", "'{'"), ("null", "'{'"),
  ])
  func badTensors(tensor: String, expected: String) throws {
    let error = try #require(failure(#"{"x":\#(tensor)}"#))
    guard case .invalid(_, expected, _) = error.rule else {
      Issue.record("\(error)")
      return
    }
  }

  /// A tensor of a type that is not read is refused where a statement needs it.
  @Test func unknownTypes() throws {
    let bytes = Samples.safetensors(
      #"{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
      [UInt8](repeating: 0, count: 12))
    let line = "tensor y -> logits axes=position"
    #expect(
      Samples.mappingError(bytes, line, "tensor x -> x.embed axes=position")
        == ArchiveError(
          "arrays", .array("x"),
          .unsupportedType("'C64'", remedy: "save the tensor as F32, or exclude it by an ignore statement")))
    #expect(try Samples.trace(bytes, line, "ignore x").problems == [])
    // Where its bytes are is checked all the same.
    #expect(failure(#"{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,9]}}"#) != nil)
  }

  /// Names that differ only in how an accent is written are two names.
  @Test func namesByTheirBytes() throws {
    let header = "{\(tensor("\u{e9}", 0, 4)),\(tensor("e\u{301}", 4, 8))}"
    let bytes = Samples.safetensors(header, [UInt8](repeating: 0, count: 8))
    let trace = try Samples.trace(
      bytes, "tensor \u{e9} -> x.embed axes=position", "tensor e\\u{301} -> logits axes=position")
    #expect(trace.problems == [] && trace.recordCount == 8)
  }

  @Test func duplicateNames() {
    func twice(_ key: String) -> ArchiveRule {
      .invalid("JSON text", expected: "every key once", found: "'\(key)' again")
    }
    #expect(
      failure("{\(tensor("a", 0, 4)),\(tensor("a", 4, 8))}")
        == ArchiveError("arrays", .offset(8 + 2 + tensor("a", 0, 4).utf8.count), twice("a")))
    #expect(
      failure(#"{"x":{"dtype":"I8","shape":[8],"shape":[8],"data_offsets":[0,8]}}"#)?.rule == twice("shape"))
    #expect(failure(#"{"__metadata__":{"a":"b","a":"c"}}"#, 0)?.rule == twice("a"))
  }

  /// Texts that are no JSON, or not what must stand there: what is expected, and where in the file.
  @Test(arguments: [
    (#"{"a"}"#, "':'", 12), (#"{"__metadata__":{}"#, "',' or '}'", 26), ("{} x", "nothing more", 11),
    (#"{"__metadata__":{"a":1}}"#, "'\"'", 29), (#"{"a":{"shape":[01]}}"#, "a number without leading zeros", 23),
    (#"{"a":{"shape":[1,]}}"#, "a digit", 25),
  ])
  func badJSON(header: String, expected: String, offset: Int) throws {
    let error = try #require(failure(header, 0))
    guard case .invalid(_, expected, _) = error.rule else {
      Issue.record("\(error)")
      return
    }
    #expect(error.place == .offset(offset), "\(error)")
  }

  @Test func escapesInNames() throws {
    let name = #"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"#
    let bytes = Samples.safetensors(#"{"\#(name)":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#, [0])
    #expect(try Samples.archive(bytes).arrays.first?.name == "\"\\/\u{8}\u{c}\n\r\té😀é")
  }
}
