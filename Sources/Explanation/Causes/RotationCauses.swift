import PlatformLibc
import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in RoPE.
  static let rotation: [Cause] = [
    Cause(
      "rope.split-half", "pairs are (i, i + head_size/2), split-half as Hugging Face rotates, instead of (i, i + 1)",
      formula: "(v[i], v[i + head_size/2]) rotated", at: [.rotation]
    ) { _ in [rotationHypothesis { $0.pairing = .halves }] },
    Cause("rope.base", "another base of the frequencies", at: [.rotation]) { context in
      let common = [500_000.0, 1_000_000, 100_000, 1000, 100, 5_000_000, 20_000, 40_000, 50_000, 10_000]
      let size = Double(context.sizes.headSize)
      // Context extended "NTK-aware": the base grows with a power of the factor.
      let extended = size > 2 ? [2.0, 4, 8, 16] : []
      return extended.map { factor in
        rotationHypothesis("the base times \(Int(factor))^(d / (d - 2)), NTK-aware with factor \(Int(factor))") {
          $0.base *= pow(factor, size / (size - 2))
        }
      }
        + (common + solvedBases(context)).filter { $0 != context.replay.base }.map { base in
          rotationHypothesis("base \(numberText(base))") { $0.base = base }
        }
    },
    Cause("rope.frequency-exponent", "the frequency's exponent is wrong", at: [.rotation]) { _ in
      [
        ("0, as an integer division d / head_size gives: every pair turns by the position", 0.0),
        ("2 d / head_size", 2), ("d / (2 head_size)", 0.5),
      ].map { name, scale in rotationHypothesis(name) { $0.exponentScale = scale } }
    },
    Cause(
      "rope.frequency-inverted", "the frequency is inverted", formula: "angle = position * base^(d / head_size)",
      at: [.rotation]
    ) { _ in [rotationHypothesis { $0.exponentScale = -1 }] },
    Cause(
      "rope.position-offset", "the position is off", formula: "angle = (position + offset) * frequency", at: [.rotation]
    ) { _ in
      [1.0, -1, 2, -2].map { offset in
        rotationHypothesis("by \(offset > 0 ? "+" : "")\(Int(offset))") { $0.offset = offset }
      }
    },
    Cause("rope.missing", "no rotation is applied", formula: "v", at: [.rotation]) { context in context.inputs[0] },
    Cause(
      "rope.inverse", "the rotation turns the other way", formula: "(v0 cos + v1 sin, v1 cos - v0 sin)", at: [.rotation]
    ) { _ in [rotationHypothesis { $0.isInverse = true }] },
    Cause(
      "rope.global-index", "the frequency is taken from the index in the whole vector instead of the index in the head",
      formula: "frequency = base^(-i / dim)", at: [.rotation]
    ) { context in
      let widths = Set([context.sizes.headSize, context.sizes.dim, context.sizes.keyValueDim, context.inputs[0].count])
      return widths.sorted().map { width in
        rotationHypothesis("i / \(width)") { $0.frequency = .indexInVector(width: width) }
      }
    },
    Cause(
      "rope.overwritten", "the first element of a pair is overwritten before the second is computed from it",
      formula: "v0 = v0 cos - v1 sin; v1 = v0 sin + v1 cos", at: [.rotation]
    ) { _ in [rotationHypothesis { $0.formula = .overwritesFirst }] },
    Cause("rope.sine-cosine-swapped", "sine and cosine are exchanged", at: [.rotation]) { _ in
      [rotationHypothesis { $0.formula = .exchanged }]
    },
    Cause("rope.first-head-only", "only the first heads are rotated", at: [.rotation]) { context in
      let heads = context.inputs[0].count / context.sizes.headSize
      return (1..<max(heads, 1)).map { limit in
        rotationHypothesis(limit == 1 ? "one head" : "\(limit) heads") { $0.headLimit = limit }
      }
    },
    Cause("rope.partial", "only the first elements of each head are rotated", at: [.rotation]) { context in
      (1..<(context.sizes.headSize / 2)).map { limit in
        rotationHypothesis("\(2 * limit) of \(context.sizes.headSize)") { $0.pairLimit = limit }
      }
    },
    Cause("rope.position-scaled", "the position is scaled, as position interpolation does", at: [.rotation]) { _ in
      [0.5, 0.25, 0.125, 2, 4].map { factor in rotationHypothesis("by \(factor)") { $0.positionScale = factor } }
    },
    Cause("rope.twice", "the rotation is applied twice", at: [.rotation]) { _ in
      [rotationHypothesis { $0.positionScale = 2 }]
    },
    Cause("rope.on-values", "values are rotated as keys are", at: [.product]) { context in
      guard context.site == .valueProjection else { return nil }
      return Replay.rotate(context.expected, position: context.position, context.replay.rotation)
    },
  ]

  private static func rotationHypothesis(
    _ detail: String? = nil, _ change: @escaping @Sendable (inout Replay.RotationRecipe) -> Void
  ) -> Hypothesis {
    Hypothesis(detail) { context in
      var recipe = context.replay.rotation
      change(&recipe)
      return Replay.rotate(context.inputs[0], position: context.position, recipe)
    }
  }

  /// A base as people write it.
  private static func numberText(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
  }

  /// The base that the angles of the record's pairs give, rounded to one to six digits. Only angles below a turn tell.
  private static func solvedBases(_ context: CauseContext) -> [Double] {
    let (size, x, y) = (context.sizes.headSize, context.inputs[0].values, context.actual.values)
    guard context.position > 0, size > 2 else { return [] }
    // The logarithm of the base that each pair gives, and the inverse square of its uncertainty.
    var found: [(logarithm: Double, weight: Double)] = []
    for start in stride(from: 0, to: x.count, by: size) {
      for pair in 1..<(size / 2) {
        let (i, j) = (start + 2 * pair, start + 2 * pair + 1)
        var angle = atan2(y[j], y[i]) - atan2(x[j], x[i])
        if angle <= 0 { angle += 2 * Double.pi }
        let frequency = angle / Double(context.position)
        guard frequency > 0, frequency < 1 else { continue }
        let factor = Double(size) / Double(2 * pair)
        found.append((-log(frequency) * factor, angle * angle / (factor * factor)))
      }
    }
    let sorted = found.map(\.logarithm).sorted()
    guard !sorted.isEmpty else { return [] }
    let middle = sorted[sorted.count / 2]
    let near = found.filter { abs($0.logarithm - middle) < 0.02 }
    let weight = near.reduce(0) { $0 + $1.weight }
    let base = exp(near.reduce(0) { $0 + $1.logarithm * $1.weight } / weight)
    guard base.isFinite, base > 1 else { return [] }
    return (1...6).map { roundedToDigits(base, $0) }
  }
}
