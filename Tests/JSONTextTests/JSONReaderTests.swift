import JSONText
import TestSupport
import Testing

/// What JSON is read as, and what is no JSON.
@Suite struct JSONReaderTests {
  private static func failure(_ text: String) -> JSONError? { failure(Array(text.utf8)) }

  private static func failure(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) { _ = try JSONValue(bytes) } catch { return error }
    return nil
  }

  /// Texts that are no JSON: what is expected, what is found, and where.
  @Test(arguments: [
    ("", "a JSON value", "the end of the text", 0), ("  ", "a JSON value", "the end of the text", 2),
    ("<<<<<<< HEAD", "a JSON value", "'<<<<<<< HEAD'", 0), ("nul", "a JSON value", "'nul'", 0),
    (#"{"a" 1}"#, "':'", "'1}'", 5), ("{a:1}", "'\"'", "'a:1}'", 1), (#"{"a":1,}"#, "'\"'", "'}'", 7),
    (#"{"a":[1,2"#, "',' or ']'", "the end of the text", 9), (#"{"a":1"#, "',' or '}'", "the end of the text", 6),
    ("[1,]", "a JSON value", "']'", 3), ("[1 2]", "',' or ']'", "'2]'", 3), ("[1}", "',' or ']'", "'}'", 2),
    ("{} {}", "nothing more", "'{}'", 3), ("1 x and more than is shown", "nothing more", "'x and more t'", 2),
    (#"{"a":1,"b":2,"a":3}"#, "every key once", "'a' again", 13),
    (#"{"a":1,"\u0061":2}"#, "every key once", "'a' again", 7),
    ("01", "a number without leading zeros", "'01'", 0), ("-00", "a number without leading zeros", "'-00'", 0),
    ("-", "a digit", "the end of the text", 1), ("1.", "a digit", "the end of the text", 2),
    ("1.e5", "a digit", "'e5'", 2),
    ("1e+", "a digit", "the end of the text", 3), ("+1", "a JSON value", "'+1'", 0), (".5", "a JSON value", "'.5'", 0),
    ("1e999", "a number in the range of float64", "1e999", 0),
    ("-1e999", "a number in the range of float64", "-1e999", 0),
    (#""a"#, "the end of a string", "the end of the text", 2),
    (#""\x""#, "an escape such as \\n or \\u0041", "'x\"'", 2),
    (#""\"#, "an escape such as \\n or \\u0041", "the end of the text", 2),
    (#""\u12g4""#, "four hexadecimal digits", "'g4\"'", 5),
    (#""\u12"#, "four hexadecimal digits", "the end of the text", 5),
    ("\"\n\"", "no control character in a string", "'\\n\"'", 1),
    (#""\ud800""#, "a pair of surrogates", "one alone", 2), (#""\ud800x""#, "a pair of surrogates", "one alone", 2),
    (#""\ud800\n""#, "a pair of surrogates", "one alone", 2),
    (#""\ud800\u0041""#, "a pair of surrogates", "one alone", 2),
    (#""\udc00""#, "a pair of surrogates", "one alone", 2),
    (#""\ud800\ud800""#, "a pair of surrogates", "one alone", 2),
  ])
  func damages(text: String, expected: String, found: String, offset: Int) throws {
    let error = try #require(Self.failure(text))
    #expect(error.offset == offset && error.what == "JSON text" && error.expected == expected && error.found == found)
  }

  @Test func bytesThatAreNotUTF8() throws {
    for bytes: [UInt8] in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80]] {
      let error = try #require(Self.failure([0x5B, 0x22, 0x61] + bytes + [0x22, 0x5D]))
      #expect(error.expected == "UTF-8 in a string" && error.offset == 2)
    }
    #expect(Self.failure([0x22, 0x61, 0xFF, 0x22])?.found == "'a\\xff'")
  }

  @Test func depth() throws {
    func nested(_ first: String, _ last: String, _ count: Int) -> String {
      String(repeating: first, count: count) + "1" + String(repeating: last, count: count)
    }
    for (first, last) in [("[", "]"), (#"{"a":"#, "}")] {
      #expect(Self.failure(nested(first, last, JSONReader.depthLimit)) == nil)
      let error = Self.failure(nested(first, last, JSONReader.depthLimit + 1))
      #expect(error?.expected == "lists and objects at most 32 deep")
      #expect(error?.offset == JSONReader.depthLimit * first.utf8.count)
    }
    // Only what lies in each other counts, and no depth is too much for the program.
    #expect(Self.failure("[" + String(repeating: "[],", count: 100) + "{}]") == nil)
    #expect(Self.failure([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))?.offset == JSONReader.depthLimit)
  }

  @Test func numbersAreExact() throws {
    let numbers: [(String, JSONValue)] = [
      ("0", .integer(0)), ("-0", .integer(0)), ("-7", .integer(-7)), ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .unsigned(1 << 63)),
      ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .number(0x1p64)),
      ("-9223372036854775809", .number(-0x1p63)), ("1.0", .number(1)), ("-0.0", .number(-0.0)),
      ("0.1", .number(0.1)), ("1e-7", .number(1e-7)), ("5E-324", .number(.leastNonzeroMagnitude)),
      ("1e-999", .number(0)),
      ("1.7976931348623157e+308", .number(.greatestFiniteMagnitude)),
    ]
    for (text, value) in numbers {
      let read = try JSONValue(text.utf8)
      #expect(read == value, "\(text)")
      switch (read, value) {
      case (.integer, .integer), (.unsigned, .unsigned), (.number, .number): break
      default: Issue.record("\(text) is read as \(read)")
      }
    }
  }

  @Test func strings() throws {
    let text = #"["\"\\\/\b\f\n\r\t","\u00e9\ud83d\ude00é\uD83D\uDE00\u0000",""]"#
    #expect(try JSONValue(text.utf8) == .array([.string("\"\\/\u{8}\u{c}\n\r\t"), .string("é😀é😀\0"), .string("")]))
  }

  /// Keys are their bytes: two spellings of one letter are two keys.
  @Test func keysOfDifferentBytes() throws {
    guard case .object(let fields) = try JSONValue(#"{"\u00e9":1,"e\u0301":2}"#.utf8) else {
      Issue.record("an object is read")
      return
    }
    #expect(fields.map { Array($0.0.utf8) } == [[0xC3, 0xA9], [0x65, 0xCC, 0x81]])
    #expect(fields[0].0 == fields[1].0, "as strings they are equal")
  }

  @Test func blanks() throws {
    #expect(try JSONValue(" \t\r\n{ \"a\" :\n[ true , false ,null ] } \n".utf8).text == #"{"a":[true,false,null]}"#)
    #expect(Self.failure("\u{FEFF}1")?.offset == 0 && Self.failure("1\u{0B}")?.offset == 1)
  }

  /// A part of other bytes: nothing outside is looked at, and offsets count from the beginning of all.
  @Test func aRange() throws {
    let bytes = Array(#"xx{"a":12}34"#.utf8)
    var places: [Int] = []
    func read(_ range: Range<Int>) throws(JSONError) -> Int {
      var reader = JSONReader(bytes.span.bytes, range)
      try reader.object { (reader, key) throws(JSONError) in
        places.append(reader.offset)
        guard try reader.number() == "12" else { throw reader.invalid(key, expected: "12", found: "another") }
      }
      try reader.requireEnd()
      return reader.offset
    }
    #expect(try read(2..<10) == 10 && places == [7])
    var error: JSONError?
    do throws(JSONError) { _ = try read(2..<8) } catch let caught { error = caught }
    #expect(error?.offset == 8)
    do throws(JSONError) { _ = try read(2..<9) } catch let caught { error = caught }
    #expect(error == JSONError(offset: 9, what: "JSON text", expected: "',' or '}'", found: "the end of the text"))
  }

  /// Whatever is written is read back, and writes itself again.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func whatIsWrittenIsReadBack(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let value = Self.value(depth: 0, &generator)
    #expect(try JSONValue(value.text.utf8) == value, "seed \(seed)")
  }

  /// Whatever bytes a text is damaged by: an error inside it or a value, never a crash.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func anyBytes(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    var bytes = Array(Self.value(depth: 0, &generator).text.utf8)
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
    }
    if let error = Self.failure(bytes) { #expect((0...bytes.count).contains(error.offset), "seed \(seed)") }
  }

  private static func value(depth: Int, _ generator: inout SplitMix) -> JSONValue {
    switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &generator) {
    case 0: return [.null, .bool(true), .bool(false)].randomElement(using: &generator) ?? .null
    case 1: return .integer(Int.random(in: .min ... .max, using: &generator))
    case 2: return .unsigned(UInt64.random(in: 1 << 63 ... .max, using: &generator))
    case 3, 4: return .string(text(&generator))
    case 5:
      let number = Double(bitPattern: UInt64.random(in: 0 ... .max, using: &generator))
      return number.isFinite ? .number(number) : .number(0.5)
    case 6:
      return .array((0..<Int.random(in: 0...4, using: &generator)).map { _ in value(depth: depth + 1, &generator) })
    default:
      let keys = (0..<Int.random(in: 0...4, using: &generator)).map { "\($0)" + text(&generator) }
      return .object(keys.map { ($0, value(depth: depth + 1, &generator)) })
    }
  }

  private static func text(_ generator: inout SplitMix) -> String {
    let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "/", "\n", "\0", "\u{7F}", "é", "\u{301}", "\u{2028}", "😀"]
    var text = ""
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      text.unicodeScalars.append(scalars.randomElement(using: &generator) ?? "a")
    }
    return text
  }
}
