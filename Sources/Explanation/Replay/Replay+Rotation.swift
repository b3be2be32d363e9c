import PlatformLibc

extension Replay {
  /// How RoPE is computed; by default as llama2.c does.
  struct RotationRecipe: Sendable {
    /// Which elements make a pair.
    enum Pairing: Sendable { case adjacent, halves }
    /// What an angle's frequency depends on.
    enum Frequency: Sendable { case indexInHead, indexInVector(width: Int) }
    /// Mistakes in the formula of one pair.
    enum Formula: Sendable {
      case exact
      /// The second element computed from the first one's new value.
      case overwritesFirst
      /// Sine and cosine exchanged.
      case exchanged
    }

    /// Elements per head.
    var headSize: Int
    /// Base of the frequencies.
    var base: Double
    var pairing = Pairing.adjacent
    var frequency = Frequency.indexInHead
    /// Factor of the frequency's exponent: 0 where an integer division makes it 0, -1 where the frequency is inverted.
    var exponentScale = 1.0
    var formula = Formula.exact
    /// Added to the position.
    var offset = 0.0
    /// Factor of the position.
    var positionScale = 1.0
    /// Turn the other way.
    var isInverse = false
    /// Only this many heads are rotated; nil is all.
    var headLimit: Int?
    /// Only this many pairs of each head are rotated; nil is all.
    var pairLimit: Int?
  }

  /// RoPE: each pair (v0, v1) turned by the angle a = position * base^(-d / head_size). Shape: whole heads.
  ///
  /// Bound, with c = cos a, s = sin a and the angle's error D = abs(a) (13 abs(ln frequency) + max(16, 5d + 4)) u: of
  /// the first element, abs(v0) (10.5u abs(c) + abs(s) D + D^2/2) + abs(v1) (10.5u abs(s) + abs(c) D + D^2/2)
  /// + eta (6 + 2 abs(v0) + 2 abs(v1)); of the second, with c and s exchanged.
  static func rotate(_ v: Estimate, position: Int, _ recipe: RotationRecipe) -> Estimate {
    var result = v.isExact ? Estimate(v.values, errors: [Double](repeating: 0, count: v.count)) : v
    let headSize = recipe.headSize
    let heads = min(v.count / headSize, recipe.headLimit ?? Int.max)
    let place = (Double(position) + recipe.offset) * recipe.positionScale
    var turns: [Turn] = []
    for head in 0..<heads {
      for pair in 0..<min(headSize / 2, recipe.pairLimit ?? Int.max) {
        let start = head * headSize
        let (i, j) =
          switch recipe.pairing {
          case .adjacent: (start + 2 * pair, start + 2 * pair + 1)
          case .halves: (start + pair, start + pair + headSize / 2)
          }
        let turn: Turn
        switch recipe.frequency {
        case .indexInHead:
          // The same in every head.
          if head == 0 { turns.append(Turn(place, exponent: Double(2 * pair) / Double(headSize), recipe)) }
          turn = turns[pair]
        case .indexInVector(let width): turn = Turn(place, exponent: Double(start + 2 * pair) / Double(width), recipe)
        }
        turn.apply(&result, v, i, j, recipe.formula)
      }
    }
    return result
  }

  /// By what a pair is turned, and how far an honest cosine and sine may lie from these.
  private struct Turn {
    private let cosine: Double
    private let sine: Double
    private let cosineError: Double
    private let sineError: Double

    init(_ place: Double, exponent ownExponent: Double, _ recipe: RotationRecipe) {
      let exponent = recipe.exponentScale * ownExponent
      let frequency = pow(recipe.base, -exponent)
      let angle = place * frequency * (recipe.isInverse ? -1 : 1)
      let steps = 13 * abs(exponent * log(recipe.base)) + max(16, 5 * abs(exponent) * Double(recipe.headSize) + 4)
      let angleError = abs(angle) * steps * Rounding.u
      var (c, s) = (cos(angle), sin(angle))
      if case .exchanged = recipe.formula { (c, s) = (s, c) }
      let curvature = angleError * angleError / 2
      let turning = Rounding.libm + 2.5 * Rounding.u
      (cosine, sine) = (c, s)
      cosineError = turning * abs(c) + abs(s) * angleError + curvature
      sineError = turning * abs(s) + abs(c) * angleError + curvature
    }

    func apply(_ result: inout Estimate, _ v: Estimate, _ i: Int, _ j: Int, _ formula: RotationRecipe.Formula) {
      let (c, s) = (cosine, sine)
      let (v0, v1) = (v.values[i], v.values[j])
      let (e0, e1) = (v.error(i), v.error(j))
      let (m0, m1) = (abs(v0) + e0, abs(v1) + e1)
      let lost = Rounding.eta * (6 + 2 * m0 + 2 * m1)
      let first = v0 * c - v1 * s
      let firstError = m0 * cosineError + m1 * sineError + e0 * abs(c) + e1 * abs(s) + lost
      result.values[i] = first
      result.errors[i] = firstError
      if case .overwritesFirst = formula {
        let magnitude = abs(first) + firstError
        result.values[j] = first * s + v1 * c
        result.errors[j] =
          magnitude * sineError + m1 * cosineError + firstError * abs(s) + e1 * abs(c) + lost
      } else {
        result.values[j] = v0 * s + v1 * c
        result.errors[j] = m0 * sineError + m1 * cosineError + e0 * abs(s) + e1 * abs(c) + lost
      }
    }
  }
}
