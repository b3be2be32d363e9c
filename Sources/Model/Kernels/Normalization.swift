/// The constants of llama2.c's architecture.
package enum Constants {
  /// RMSNorm's epsilon, in decimal; each precision rounds it.
  package static let normEpsilon = 1e-5
  /// Base of the rotary frequencies.
  package static let ropeBase = 10000.0
}

/// RMSNorm: output[j] = weight[j] * (x[j] / sqrt(mean(x^2) + epsilon)). Shapes: all n.
///
/// Order (llama2.c `rmsnorm`): squares are summed in ascending order; the sum is divided by n, epsilon is added, then
/// 1 / sqrt; each element is scaled first and weighted second.
package func rmsNorm<Scalar: Real>(
  _ output: inout MutableSpan<Scalar>, _ x: Span<Scalar>, weight: Span<Float>, epsilon: Scalar
) {
  precondition(output.count == x.count && weight.count == x.count)
  var sum: Scalar = 0
  for j in 0..<x.count { sum += x[j] * x[j] }
  sum /= Scalar(x.count)
  sum += epsilon
  let scale = 1 / sum.squareRoot()
  for j in 0..<x.count { output[j] = Scalar(weight[j]) * (scale * x[j]) }
}
