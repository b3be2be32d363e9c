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

  /// Takes in what another part of the same trace says.
  ///
  /// - Returns: what both say differently. What each part was to record is no contradiction: it becomes unknown.
  mutating func unite(with other: TraceMetadata) -> [ArchiveRule] {
    var rules: [ArchiveRule] = []
    for (name, value) in other.header.fields.sorted(by: { $0.key < $1.key }) {
      guard let own = header.fields[name] else {
        header.fields[name] = value
        continue
      }
      guard own != value else { continue }
      if Self.partFields.contains(name) {
        header.fields[name] = nil
      } else {
        rules.append(.invalid("header field \(name)", expected: Self.text(own), found: Self.text(value)))
      }
    }
    for (position, token) in other.tokens.sorted(by: { $0.key < $1.key }) {
      if let own = tokens[position], own.id != token.id {
        rules.append(.tokenRepeated(position: position, ids: [own.id, token.id]))
      }
      tokens[position] = tokens[position] ?? token
    }
    return rules
  }

  private static let partFields = Set(
    [HeaderField.sites, .firstLayer, .lastLayer, .firstPosition, .lastPosition, .part].map(\.rawValue))

  private static func text(_ value: HeaderValue) -> String {
    switch value {
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let bytes): "'\(visibleText(bytes))'"
    }
  }
}
