import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

/// A golden stands for the run that its header describes: what the header promises must be there.
@Suite struct GoldenLackTests {
  /// Three positions of two layers, with the sites named.
  private static let trace: SyntheticTrace = {
    var trace = SyntheticTrace(seed: 1)
    trace.header[text: .sites] = Site.all(quantized: false).map(\.rawValue).joined(separator: ",")
    return trace
  }()

  struct Situation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What is missing, as the error says; nil where nothing is.
    let lack: String?
    let change: @Sendable (inout SyntheticTrace) -> Void

    init(_ description: String, lack: String? = nil, _ change: @escaping @Sendable (inout SyntheticTrace) -> Void) {
      (testDescription, self.lack, self.change) = (description, lack, change)
    }
  }

  private static func remove(_ trace: inout SyntheticTrace, _ isGone: (RecordKey) -> Bool) {
    for key in trace.records.keys where isGone(key) { trace.records[key] = nil }
  }

  static let situations: [Situation] = [
    Situation("everything") { _ in },
    Situation("a record", lack: "1 record|q.rope, layer 1, position 1") {
      $0.records[RecordKey(.queryRotation, layer: 1, position: 1)] = nil
    },
    Situation("a site outside the layers", lack: "3 records|logits, position 0") {
      remove(&$0) { $0.name == .site(.logits) }
    },
    Situation("a layer", lack: "51 records|xb.attn_norm, layer 1, position 0") { remove(&$0) { $0.layer == 1 } },
    Situation("the last position", lack: "37 records|x.embed, position 2") { remove(&$0) { $0.position == 2 } },
    Situation("the end of the last position", lack: "19 records|xb.attn_norm, layer 1, position 2") {
      remove(&$0) { $0.position == 2 && $0 > RecordKey(.ffnResidual, layer: 0, position: 2) }
    },
    Situation("a name outside the table") { $0.header[text: .sites]? += ",own.name" },
    Situation("no sites named") {
      $0.header[text: .sites] = nil
      remove(&$0) { $0.layer == 1 }
    },
    Situation("sites that were not asked for") {
      $0.header[text: .sites] = "q.rope,logits"
      remove(&$0) { $0.name != .site(.queryRotation) && $0.name != .site(.logits) }
    },
    Situation("layers that were not asked for") {
      $0.header[integer: .firstLayer] = 1
      remove(&$0) { $0.layer != 1 }
    },
    Situation("layers at the end that were not asked for") {
      $0.header[integer: .lastLayer] = 0
      remove(&$0) { $0.layer != 0 }
    },
    Situation("one of the layers asked for", lack: "51 records|xb.attn_norm, layer 0, position 0") {
      $0.header[integer: .lastLayer] = 0
      remove(&$0) { $0.layer != 1 }
    },
    Situation("positions that were not asked for") {
      ($0.header[integer: .firstPosition], $0.header[integer: .lastPosition]) = (1, 1)
      remove(&$0) { $0.position != 1 && !($0.position == 0 && ($0.name.site?.isCached ?? false)) }
    },
    Situation("what later positions read", lack: "1 record|v.proj, layer 0, position 0") {
      $0.header[integer: .firstPosition] = 1
      remove(&$0) { $0.position == 0 && !($0.name.site?.isCached ?? false) }
      $0.records[RecordKey(.valueProjection, layer: 0, position: 0)] = nil
    },
    Situation("positions without a record of their own") {
      $0.header[integer: .steps] = 3
      $0.tokens[3] = TraceToken(id: 7)
    },
    Situation("layers that nothing counts") {
      $0.header[integer: .layerCount] = nil
    },
    Situation("sites of another kind of run") {
      $0.header[text: .precision] = "f32"
      $0.header[text: .sites]? += ",xq.attn_norm"
    },
    Situation("sites of its kind of run", lack: "6 records|xq.attn_norm, layer 0, position 0") {
      $0.header[text: .precision] = "int8"
      $0.header[text: .sites]? += ",xq.attn_norm"
    },
    Situation("more layers than can be", lack: "1000 records or more|xb.attn_norm, layer 2, position 0") {
      $0.header[integer: .layerCount] = .max
    },
    Situation("layers that end before they begin") {
      ($0.header[integer: .firstLayer], $0.header[integer: .lastLayer]) = (1, 0)
    },
  ]

  private static let remedy = "; a header's 'sites' must name only what the program computes"

  @Test(arguments: situations)
  func recording(situation: Situation) throws {
    var trace = Self.trace
    situation.change(&trace)
    let words = situation.lack?.split(separator: "|")
    let lack = words.map { "\($0[0]) that its header promises by sites, layers and positions, first \($0[1])" }
    var source = PipeSource(trace)
    do throws(GoldenError) {
      _ = try Golden(recording: &source)
      #expect(lack == nil)
    } catch { #expect(error == lack.map { .cannotRecord("the trace lacks \($0)\(Self.remedy)") }) }
    var updating = PipeSource(trace)
    let old = try golden(Self.trace)
    do throws(GoldenError) {
      _ = try GoldenUpdate(old, &updating)
      #expect(lack == nil)
    } catch { #expect(error == lack.map { .cannotRecord("the trace lacks \($0)\(Self.remedy)") }) }
  }

  /// A place that was lost, with its line and its sketches.
  @Test func reading() throws {
    var lines = try golden(Self.trace).lines
    lines.removeAll { $0.hasPrefix("at 1 layer 0 17 ") }
    let start = try #require(lines.firstIndex(of: "at 1 layer 0"))
    lines.removeSubrange(start...(start + 17))
    let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
    #expect {
      try Golden(bytes.span.bytes)
    } throws: {
      "\($0)" == "the golden lacks 17 records that its header promises by sites, layers and positions, first "
        + "xb.attn_norm, layer 0, position 1; take the golden whole from one commit, or record it anew"
    }
  }
}
