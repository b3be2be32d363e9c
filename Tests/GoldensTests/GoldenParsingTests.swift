import TestSupport
import Testing
import TraceFormat

@testable import Goldens

/// Every line that a golden can hold, broken in every way: an error with its line.
@Suite struct GoldenParsingTests {
  private static func lines() throws -> [String] { try golden(GoldenTraces.small).lines }

  private static func failure(_ lines: [String]) -> GoldenError? { failure(lines.map { $0 + "\n" }.joined()) }

  private static func failure(_ text: String) -> GoldenError? { failure(Array(text.utf8)) }

  private static func failure(_ bytes: [UInt8]) -> GoldenError? {
    do throws(GoldenError) { _ = try Golden(bytes.span.bytes) } catch { return error }
    return nil
  }

  @Test func theWholeIsRead() throws { #expect(Self.failure(try Self.lines()) == nil) }

  /// Line, what stands there instead, what is expected.
  static let replaced: [(line: Int, text: String, expected: String)] = [
    (2, "field dim", "'field NAME VALUE', the name of a-z, 0-9 and _"),
    (2, "field Dim 2", "'field NAME VALUE', the name of a-z, 0-9 and _"),
    (2, "field dim two", "an integer, a real number with a point or an exponent, or text in double quotes"),
    (2, "field dim \"2", "an integer, a real number with a point or an exponent, or text in double quotes"),
    (2, "field dim 99999999999999999999", "an integer for dim"),
    (2, "field dim 2.0", "an integer for dim"), (2, "field dim \"2\"", "an integer for dim"),
    (2, "field dim 02", "'field dim 2'"),
    (2, "field dim  2", "an integer, a real number with a point or an exponent, or text in double quotes"),
    (2, "field dim 2 ", "an integer, a real number with a point or an exponent, or text in double quotes"),
    (2, "fields dim 2", "field producer \"...\" among the fields"),
    (3, "field zz 1", "'field producer \"port \\\"2\\\"\"'"),
    (4, "field producer 3", "text in double quotes"), (4, "field producer \"\"", "text in double quotes"),
    (5, "field prompt 7", "text in double quotes for prompt"),
    (5, "field prompt \"\\x41\"", "'field prompt \"A\"'"),
    (6, "field rms_norm_eps 1", "a real number with a point or an exponent for rms_norm_eps"),
    (6, "field rms_norm_eps 0.00001", "'field rms_norm_eps 1e-05'"),
    (8, "token 0", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "token -1 1", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "token 0 x", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "token 0 4294967296", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "token 0 1 text", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "token 0 01", "'token POSITION ID' and perhaps its text in double quotes"),
    (8, "tokn 0 1", "a field, token or tensor, or 'records DIGEST'"),
    (10, "tensor x.embed", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x,embed before float32 2", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x.embed first float32 2", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x.embed before float31 2", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x.embed before float32 2x", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x.embed before float32 2x2x2x2x2", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (10, "tensor x.embed before float32 4294967296", "'tensor NAME before|layer|after DTYPE SHAPE'"),
    (15, "record 0123456789abcdef", "a field, token or tensor, or 'records DIGEST'"),
    (15, "records", "a field, token or tensor, or 'records DIGEST'"),
    (15, "records 0123456789abcde", "a field, token or tensor, or 'records DIGEST'"),
    (15, "records 0123456789abcdef 1", "a field, token or tensor, or 'records DIGEST'"),
    (16, "at 0 before 1 0123456789abcdef rms", "REVIEW"), (16, "at 0 first 1 0123456789abcdef rms 1", "REVIEW"),
    (16, "at x before 1 0123456789abcdef rms 1", "REVIEW"), (16, "at 0 before 0 0123456789abcdef rms 1", "REVIEW"),
    (16, "at 0 before 1 0123456789abcdeF rms 1", "REVIEW"), (16, "at 0 before 1 0123456789abcde rms 1", "REVIEW"),
    (16, "at 0 before 1 0123456789abcdef rsm 1", "REVIEW"), (16, "at 0 before 1 0123456789abcdef rms -1", "REVIEW"),
    (16, "at 0 before 1 0123456789abcdef rms nan", "REVIEW"),
    (16, "at 0 before 1 0123456789abcdef rms 1 finite 1", "REVIEW"),
    (16, "at 0 before 1 0123456789abcdef rms 1 nonfinite x", "REVIEW"),
    (17, "at 0 layer 1 0123456789abcdef rms 1", "REVIEW"), (17, "at 0 layer x 2 0123456789abcdef rms 1", "REVIEW"),
    (17, "before", "'at POSITION PLACE ...' or 'sketches'"),
    (25, "at 0 layer 0", "'at 0 before', as line 16 announces"),
    (25, "-", "'at 0 before', as line 16 announces"),
    (26, "at 0 layer 0", "the sketch of x.embed, 38 characters and perhaps dtype and shape, or '-'"),
    (26, String(repeating: "A", count: 37), "the sketch of x.embed, 38 characters and perhaps dtype and shape, or '-'"),
    (
      26, String(repeating: "A", count: 38) + " float32",
      "the sketch of x.embed, 38 characters and perhaps dtype and shape, or '-'"
    ),
    (26, String(repeating: "A", count: 38) + " float31 2", "the sketch of x.embed with a dtype and a shape"),
    (26, String(repeating: "A", count: 38) + " float32 2x", "the sketch of x.embed with a dtype and a shape"),
    (28, "", "the sketch of q.proj, 38 characters and perhaps dtype and shape, or '-'"),
  ]

  private static let review =
    "'at POSITION before|layer N|after RECORDS DIGEST rms NUMBER' and perhaps 'nonfinite RECORDS'"

  @Test(arguments: replaced)
  func replacedLine(line: Int, text: String, expected: String) throws {
    var lines = try Self.lines()
    lines[line - 1] = text
    let expected = expected == "REVIEW" ? Self.review : expected
    let failure = try #require(Self.failure(lines))
    #expect(failure == .invalidLine(line, expected: expected, found: text))
    #expect(failure.description.hasPrefix("line \(line): expected \(expected), found '"))
  }

  @Test func firstLines() throws {
    #expect(Self.failure("") == .notAGolden(found: []))
    #expect(Self.failure("hello\n") == .notAGolden(found: Array("hello\n".utf8)))
    #expect(Self.failure("tracediff golden\n") == .notAGolden(found: Array("tracediff golden\n".utf8)))
    #expect(
      Self.failure("tracediff golden")?.description == "not a golden: line 1 expected 'tracediff golden 1', found "
        + "'tracediff golden'")
    let folder = try TemporaryFolder()
    try GoldenTraces.small.write(to: folder.path("a.trace"))
    let trace = try folder.read("a.trace")
    #expect(Self.failure(trace)?.description.hasPrefix("not a golden but a trace: line 1 expected ") == true)
    #expect(Self.failure("tracediff golden 2\n") == .unknownVersion("2"))
    #expect(Self.failure("tracediff golden 1 \n") == .unknownVersion("1 "))
    #expect(
      Self.failure("hello\n")?.description == "not a golden: line 1 expected 'tracediff golden 1', found 'hello'")
    #expect(
      Self.failure("tracediff golden 2\n")?.description
        == "golden version '2' in line 1 is not known; expected version 1")
  }

  /// A golden that ends anywhere is no golden, whether between lines or within one.
  @Test func cutAnywhere() throws {
    let lines = try Self.lines()
    for count in 1..<lines.count {
      let failure = try #require(Self.failure(Array(lines[..<count])))
      switch failure {
      case .cutShort(let line, _): #expect(line == count + 1)
      case .invalidLine(let line, let expected, "the end of the file"):
        #expect(line == count + 1 && expected.hasPrefix("field producer"))
      default: Issue.record("\(count) lines: \(failure)")
      }
    }
    let text = Array(lines.map { $0 + "\n" }.joined().utf8)
    for length in stride(from: 1, to: text.count, by: 7) { #expect(Self.failure(Array(text[..<length])) != nil) }
    #expect(Self.failure(Array(text.dropLast())) == .cutShort(line: lines.count, expected: "a line feed at its end"))
  }

  @Test func repeatedLines() throws {
    let lines = try Self.lines()
    func twice(_ line: Int) -> GoldenError? { Self.failure(Array(lines[..<line]) + Array(lines[(line - 1)...])) }
    #expect(twice(2) == .repeated(line: 3, what: "field dim"))
    #expect(twice(4) == .repeated(line: 5, what: "field producer"))
    #expect(twice(8) == .repeated(line: 9, what: "the token of position 0"))
    #expect(twice(11) == .repeated(line: 12, what: "tensor q.proj"))
    #expect(twice(17) == .repeated(line: 18, what: "the place 0 layer 0"))
    #expect(twice(2)?.description == "line 3: field dim is given twice")
  }

  @Test func linesInAnotherOrder() throws {
    let lines = try Self.lines()
    func swapped(_ line: Int) -> GoldenError? {
      var lines = lines
      lines.swapAt(line - 1, line)
      return Self.failure(lines)
    }
    #expect(swapped(2) == .invalidLine(2, expected: "'field dim 2'", found: "field own_field -3"))
    #expect(swapped(8) == .invalidLine(8, expected: "'token 0 1 \"\\n<s>\\n\"'", found: "token 1 2"))
    #expect(swapped(11) == .outOfOrder(line: 12, what: "tensor q.proj", after: "tensor att.scores"))
    #expect(swapped(16) == .outOfOrder(line: 17, what: "0 before", after: "0 layer 0"))
    #expect(swapped(11)?.description == "line 12: tensor q.proj stands after tensor att.scores")
  }

  /// Whatever happens to a sketch, its digest tells; and so for the digest.
  @Test func damagedSketches() throws {
    let lines = try Self.lines()
    let what = "this line or the sketches of 0 layer 0, from line 27 on,"
    let declared = String(lines[16].split(separator: " ")[5])
    for column in 0..<Sketch.textLength {
      var damaged = lines
      var characters = Array(damaged[27])
      characters[column] = characters[column] == "A" ? "B" : "A"
      damaged[27] = String(characters)
      switch try #require(Self.failure(damaged)) {
      case .wrongDigest(17, what, declared, _): break
      // A scale that cannot be.
      case .invalidLine(28, _, _): #expect((11..<14).contains(column))
      case let failure: Issue.record("column \(column): \(failure)")
      }
    }
    var exchanged = lines
    exchanged.swapAt(27, 28)
    exchanged[16] = lines[16].replacing(declared, with: "0123456789abcdef")
    guard case .wrongDigest(17, what, "0123456789abcdef", let found) = Self.failure(exchanged) else {
      Issue.record("expected a wrong digest")
      return
    }
    #expect(
      Self.failure(exchanged)?.description
        == "line 17: this line or the sketches of 0 layer 0, from line 27 on, changed after the recording: expected "
        + "the digest 0123456789abcdef, found \(found); take the golden whole from one commit, or record it anew")
  }

  /// Line of the head and what stands there instead: each is a line as it could be written.
  static let heads: [(line: Int, text: String?)] = [
    (2, "field dim 3"), (2, nil), (3, "field own_field -4"), (4, "field producer \"port 3\""), (6, nil),
    (6, "field rms_norm_eps 1e-06"), (7, "field rope_base 500000.0"), (8, "token 0 2 \"\\n<s>\\n\""),
    (8, "token 0 1 \"<s>\""), (8, "token 0 1"), (9, "token 1 3"), (10, "tensor x.embed before float32 1"),
    (11, "tensor q.proj layer float64 2"), (11, "tensor q.norm layer float32 2"),
    (12, "tensor att.scores layer float32 2x1"),
    (14, "tensor own.name after float32 1"),
  ]

  /// What a merge that was resolved wrongly leaves: a head that no trace had.
  @Test(arguments: heads)
  func damagedHeads(line: Int, text: String?) throws {
    var lines = try Self.lines()
    let declared = String(lines[14].split(separator: " ")[1])
    if let text { lines[line - 1] = text } else { lines.remove(at: line - 1) }
    let records = text == nil ? 14 : 15
    switch try #require(Self.failure(lines)) {
    case .wrongDigest(records, "fields, tokens or tensors above it", declared, _): break
    // Names and shapes that no longer are what they were give other lines further down.
    case .outOfOrder(11, "tensor q.norm", _), .outOfOrder(12, _, "tensor q.norm"):
      #expect(text == "tensor q.norm layer float32 2")
    case let failure: Issue.record("\(failure)")
    }
  }

  @Test func damagedDigestOfTheHead() throws {
    var lines = try Self.lines()
    let declared = lines[14].split(separator: " ")[1]
    lines[14] = "records 0123456789abcdef"
    #expect(
      Self.failure(lines)?.description
        == "line 15: fields, tokens or tensors above it changed after the recording: expected the digest "
        + "0123456789abcdef, found \(declared); take the golden whole from one commit, or record it anew")
  }

  /// A position with records has a token, unless the run tells none at all.
  @Test func tokens() throws {
    var lines = try Self.lines()
    lines.remove(at: 8)
    #expect(
      Self.failure(lines)
        == .invalidLine(19, expected: "'token 1 ID' above, since the position has records", found: lines[18]))
    let first = try golden(GoldenTraces.small)
    let tokenless = Golden(header: first.header, tokens: [:], tensors: first.tensors, groups: first.groups)
    #expect(try Golden(Array(tokenless.text.utf8).span.bytes) == tokenless)
  }

  /// What a reviewer reads is true of the sketches, or as it was recorded.
  @Test func reviewersLines() throws {
    let lines = try Self.lines()
    func replacing(_ line: Int, _ text: String, with other: String) -> GoldenError? {
      var lines = lines
      lines[line - 1] = lines[line - 1].replacing(text, with: other)
      return Self.failure(lines)
    }
    let changes = [
      (17, "layer 0 2", "layer 0 3"), (17, "rms 0.5", "rms 0.50"), (17, "rms 0.5", "rms 0.5 nonfinite 0"),
      (17, "rms 0.5", "rms 0.5 nonfinite 1"), (19, "nonfinite 1", "nonfinite 2"), (19, " nonfinite 1", ""),
    ]
    for (line, text, other) in changes {
      let found = lines[line - 1].replacing(text, with: other)
      #expect(
        replacing(line, text, with: other)
          == .invalidLine(line, expected: "'\(lines[line - 1])'", found: found))
    }
    let declared = String(lines[16].split(separator: " ")[5])
    for rms in ["0.501", "0.499", "0", "0.5e3"] {
      switch replacing(17, "rms 0.5", with: "rms \(rms)") {
      case .wrongDigest(17, _, declared, _): break
      case .invalidLine(17, _, _): #expect(rms == "0.5e3")
      case let failure: Issue.record("\(rms): \(String(describing: failure))")
      }
    }
  }

  @Test func moreAtTheEnd() throws {
    let lines = try Self.lines()
    let count = lines.count
    #expect(
      Self.failure(lines + ["at 2 before"])
        == .invalidLine(count + 1, expected: "the end of the file", found: "at 2 before"))
    #expect(Self.failure(lines + [""]) == .invalidLine(count + 1, expected: "the end of the file", found: ""))
  }

  /// What version control may do to a text file.
  @Test func otherLineEnds() throws {
    let text = try Self.lines().map { $0 + "\r\n" }.joined()
    #expect(
      Self.failure(text)
        == .invalidLine(
          1, expected: "a line feed alone at its end (in .gitattributes: *.golden text eol=lf)",
          found: "tracediff golden 1\r"))
    var lines = try Self.lines()
    lines[8] = "<<<<<<< ours"
    #expect(
      Self.failure(lines)
        == .invalidLine(9, expected: "a field, token or tensor, or 'records DIGEST'", found: "<<<<<<< ours"))
  }

  @Test func bytesThatAreNoText() throws {
    var bytes = try Array(Self.lines().map { $0 + "\n" }.joined().utf8)
    let second = try #require(bytes.firstIndex(of: 0x0A)) + 1
    bytes[second] = 0xFF
    #expect(Self.failure(bytes) == .invalidLine(2, expected: "UTF-8 text", found: "\\xffield dim 2"))
  }

  /// Any change of any byte is an error.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func randomDamage(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let original = try golden(GoldenTraces.small)
    let bytes = Array(original.text.utf8)
    for _ in 0..<300 {
      var damaged = bytes
      let place = Int.random(in: damaged.indices, using: &generator)
      damaged[place] ^= UInt8.random(in: 1...255, using: &generator)
      #expect(Self.failure(damaged) != nil, "seed \(seed), byte \(place)")
    }
  }

  /// Lines that are lost, doubled, exchanged or take words of other lines: the same.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func randomEdits(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let original = try golden(GoldenTraces.small)
    for _ in 0..<300 {
      var lines = original.lines
      let (one, other) = (
        Int.random(in: lines.indices, using: &generator), Int.random(in: lines.indices, using: &generator)
      )
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: lines.remove(at: one)
      case 1: lines.insert(lines[other], at: one)
      case 2: lines.swapAt(one, other)
      default:
        var words = lines[one].split(separator: " ", omittingEmptySubsequences: false)
        let place = Int.random(in: words.indices, using: &generator)
        words[place] = lines[other].split(separator: " ").randomElement(using: &generator) ?? ""
        lines[one] = words.joined(separator: " ")
      }
      guard lines != original.lines else { continue }
      #expect(Self.failure(lines) != nil, "seed \(seed), lines \(one + 1) and \(other + 1)")
    }
  }

  @Test func files() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array(golden(GoldenTraces.small).text.utf8), as: "a.golden")
    #expect(try Golden(path: path) == golden(GoldenTraces.small))
    #expect(Golden.isGolden(path: path))
    try folder.write(Array("tracediff golde".utf8), as: "b")
    #expect(!Golden.isGolden(path: folder.path("b")) && !Golden.isGolden(path: folder.path("missing")))
    #expect(
      throws: GoldenError.file(
        FileError("open", folder.path("missing"), reason: "No such file or directory", isMissing: true))
    ) {
      try Golden(path: folder.path("missing"))
    }
  }
}
