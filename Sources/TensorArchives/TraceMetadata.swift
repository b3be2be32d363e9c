package import TraceFormat

/// What an export says of the trace beside its arrays: header and tokens, as one JSON text.
///
///     {"producer": "...", "fields": {"dim": 64, "rms_norm_eps": 1e-05, "prompt": "..."},
///      "tokens": [{"position": 0, "id": 1, "text": "..."}]}
///
/// An integer is a number without point and exponent, a real one with either. Bytes that are not UTF-8 are
/// `{"hex": "..."}`, a real that is not finite is `{"bits": "..."}`, and a text that is unknown is null.
package struct TraceMetadata: Equatable, Sendable {
  /// The key of the text in a .safetensors file.
  package static let safetensorsKey = "trace"

  /// What is known of the run.
  package var header: TraceHeader
  /// The tokens by position.
  package var tokens: [Int: TraceToken]

  /// Header and tokens of a trace.
  package init(header: TraceHeader, tokens: [Int: TraceToken]) {
    self.header = header
    self.tokens = tokens
  }
}
