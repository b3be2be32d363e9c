import Foundation
import TestSupport
import Testing
import TraceFormat

@testable import Goldens

@Suite struct GoldenTextTests {
  @Test func everyKindOfLine() throws {
    let lines = try golden(GoldenTraces.small).lines
    let firstSketches = try #require(lines.firstIndex(of: "sketches"))
    #expect(
      lines[..<firstSketches].map { Self.withoutDigest($0) }.joined(separator: "\n") == """
        tracediff golden 1
        field dim 2
        field own_field -3
        field producer "port \\"2\\""
        field prompt "caf\u{e9}\\n\\xff"
        field rms_norm_eps 1e-05
        field rope_base 10000.0
        token 0 1 "\\n<s>\\n"
        token 1 2
        tensor x.embed before float32 2
        tensor q.proj layer float32 2
        tensor att.scores layer float32 2xp
        tensor logits after float32 3
        tensor own.name after float32 scalar
        records DIGEST
        at 0 before 1 DIGEST rms 1.581
        at 0 layer 0 2 DIGEST rms 0.5
        at 0 layer 1 2 DIGEST rms 0.5
        at 0 after 2 DIGEST rms 1 nonfinite 1
        at 1 before 1 DIGEST rms 2
        at 1 layer 0 2 DIGEST rms 0.5
        at 1 layer 1 2 DIGEST rms 0.5
        at 1 after 2 DIGEST rms 2 nonfinite 1
        """)
    let sketches = lines[(firstSketches + 1)...]
    #expect(
      sketches.filter { $0.hasPrefix("at") } == [
        "at 0 before", "at 0 layer 0", "at 0 layer 1", "at 0 after", "at 1 before", "at 1 layer 0", "at 1 layer 1",
        "at 1 after",
      ])
    #expect(sketches.filter { $0.utf8.count == Sketch.textLength }.count == 14)
    #expect(sketches.count == 8 + 14)
  }

  /// A digest is 16 hexadecimal digits.
  private static func withoutDigest(_ line: String) -> String {
    line.split(separator: " ", omittingEmptySubsequences: false).map { word in
      word.count == 16 && UInt64(word, radix: 16) != nil ? "DIGEST" : String(word)
    }.joined(separator: " ")
  }

  /// Computed from docs/goldens.md by a few lines of Python: these must be the same on every platform, in every
  /// release.
  static let known: [(values: [Float], shape: [Int], text: String)] = [
    ([2, 2], [2], "3TuQRMK6nBkgAAFpAA8MwA8MwAEkAADRwA+6gA"), ([1, 1], [2], "zKuKecsqsiMf+AFpAA8MwA8MwAEkAADRwA+6gA"),
    ([2, 0, .nan], [3], "wBzy7b2+Osyf+2Cr4A9jIA9ToAeJBByYrDAAAB"),
    ([0.5, 0.5, 0.5, 0.5], [2, 2], "FsC7A7yCpi4f8AK4AA4wQA7DwAEUQAB7AAAeQA"),
    ([2], [], "Am51wsF8HrUgAAFXwA7GQA6nQADywADUQADEQA"),
  ]

  @Test(arguments: known)
  func knownSketches(values: [Float], shape: [Int], text: String) {
    #expect(Sketch(measure(SyntheticTrace.Record(values, shape: shape))).text == text)
  }

  @Test(arguments: [GoldenTraces.small, SyntheticTrace(seed: 3), SyntheticTrace(seed: 4, layers: 1, positions: 1)])
  func isReadBack(trace: SyntheticTrace) throws {
    let first = try golden(trace)
    let read = try Golden(Array(first.text.utf8).span.bytes)
    #expect(read == first)
    #expect(read.text == first.text)
    #expect(read.header == trace.header && read.tokens == trace.tokens)
    #expect(read.recordCount == trace.records.count)
    #expect(read.elementCount == trace.records.values.reduce(0) { $0 + $1.bytes.count / $1.type.size })
  }

  @Test func isTheSameFromAFile() throws {
    let folder = try TemporaryFolder()
    let trace = SyntheticTrace(seed: 9)
    var file = try TraceFile(
      path: try trace.write(to: folder.path("a.trace"), order: trace.records.keys.sorted().reversed()))
    #expect(try Golden(recording: &file).text == golden(trace).text)
  }

  /// Records that are missing, of another format or another shape stand where they belong.
  @Test func irregularRecords() throws {
    var trace = SyntheticTrace(seed: 2)
    trace.records[RecordKey(.queryRotation, layer: 1, position: 1)] = nil
    trace.records[RecordKey(.queryProjection, layer: 1, position: 1)] = .init([1, 2, 3] as [Double], shape: [3, 1])
    trace.records[RecordKey(.logits, layer: 0, position: 1)] = .init([1 as Float])
    let first = try golden(trace)
    let lines = first.lines
    let group = try #require(lines.lastIndex(of: "at 1 layer 1"))
    #expect(lines[group + 2].hasSuffix(" float64 3x1") && lines[group + 5] == "-")
    #expect(lines.contains("tensor logits layer float32 1") && lines.contains("tensor logits after float32 16"))
    #expect(try Golden(Array(first.text.utf8).span.bytes) == first)
    #expect(first.recordCount == trace.records.count)
  }

  @Test(arguments: [
    (Array("plain".utf8), "plain"), (Array("\"\\\n\r\t".utf8), "\\\"\\\\\\n\\r\\t"),
    ([0, 0x1B, 0x7F], "\\x00\\x1b\\x7f"),
    ([0xFF, 0x41], "\\xffA"), (Array("\u{e9}\u{4e2d}\u{416}".utf8), "\u{e9}\u{4e2d}\u{416}"),
    (Array("\u{202e}\u{ad}".utf8), "\\xe2\\x80\\xae\\xc2\\xad"), ([0xE2, 0x80], "\\xe2\\x80"), ([], ""),
  ])
  func quotes(bytes: [UInt8], text: String) {
    #expect(quotedText(bytes) == "\"\(text)\"")
    #expect(unquotedText(quotedText(bytes)) == bytes)
  }

  @Test(arguments: [
    "", "\"", "a", "\"a", "a\"", "\"a\"b\"", "\"\\\"", "\"\\q\"", "\"\\x1\"", "\"\\xg0\"", "\"\\x+1\"", "\"\\x-1\"",
    "\"\\xAB\"",
  ])
  func textThatIsNotQuoted(text: String) { #expect(unquotedText(text) == nil) }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func anyBytesAreQuoted(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    for length in 0..<64 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let text = quotedText(bytes)
      #expect(unquotedText(text) == bytes && !text.contains { $0.isNewline }, "seed \(seed)")
    }
  }

  /// 64 positions of a model with five layers, tokens with text.
  @Test func size() throws {
    var trace = SyntheticTrace(seed: 1, layers: 5, positions: 64)
    for position in 0..<64 { trace.tokens[position] = TraceToken(id: 30000 + position, text: Array(" token".utf8)) }
    trace.header[text: .checkpointFingerprint] = "0123456789abcdef"
    trace.header[text: .prompt] = "Once upon a time, there was a little girl who liked to play outside."
    let recorded = try golden(trace)
    #expect(recorded.recordCount == 5632)
    #expect(recorded.text.utf8.count < 256_000)
    #expect(recorded.groups.count == 64 * 7)
  }

  /// From one end of float64 to the other, what is written can be read.
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func anyMagnitude(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var values: [Double] = [
      0, .leastNonzeroMagnitude, 3 * .leastNonzeroMagnitude, .leastNormalMagnitude.nextDown, .leastNormalMagnitude,
      0x1.FDp1023, 0x1.FEp1023, 0x1.FEp1023.nextUp, 0x1.FFp1023, .greatestFiniteMagnitude,
    ]
    for exponent in [-1074 ... -1022, 1023...1023, -1022...1023] {
      for _ in 0..<100 {
        let significand = Double.random(in: 1..<2, using: &generator)
        values.append(scaled(significand, by: Int.random(in: exponent, using: &generator)))
      }
    }
    for value in values {
      var trace = SyntheticTrace(emptyFrom: "anybody")
      trace.tokens[0] = TraceToken(id: 1)
      trace.records[anyKey] = .init([value])
      let first = try golden(trace)
      #expect(try Golden(Array(first.text.utf8).span.bytes) == first, "seed \(seed), \(value)")
    }
  }

  @Test func tracesThatCannotBecomeAGolden() throws {
    func failure(_ source: consuming PipeSource) -> GoldenError? {
      var source = source
      do throws(GoldenError) { _ = try Golden(recording: &source) } catch { return error }
      return nil
    }
    let trace = GoldenTraces.small
    #expect(failure(PipeSource(trace, isComplete: false)) == .cannotRecord("the trace is cut short"))
    #expect(
      failure(PipeSource(trace, problems: [.cutShort(offset: 5)]))
        == .cannotRecord("the trace is cut short: it ends at offset 5 without a tail"))
    let key = RecordKey(.logits, layer: nil, position: 0)
    #expect(
      failure(PipeSource(trace, damaged: [key]))
        == .cannotRecord(
          "logits, position 0: record at offset 64 is damaged: expected checksum 0000000000000001, found "
            + "0000000000000002"
        ))
    #expect(failure(PipeSource(SyntheticTrace(emptyFrom: "nobody"))) == .cannotRecord("the trace holds no record"))
    var tokenless = trace
    tokenless.tokens[1] = nil
    #expect(failure(PipeSource(tokenless)) == .cannotRecord("position 1 has records but no token"))
    let first = RecordKey(.embedding, layer: nil, position: 0)
    #expect(
      failure(PipeSource(trace, order: [key, first]))
        == .cannotRecord("x.embed, position 0 is not recorded after logits, position 0, as it is computed"))
  }
}
