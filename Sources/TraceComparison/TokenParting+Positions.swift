package import TraceFormat

extension TokenParting {
  /// A parting that was found elsewhere.
  package init(position: Int, expected: TraceToken?, actual: TraceToken?) {
    self.position = position
    self.expected = expected
    self.actual = actual
  }
}
