package import TraceFormat

extension TensorSource where Self: ~Copyable {
  /// What is wrong with a position that has records but no token; nil where the source itself says so of a position.
  package func missingToken(at position: Int) -> String? {
    let isKnown = problems.contains { if case .tokenMissing = $0 { true } else { false } }
    return isKnown ? nil : "position \(position) has records but no token"
  }
}
