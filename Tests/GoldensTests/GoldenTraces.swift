import TestSupport
import TraceFormat

/// Traces for tests of goldens.
enum GoldenTraces {
  /// Two positions of a few tensors: a site before the layers, two in two layers, one of them of heads, one after the
  /// layers, and a name outside the table.
  static var small: SyntheticTrace {
    var trace = SyntheticTrace(emptyFrom: "port \"2\"")
    trace.header[integer: .dim] = 2
    trace.header[real: .normEpsilon] = 1e-5
    trace.header[real: .ropeBase] = 10000
    trace.header[bytes: .prompt] = Array("caf\u{e9}\n".utf8) + [0xFF]
    trace.header.fields["own_field"] = .integer(-3)
    for position in 0..<2 {
      trace.tokens[position] = TraceToken(id: position + 1, text: position == 0 ? Array("\n<s>\n".utf8) : nil)
      let value = Float(position + 1)
      trace.records[RecordKey(.embedding, layer: nil, position: position)] = .init([value, 2])
      for layer in 0..<2 {
        trace.records[RecordKey(.queryProjection, layer: layer, position: position)] = .init([value, Float(layer)])
        let scores = [Float](repeating: 0.5, count: 2 * (position + 1))
        trace.records[RecordKey(.attentionScores, layer: layer, position: position)] = .init(
          scores, shape: [2, position + 1])
      }
      trace.records[RecordKey(.logits, layer: nil, position: position)] = .init([value, 0, .nan])
      trace.records[RecordKey(TensorName("own.name"), layer: nil, position: position)] = .init([value], shape: [])
    }
    return trace
  }
}
