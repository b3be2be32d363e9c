package import TraceFormat

extension SiteOperation {
  /// What the operation computes from what, in one line.
  package var formula: String {
    let names = inputs.map { input in if case .below = input { "x" } else { input.site.rawValue } }
    let weight = weight?.rawValue ?? "w"
    switch kind {
    case .embedding: return "\(weight)[token]"
    case .rmsNorm: return "\(weight) * \(names[0]) / sqrt(mean(\(names[0])^2) + epsilon)"
    case .product where names.count == 2:
      return "sum over groups of (sum over j of \(weight)[i][j] * \(names[0])[j]) * weight scale * \(names[1])"
    case .product: return "sum over j of \(weight)[i][j] * \(names[0])[j]"
    case .rotation:
      return "(v0 cos a - v1 sin a, v0 sin a + v1 cos a) of pairs (i, i + 1) of \(names[0]), "
        + "a = position * base^(-d / head_size)"
    case .scores:
      return "\(names[0]) . \(names[1])[t] / sqrt(head_size), t = 0..position, kv head h / (n_heads / n_kv_heads)"
    case .softmax:
      return "exp(s[t] - max s) / sum over all t of exp(s[t] - max s), s = \(names[0]) of a head, t = 0..position"
    case .weightedSum:
      return "sum over t = 0..position of \(names[0])[t] * \(names[1])[t], kv head h / (n_heads / n_kv_heads)"
    case .residual: return "\(names[0]) + \(names[1])"
    case .swiglu: return "g / (1 + exp(-g)) * \(names[1]), g = \(names[0])"
    case .quantizedScales: return "max abs(\(names[0])) / 127 per group"
    case .quantizedValues: return "\(names[0]) / \(names[1]), rounded to the nearest integer"
    }
  }
}
