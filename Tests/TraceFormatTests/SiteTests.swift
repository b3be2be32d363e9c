import Testing
import TraceFormat

@Suite struct SiteTests {
  @Test func executionOrderOfOnePosition() {
    #expect(
      Site.all(quantized: false).map(\.rawValue) == [
        "x.embed", "xb.attn_norm", "q.proj", "k.proj", "v.proj", "q.rope", "k.rope", "att.scores", "att.softmax",
        "xb.attn", "xb2.wo", "x.attn_residual", "xb.ffn_norm", "hb.w1", "hb2.w3", "hb.swiglu", "xb.w2",
        "x.ffn_residual", "x.final_norm", "logits",
      ])
  }

  @Test func quantizedSitesStandBeforeTheMatmulThatUsesThem() {
    #expect(
      Site.all(quantized: true).map(\.rawValue) == [
        "x.embed", "xb.attn_norm", "xq.attn_norm", "xs.attn_norm", "q.proj", "k.proj", "v.proj", "q.rope", "k.rope",
        "att.scores", "att.softmax", "xb.attn", "xq.attn", "xs.attn", "xb2.wo", "x.attn_residual", "xb.ffn_norm",
        "xq.ffn_norm", "xs.ffn_norm", "hb.w1", "hb2.w3", "hb.swiglu", "hq.swiglu", "hs.swiglu", "xb.w2",
        "x.ffn_residual", "x.final_norm", "xq.final_norm", "xs.final_norm", "logits",
      ])
  }

  /// A rank is the number of the case, so that it costs nothing.
  @Test func ranksAreTheOrderOfTheTable() {
    #expect(Site.allCases.map(\.rank) == Array(0..<30))
  }

  @Test func buffers() {
    #expect(Site.outputProjection.buffer == "xb2")
    #expect(Site.logits.buffer == "logits")
    #expect(Set(Site.allCases.map(\.buffer)).count == 14)
  }

  /// Keys compare in the order of execution, other names after the sites of their layer.
  @Test func keysAreOrdered() {
    let ordered = [
      RecordKey(.embedding, layer: nil, position: 0),
      RecordKey(.attentionNorm, layer: 0, position: 0),
      RecordKey(.ffnResidual, layer: 0, position: 0),
      RecordKey(TensorName("mine.a"), layer: 0, position: 0),
      RecordKey(TensorName("mine.b"), layer: 0, position: 0),
      RecordKey(.attentionNorm, layer: 1, position: 0),
      RecordKey(.finalNorm, layer: nil, position: 0),
      RecordKey(.logits, layer: nil, position: 0),
      RecordKey(TensorName("mine.a"), layer: nil, position: 0),
      RecordKey(.embedding, layer: nil, position: 1),
    ]
    #expect(ordered.shuffled().sorted() == ordered)
  }

  @Test(arguments: [
    ("q.rope", "q.rope", true), ("q", "q.rope", true), ("q", "q.proj", true), ("xb", "xb2.wo", false),
    ("xb", "xb.attn", true), ("*.rope", "k.rope", true), ("*.rope", "q.proj", false), ("att.*", "att.scores", true),
    ("x?.attn_norm", "xq.attn_norm", true), ("x?.attn_norm", "x.attn_norm", false), ("*", "logits", true),
    ("logits", "logits", true), ("logit", "logits", false), ("q.*o*e", "q.rope", true), ("", "q.rope", false),
  ])
  func patterns(pattern: String, name: String, matches: Bool) {
    #expect(NamePattern(pattern).matches(name) == matches)
  }

  @Test(
    arguments: [
      ("3", 3, 3), ("2..5", 2, 5), ("2..", 2, nil), ("..5", 0, 5), ("0..0", 0, 0),
    ] as [(String, Int, Int?)])
  func ranges(text: String, first: Int, last: Int?) throws {
    let range = try #require(IndexRange(parsing: text))
    #expect(range.first == first)
    #expect(range.last == last)
  }

  @Test(arguments: ["", "..", "5..2", "-1", "a", "1..b", "1...2", "1..2..3", " 1", "99999999999999999999"])
  func badRanges(text: String) {
    #expect(IndexRange(parsing: text) == nil)
  }

  @Test func excludedNames() {
    let filter = RecordFilter(names: [NamePattern("q"), NamePattern("k.rope")], excluded: [NamePattern("*.rope")])
    #expect(filter.wants(name: "q.proj") && !filter.wants(name: "q.rope") && !filter.wants(name: "k.rope"))
    #expect(!filter.wants(name: "v.proj") && !filter.isEverything)
    let all = RecordFilter(excluded: [NamePattern("q")])
    #expect(all.wants(name: "v.proj") && !all.wants(name: "q.proj") && !all.isEverything && RecordFilter().isEverything)
  }

  @Test func layerRangesLeaveOutWhatHasNoLayer() {
    let filter = RecordFilter(layers: IndexRange(parsing: "1..2"))
    #expect(filter.wants(RecordKey(.attentionNorm, layer: 1, position: 0)))
    #expect(!filter.wants(RecordKey(.attentionNorm, layer: 0, position: 0)))
    #expect(!filter.wants(RecordKey(.logits, layer: nil, position: 0)))
  }
}
