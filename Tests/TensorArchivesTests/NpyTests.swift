import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct NpyTests {
  /// What numpy.save(file, numpy.array([[1, 2.5]], dtype='<f4')) writes.
  static let literal: [UInt8] =
    [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 0x76, 0]
    + Array("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".utf8)
    + [UInt8](repeating: 0x20, count: 58) + [0x0A, 0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x20, 0x40]

  @Test func aFileOfNumpy() throws {
    let array = try #require(try Samples.archive(Self.literal).arrays.first)
    #expect(array.name == "arrays" && array.elements.lowerBound == 128)
    let layout = try array.layout.get()
    #expect(layout == ArrayLayout(type: .float32, shape: [1, 2]) && layout.strides == [2, 1])
  }

  @Test(arguments: [[1, 0], [2, 0], [3, 0]] as [[UInt8]])
  func versions(version: [UInt8]) throws {
    let bytes = Samples.npy(
      "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3)}", .init(repeating: 0, count: 48), version: version)
    let layout = try #require(try Samples.archive(bytes).arrays.first).layout.get()
    #expect(layout.type == .float64 && layout.shape == [2, 3] && layout.strides == [1, 2])
  }

  @Test(arguments: [
    ("<f8", ArrayType.float64), ("<f4", .float32), ("<f2", .float16), ("|i1", .int8), ("<i8", .int64), ("<i4", .int32),
    ("<i2", .int16), ("<u8", .uint64), ("<u4", .uint32), ("<u2", .uint16), ("|u1", .uint8), ("|b1", .bool),
    ("|V2", .bytes2), ("<V2", .bytes2),
  ])
  func types(descriptor: String, type: ArrayType) throws {
    let bytes = Samples.npy(descriptor, [3], [UInt8](repeating: 1, count: 3 * type.size))
    #expect(try Samples.archive(bytes).arrays.first?.layout.get() == ArrayLayout(type: type, shape: [3]))
  }

  @Test(arguments: [
    "{'shape': (), 'fortran_order': False, 'descr': '<f4'}",
    "{\"descr\":\"<f4\",\"shape\":(),\"fortran_order\":False,}",
    "{ 'descr' : '<f4' , 'fortran_order' : True , 'shape' : ( ) , }  ",
  ])
  func scalars(dictionary: String) throws {
    let layout = try #require(try Samples.archive(Samples.npy(dictionary, [0, 0, 0, 0])).arrays.first).layout.get()
    #expect(layout.shape == [] && layout.elementCount == 1)
  }

  /// Types that are refused, and a word of the remedy.
  @Test(arguments: [
    ("'>f4'", "newbyteorder"), ("'|O'", "Python objects"), ("'<c8'", "real"), ("'<U3'", "text"), ("'<f16'", "float64"),
    ("'|V3'", "float32"), ("'<M8[s]'", "float32"), ("[('a', '<f4')]", "each field"), ("'<f1'", "float64"),
    ("'f4'", "float32"), ("[('a', '<f4', (2,)), ('b]', [('c', '|O')])]", "each field"),
  ])
  func refusedTypes(descriptor: String, remedy: String) throws {
    let bytes = Samples.npy("{'descr': \(descriptor), 'fortran_order': False, 'shape': (1,), }", [0, 0, 0, 0])
    let array = ZipSample([("a0", Samples.npy([1])), ("odd", bytes)]).bytes
    let line = "tensor a{position} -> x.embed"
    for wanted in ["tensor odd -> logits axes=position", "tokens odd"] {
      let error = try #require(Samples.mappingError(array, line, wanted))
      #expect(error.place == .array("odd"))
      guard case .unsupportedType(_, let found) = error.rule else {
        Issue.record("\(error)")
        continue
      }
      #expect(found.contains(remedy))
    }
    // Nobody needs it.
    #expect(try Samples.trace(array, line, "ignore odd").problems == [])
    let problem = try #require(try Samples.trace(array, line).problems.first).description
    #expect(problem.contains("array 'odd': no statement is about it (elements of type "))
    #expect(problem.hasSuffix("by the line: ignore \"odd\""))
  }

  @Test func cutHeaders() {
    let whole = Self.literal
    #expect(
      Samples.openingError(Array(whole[..<9]))
        == ArchiveError("arrays", .offset(0), .beyondEnd("the header of an array", needed: 10, available: 9)))
    #expect(
      Samples.openingError(Array(whole[..<100]))
        == ArchiveError("arrays", .offset(0), .beyondEnd("the header of an array", needed: 128, available: 100)))
    var second = whole
    second[6] = 2
    #expect(
      Samples.openingError(Array(second[..<11]))
        == ArchiveError("arrays", .offset(0), .beyondEnd("the header of an array", needed: 12, available: 11)))
    second[10] = 0xFF
    #expect(
      Samples.openingError(second)
        == ArchiveError(
          "arrays", .offset(8),
          .invalid("length of the array's header", expected: "at most 1048576", found: "\(0x27FF_0076)")))
  }

  @Test(arguments: [[0, 0], [4, 0], [1, 1]] as [[UInt8]])
  func unknownVersions(version: [UInt8]) {
    var bytes = Self.literal
    bytes.replaceSubrange(6..<8, with: version)
    #expect(
      Samples.openingError(bytes)
        == ArchiveError(
          "arrays", .offset(6),
          .invalid(
            "version of the array's header", expected: "1.0, 2.0 or 3.0", found: "\(version[0]).\(version[1])")))
  }

  @Test(arguments: [-1, 1, 4])
  func sizesThatDoNotFit(change: Int) {
    let bytes = change < 0 ? Self.literal.dropLast(-change) : Self.literal + [UInt8](repeating: 0, count: change)
    #expect(
      Samples.openingError(Array(bytes))
        == ArchiveError(
          "arrays", .offset(128),
          .invalid("elements", expected: "8 bytes of float32 1 x 2", found: "\(8 + change)")))
  }

  @Test(arguments: [
    "(9223372036854775807, 2)", "(4611686018427387904, 1)", "(4294967295, 4294967295, 4294967295, 0)",
    "(0, 4294967295, 4294967295, 4294967295)",
  ])
  func shapesThatOverflow(shape: String) throws {
    let bytes = Samples.npy("{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }", [])
    let error = try #require(Samples.openingError(bytes))
    guard case .invalid("shape", expected: "a size that can be counted", _) = error.rule else {
      Issue.record("\(error)")
      return
    }
  }

  /// Dictionaries that are none, what is expected, and where.
  @Test(arguments: [
    ("['descr']", "'{'", 10), ("{descr: 1}", "a string in quotes", 11), ("{'descr' '<f4'}", "':'", 19),
    ("{'descr': '<f4'", "'}'", 64), ("{'descr': [('a', '<f4')", "the end of a list", 64),
    ("{'descr': '<f4}", "a string in quotes", 20),
    ("{'fortran_order': 0}", "True or False", 28),
    ("{'shape': 3}", "'('", 20), ("{'shape': (-1,)}", "a length below 2^63", 21),
    ("{'shape': (99999999999999999999,)}", "a length below 2^63", 21), ("{'shape': (1 2)}", "')'", 23),
    ("{'size': 1}", "'descr', 'fortran_order' and 'shape', each once", 11),
    ("{'descr': '<f4', 'descr': '<f4'}", "'descr', 'fortran_order' and 'shape', each once", 27),
    ("{'descr': '<f4', 'shape': (1,)}", "the keys 'descr', 'fortran_order' and 'shape'", 64),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "nothing more", 66),
  ])
  func badDictionaries(dictionary: String, expected: String, offset: Int) throws {
    let error = try #require(Samples.openingError(Samples.npy(dictionary, [0, 0, 0, 0])))
    guard case .invalid(_, expected, _) = error.rule else {
      Issue.record("\(error)")
      return
    }
    #expect(error.place == .offset(offset), "\(error)")
  }

  @Test func neitherFormat() {
    #expect(
      Samples.openingError(Array("hello, world".utf8))
        == ArchiveError("arrays", .file, .unknownFormat(nil, found: Array("hello, wo".utf8))))
    #expect(Samples.openingError([]) == ArchiveError("arrays", .file, .unknownFormat(nil, found: [])))
  }
}
