/// A feed-forward network behind a norm, with a residual connection.
public struct FeedForward: Sendable {
  /// (dim)
  public var normWeight: [Float]
  /// (hidden, dim), row-major
  public var up: [Float]
  /// (dim, hidden), row-major
  public var down: [Float]

  /// A network of given weights.
  public init(normWeight: [Float], up: [Float], down: [Float]) {
    (self.normWeight, self.up, self.down) = (normWeight, up, down)
  }

  /// Runs the network.
  ///
  /// - Parameters:
  ///   - x: (dim)
  ///   - observe: is shown what every step computes; tests record it.
  /// - Returns: (dim)
  public func run(_ x: [Float], observe: (String, [Float]) -> Void = { _, _ in }) -> [Float] {
    let normalized = norm(x, normWeight)
    observe("xb.ffn_norm", normalized)
    let hidden = product(up, normalized)
    observe("hb.w1", hidden)
    let gated = gate(hidden)
    observe("hb.swiglu", gated)
    let branch = product(down, gated)
    observe("xb.w2", branch)
    let result = zip(x, branch).map { $0 + $1 }
    observe("x.ffn_residual", result)
    return result
  }
}
