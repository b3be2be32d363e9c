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
      return (common + solvedBases(context)).filter { $0 != context.replay.base }.map { base in
        rotationHypothesis("base \(base)") { $0.base = base }
      }
    },
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

  /// Bases that the angles of the record's pairs give, rounded to one to three digits. Only angles below half a turn tell.
  private static func solvedBases(_ context: CauseContext) -> [Double] {
    let (size, x, y) = (context.sizes.headSize, context.inputs[0].values, context.actual.values)
    guard context.position > 0, size > 2 else { return [] }
    var bases: Set<Double> = []
    for pair in 1..<(size / 2) {
      let (i, j) = (2 * pair, 2 * pair + 1)
      var angle = atan2(y[j], y[i]) - atan2(x[j], x[i])
      if angle <= 0 { angle += 2 * Double.pi }
      let frequency = angle / Double(context.position)
      guard frequency > 0, frequency < 1 else { continue }
      let base = pow(frequency, -Double(size) / Double(2 * pair))
      guard base.isFinite, base > 1 else { continue }
      for digits in 1...3 { bases.insert(roundedToDigits(base, digits)) }
    }
    return bases.sorted().suffix(60)
  }
}
