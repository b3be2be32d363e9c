import Foundation
import Testing

@testable import Explanation

/// Every bound of `docs/rounding.md`, attacked with honest float32 implementations on inputs that are hard for it.
@Suite struct BoundTests {
  static let seed: UInt64 = 20_240_711

  @Test func anAttackCanFail() {
    func isNoticed(_ actual: [Double], _ estimate: Estimate) {
      withKnownIssue {
        var attack = Attack("nothing", seed: 0)
        attack.take("wrong", "", actual, estimate)
        attack.finish()
      }
    }
    isNoticed([1, 2.2], Estimate([1, 2], errors: [0.1, 0.1]))
    isNoticed([1], Estimate([1, 2], errors: [0.1, 0.1]))
    isNoticed([], Estimate([]))
    isNoticed([1, 2.2], Estimate([1, 2], errors: [.infinity, .infinity]))
    withKnownIssue { Attack("nothing", seed: 0).finish() }
  }

  @Test func matrixProducts() {
    var attack = Attack("matrix product", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases + Inputs.Kind.allCases {
      for n in [1, 2, 3, 64, 288, 700] {
        let (w, x) = (inputs.vector(n == 64 ? .random : kind, n), inputs.vector(kind, n))
        let estimate = product([w], x)
        for (name, machine) in Machine.all { attack.take(name, "\(kind) of \(n)", [machine.dot(w, x)], estimate) }
      }
    }
    attack.finish()
  }

  @Test func longProducts() {
    var attack = Attack("matrix product of 32000 terms", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in [Inputs.Kind.random, .tiny, .subnormal, .equal] {
      let (w, x) = (inputs.vector(kind, 32000), inputs.vector(kind, 32000))
      let estimate = product([w], x)
      for (name, machine) in Machine.all where name.contains("up") || name.contains("flush") || name == "reference" {
        attack.take(name, "\(kind)", [machine.dot(w, x)], estimate)
      }
    }
    attack.finish()
  }

  @Test func quantizedProducts() {
    var attack = Attack("int8 product", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for size in [4, 32, 2048] {
      for exponent in [-60.0, -30, -20, -17, -10, -3, -2, 0, 5, 10] {
        let groups = size == 2048 ? 2 : 9
        func scales() -> [Double] {
          (0..<groups).map { _ in Double(Float(pow(10, exponent) * inputs.uniform(0.1...1))) }
        }
        func integers() -> [Double] { (0..<(groups * size)).map { _ in Double(inputs.integer(-127...127)) } }
        let (w, x, ws, xs) = (integers(), integers(), scales(), scales())
        let row = w.indices.map { w[$0] * ws[$0 / size] }
        let activation = Replay.dequantized(Estimate(x), scales: Estimate(xs), groupSize: size)
        let estimate = product([row], activation, groupSize: size)
        for (name, machine) in Machine.all {
          for isFirst in [false, true] {
            let actual = machine.groupedDot(w, ws, x, xs, multipliesScalesFirst: isFirst)
            attack.take(name, "\(size), 1e\(exponent), \(isFirst)", [actual], estimate)
          }
        }
      }
    }
    attack.finish()
  }

  @Test(arguments: [1e-5, 1e-6, 0])
  func norms(epsilon: Double) {
    var attack = Attack("RMSNorm, epsilon \(epsilon)", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases {
      for n in [2, 48, 288] {
        let (x, w) = (inputs.vector(kind, n), inputs.vector(kind == .subnormal ? kind : .random, n))
        let estimate = Replay.rmsNorm(Estimate(x), weight: w, Replay.NormRecipe(epsilon: epsilon))
        for (name, machine) in Machine.all {
          for order in Machine.NormOrder.allCases {
            let actual = machine.rmsNorm(x, w, epsilon: epsilon, order)
            attack.take(name, "\(kind) of \(n), \(order)", actual, estimate)
          }
        }
      }
    }
    attack.finish()
  }

  @Test(arguments: [10000.0, 500_000, 1.5, 1e6])
  func rotations(base: Double) {
    var attack = Attack("RoPE, base \(base)", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for headSize in [2, 8, 48, 128] {
      for position in [0, 1, 7, 100, 511, 4095, 32000, 100_000] {
        let v = inputs.vector(inputs.integer(0...3) == 0 ? .subnormal : .random, headSize)
        let recipe = Replay.RotationRecipe(headSize: headSize, base: base)
        let estimate = Replay.rotate(Estimate(v), position: position, recipe)
        for (name, machine) in Machine.all {
          for angles in Machine.Angles.allCases {
            let actual = machine.rotate(v, position: position, headSize: headSize, base: base, angles)
            attack.take("\(name), \(angles)", "\(headSize) at \(position)", actual, estimate)
          }
        }
      }
    }
    attack.finish()
  }

  @Test func scores() {
    var attack = Attack("attention scores", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases {
      for n in [2, 8, 48, 128] {
        let (query, keys) = (inputs.vector(kind, n), (0..<5).map { _ in inputs.vector(kind, n) })
        let estimate = Replay.scores(
          Estimate(query), from: 0, keys: keys.map { Estimate($0) }, from: 0, headSize: n,
          divisor: Double(n).squareRoot())
        for (name, machine) in Machine.all {
          for scaling in Machine.Scaling.allCases {
            attack.take(name, "\(kind) of \(n), \(scaling)", machine.scores(query, keys, scaling), estimate)
          }
        }
      }
    }
    attack.finish()
  }

  @Test func softmaxes() {
    var attack = Attack("softmax", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for m in [1, 2, 7, 60, 500] {
      for spread in [0, 0.01, 1, 10, 60, 1000] {
        for shift in [0.0, 20, -20, 70, -80, -86, 1000, -1000] {
          var s = (0..<m).map { _ in Double(Float(shift + spread * inputs.bell() / 2)) }
          if m > 2 && inputs.integer(0...3) == 0 { s[1] = -.infinity }
          let estimate = Replay.softmax(Estimate(s))
          for (name, machine) in Machine.all {
            let note = "\(m), spread \(spread), shift \(shift)"
            attack.take("\(name)", note, machine.softmax(s, subtractsMaximum: true), estimate)
            let sum = s.reduce(0) { $0 + exp($1) }
            if sum < 3e38 && exp(s.max() ?? 0) > 0x1p-125 {
              attack.take("\(name), plain", note, machine.softmax(s, subtractsMaximum: false), estimate)
            }
          }
        }
      }
    }
    attack.finish()
  }

  @Test func weightedSums() {
    var attack = Attack("weighted sum", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases {
      for m in [1, 2, 3, 8, 30, 300] {
        let weights = Machine().softmax(inputs.vector(m == 30 ? .random : .sorted, m), subtractsMaximum: true)
        let rows = (0..<m).map { _ in inputs.vector(kind, 6) }
        let estimate = Replay.weightedSum(
          Estimate(weights), from: 0, values: rows.map { Estimate($0) }, from: 0, headSize: 6)
        for (name, machine) in Machine.all {
          attack.take(name, "\(kind) of \(m)", machine.weightedSum(weights, rows), estimate)
        }
      }
    }
    attack.finish()
  }

  @Test func swiglu() {
    var attack = Attack("SwiGLU", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    let gates = (-200...200).map(Double.init) + [-88.73, -88.72, -87.34, 1e-39, -1e-39, 0, 0x1p-126, -1000, 1000]
    for kind in [Inputs.Kind.random, .subnormal, .tiny, .mixed] {
      for factor in [1, 0.01, 0.997] {
        let gate = gates.map { Double(Float($0 * factor)) }
        let up = inputs.vector(kind, gate.count)
        let estimate = Replay.swiglu(Estimate(gate), Estimate(up))
        for (name, machine) in Machine.all {
          for order in Machine.GateOrder.allCases {
            // Newton's step on the reciprocal of infinity gives NaN: that build is not honest there.
            let isExact = machine.division == .quotient || machine.division == .reciprocal
            let range = gate.indices.filter { isExact || gate[$0] > -86 }
            attack.take(
              name, "\(kind), \(order)", machine.swiglu(range.map { gate[$0] }, range.map { up[$0] }, order),
              Estimate(range.map { estimate.values[$0] }, errors: range.map { estimate.errors[$0] }))
          }
        }
      }
    }
    attack.finish()
  }

  @Test func residuals() {
    var attack = Attack("residual", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases {
      for scale in [1.0, 1e-3, -1] {
        let x = inputs.vector(kind, 200)
        let wide = x.map { $0 * scale * (1 + inputs.uniform(-1...1) * 1e-3) }
        for (name, machine) in Machine.all {
          let branch = wide.map { machine.result($0) }
          let estimate = Replay.residual(Estimate(x), Estimate(branch))
          attack.take(name, "\(kind)", zip(x, branch).map { machine.add($0, $1) }, estimate)
          // Added before it was rounded.
          attack.take("\(name), unrounded", "\(kind)", zip(x, wide).map { machine.add($0, $1) }, estimate)
        }
      }
    }
    attack.finish()
  }

  @Test func quantization() {
    var scaleAttack = Attack("quantization scales", seed: Self.seed)
    var valueAttack = Attack("quantized values", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for kind in Inputs.Kind.allCases {
      for isTied in [false, true] {
        for _ in 0..<6 {
          var x = inputs.vector(kind, 64)
          if isTied {
            // Quotients near halves of integers.
            let largest = x.reduce(0) { max($0, abs($1)) }
            x = x.map {
              $0.sign == .plus ? largest : Double(Float((Double(inputs.integer(-126...125)) + 0.5) * largest / 127))
            }
          }
          let ideal = Replay.quantizationScales(Estimate(x), groupSize: 64)
          for (name, machine) in Machine.all {
            for quotients in Machine.Quotients.allCases {
              let (values, scale) = machine.quantize(x, quotients)
              scaleAttack.take(name, "\(kind)", [scale], ideal)
              guard scale >= 0x1p-126 || scale == 0 else { continue }
              valueAttack.take(
                name, "\(kind), \(quotients)", values,
                Replay.quantizedValues(Estimate(x), scales: Estimate([scale]), groupSize: 64))
            }
          }
        }
      }
    }
    scaleAttack.finish()
    valueAttack.finish()
  }
}

/// The products of rows with a vector.
func product(_ rows: [[Double]], _ x: Estimate, groupSize: Int? = nil) -> Estimate {
  let source = WeightSource(rows: rows.count, columns: x.count) { row, buffer in buffer = rows[row] }
  return Replay.product([x], source, groupSize: groupSize)[0] ?? Estimate([])
}

func product(_ rows: [[Double]], _ x: [Double]) -> Estimate { product(rows, Estimate(x)) }
