import Foundation
import Testing
import TraceFormat

@testable import Explanation

/// Errors carried through operations that were not recorded (running error analysis).
@Suite struct CarryingTests {
  private static let seed: UInt64 = 20_240_713
  private static let scalings = Machine.Scaling.allCases

  /// One head of attention over a few positions, from the normed activations to the weighted sum, with nothing recorded
  /// between.
  private struct Head {
    let x: [[Double]]
    let wq: [[Double]]
    let wk: [[Double]]
    let wv: [[Double]]
    let headSize: Int

    init(_ inputs: inout Inputs, dim: Int, headSize: Int, positions: Int, size: Double) {
      func matrix() -> [[Double]] {
        (0..<headSize).map { _ in
          inputs.vector(.random, dim).map { Double(Float($0 * size / Double(dim).squareRoot())) }
        }
      }
      x = (0..<positions).map { _ in inputs.vector(.random, dim) }
      (wq, wk, wv) = (matrix(), matrix(), matrix())
      self.headSize = headSize
    }

    /// What a fault changes.
    enum Fault: CaseIterable { case none, unrotatedKeys, lateKeys, unscaled, keyForValue }

    func run(
      _ machine: Machine, _ angles: Machine.Angles, _ scaling: Machine.Scaling, _ fault: Fault = .none,
      block: Int? = nil
    ) -> [Double] {
      func project(_ rows: [[Double]], _ x: [Double]) -> [Double] { rows.map { machine.dot($0, x) } }
      func turn(_ v: [Double], _ position: Int) -> [Double] {
        machine.rotate(v, position: position, headSize: headSize, base: 10000, angles)
      }
      let last = x.count - 1
      let query = turn(project(wq, x[last]), last)
      let keys = x.indices.map { t in
        fault == .unrotatedKeys ? project(wk, x[t]) : turn(project(wk, x[t]), fault == .lateKeys ? t + 1 : t)
      }
      var scores = machine.scores(query, keys, scaling)
      if fault == .unscaled { scores = scores.map { $0 * Double(headSize).squareRoot() } }
      let values = x.map { project(fault == .keyForValue ? wk : wv, $0) }
      if let block { return machine.onlineAttention(scores, values, block: block) }
      return machine.weightedSum(machine.softmax(scores, subtractsMaximum: true), values)
    }

    /// The same with estimates.
    var estimate: Estimate {
      let recipe = Replay.RotationRecipe(headSize: headSize, base: 10000)
      let last = x.count - 1
      let query = Replay.rotate(product(wq, x[last]), position: last, recipe)
      let keys = x.indices.map { Replay.rotate(product(wk, x[$0]), position: $0, recipe) }
      let scores = Replay.scores(
        query, from: 0, keys: keys, from: 0, headSize: headSize, divisor: Double(headSize).squareRoot())
      return Replay.weightedSum(
        Replay.softmax(scores), from: 0, values: x.map { product(wv, $0) }, from: 0, headSize: headSize)
    }
  }

  @Test func attentionWithNothingBetween() {
    var attack = Attack("attention, carried", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    var leastFault = [Head.Fault: Double]()
    for index in 0..<30 {
      let size = inputs.uniform(0.5...2)
      let head = Head(
        &inputs, dim: inputs.integer(8...64), headSize: 2 * inputs.integer(1...12), positions: inputs.integer(2...12),
        size: size)
      let estimate = head.estimate
      #expect(!estimate.isTooWide, "model \(index)")
      for (place, entry) in Machine.all.enumerated() {
        let angles = Machine.Angles.allCases[(index + place) % 4]
        let actual = head.run(entry.machine, angles, Self.scalings[(index + place) % 3])
        attack.take(entry.name, "model \(index), \(angles)", actual, estimate)
        let online = head.run(entry.machine, angles, .query, block: 1 + index % 4)
        attack.take("\(entry.name), online", "model \(index), \(angles)", online, estimate)
      }
      for fault in Head.Fault.allCases where fault != .none {
        let ratio = Verdict(head.run(Machine(), .power, .after, fault), estimate).ratio
        leastFault[fault] = min(leastFault[fault] ?? .infinity, ratio)
      }
    }
    attack.finish()
    for (fault, ratio) in leastFault {
      print("attention, carried: \(fault): least ratio \(ratio)")
      #expect(ratio > 1, "\(fault), seed \(Self.seed)")
    }
  }

  /// Scores that rise steadily, so that online softmax scales its sums at every position: the worst for it. They are
  /// known as well as float32 allows, which leaves the bound nothing but its own constants.
  @Test func onlineSoftmaxOfRisingScores() {
    var attack = Attack("online softmax of rising scores", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for m in [2, 5, 20, 100] {
      for _ in 0..<5 {
        let step = inputs.uniform(0.001...0.5)
        let s = (0..<m).map { Double(Float(step * Double($0))) }
        let rows = (0..<m).map { _ in inputs.vector(.random, 4) }
        let scores = Estimate(s, errors: s.map { _ in 0x1p-149 })
        let estimate = Replay.weightedSum(
          Replay.softmax(scores), from: 0, values: rows.map { Estimate($0) }, from: 0, headSize: 4)
        for (name, machine) in Machine.all {
          for block in [1, 3, 16] {
            attack.take(name, "\(m) in blocks of \(block)", machine.onlineAttention(s, rows, block: block), estimate)
          }
        }
      }
    }
    attack.finish()
  }

  @Test func gatesWithNothingBetween() {
    var attack = Attack("SwiGLU, carried", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for index in 0..<40 {
      let n = inputs.integer(4...96)
      let size = inputs.uniform(0.1...6) / Double(n).squareRoot()
      let rows = (0..<6).map { _ in inputs.vector(.random, n).map { Double(Float($0 * size)) } }
      let (w1, w3, x) = (Array(rows[0..<3]), Array(rows[3..<6]), inputs.vector(.random, n))
      let estimate = Replay.swiglu(product(w1, x), product(w3, x))
      for (place, entry) in Machine.all.enumerated() {
        let machine = entry.machine
        let (gate, up) = (w1.map { machine.dot($0, x) }, w3.map { machine.dot($0, x) })
        let order = Machine.GateOrder.allCases[(index + place) % 4]
        attack.take(entry.name, "model \(index), \(order)", machine.swiglu(gate, up, order), estimate)
      }
      let (gate, up) = (w1.map { Machine().dot($0, x) }, w3.map { Machine().dot($0, x) })
      #expect(!Verdict(Machine().swiglu(up, gate, .sigmoid), estimate).passes, "gate and up exchanged, model \(index)")
    }
    attack.finish()
  }

  @Test func normAfterAResidualThatWasNotRecorded() {
    var attack = Attack("residual and RMSNorm, carried", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for index in 0..<30 {
      let n = inputs.integer(4...64)
      let (x, v, weight) = (inputs.vector(.random, n), inputs.vector(.random, n), inputs.vector(.random, n))
      let rows = (0..<n).map { _ in inputs.vector(.random, n).map { Double(Float($0 * 0.1)) } }
      let recipe = Replay.NormRecipe(epsilon: 1e-5)
      let estimate = Replay.rmsNorm(
        Replay.residual(Estimate(x), product(rows, v), terms: n), weight: weight, recipe)
      for (name, machine) in Machine.all {
        let separate = zip(x, rows).map { machine.add($0, machine.dot($1, v)) }
        // The branch summed into x term by term, as products that accumulate into their output do.
        let fused = zip(x, rows).map { start, row in
          zip(row, v).reduce(start) { machine.multiplyAdd($1.0, $1.1, $0) }
        }
        for y in [separate, fused] {
          attack.take(
            name, "model \(index)", machine.rmsNorm(y, weight, epsilon: 1e-5, .scaleFirst), estimate)
        }
      }
      let wrong = zip(x, rows).map { Machine().add(2 * $0, Machine().dot($1, v)) }
      #expect(!Verdict(Machine().rmsNorm(wrong, weight, epsilon: 1e-5, .scaleFirst), estimate).passes)
    }
    attack.finish()
  }

  @Test func quantizedActivationsThatWereNotRecorded() {
    var attack = Attack("quantization and int8 product, carried", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for index in 0..<30 {
      let x = inputs.vector(.random, 64)
      let w = (0..<64).map { _ in Double(inputs.integer(-127...127)) }
      let weightScales = (0..<2).map { _ in Double(Float(inputs.uniform(0.001...0.01))) }
      let scales = Replay.quantizationScales(Estimate(x), groupSize: 32)
      let values = Replay.quantizedValues(Estimate(x), scales: scales, groupSize: 32)
      let activation = Replay.dequantized(values, scales: scales, groupSize: 32)
      let row = w.indices.map { w[$0] * weightScales[$0 / 32] }
      let estimate = product([row], activation, groupSize: 32)
      for (name, machine) in Machine.all {
        for quotients in Machine.Quotients.allCases {
          let parts = [machine.quantize(Array(x[..<32]), quotients), machine.quantize(Array(x[32...]), quotients)]
          let actual = machine.groupedDot(
            w, weightScales, parts.flatMap(\.values), parts.map(\.scale), multipliesScalesFirst: index % 2 == 0)
          attack.take(name, "model \(index), \(quotients)", [actual], estimate)
        }
      }
    }
    attack.finish()
  }

  /// Intermediates kept in float16 and bfloat16, judged by what was stored.
  @Test(arguments: [NumberFormat.float16, .bfloat16])
  func inputsStoredInFewBits(format: NumberFormat) {
    let type: ElementType = format == .float16 ? .float16 : .bfloat16
    var attack = Attack("SwiGLU of \(format) records", seed: Self.seed)
    var inputs = Inputs(seed: Self.seed)
    for index in 0..<40 {
      let (gate, up) = (inputs.vector(.random, 50).map { 3 * $0 }, inputs.vector(.random, 50))
      func stored(_ x: [Double]) -> Estimate {
        let values = x.map(format.rounded)
        return Estimate(values, errors: values.map { Rounding.storage(abs($0), type) })
      }
      let estimate = Replay.swiglu(stored(gate), stored(up))
      let widened = Estimate(
        estimate.values,
        errors: estimate.values.indices.map {
          estimate.errors[$0] + Rounding.storage(abs(estimate.values[$0]) + estimate.errors[$0], type)
        })
      for (name, machine) in Machine.all {
        let actual = machine.swiglu(gate, up, .sigmoid).map(format.rounded)
        attack.take(name, "record \(index)", actual, widened)
      }
    }
    attack.finish()
  }

  @Test func whatProvesNothing() {
    #expect(!Estimate([1, 2], errors: [0.7, 0.7]).isTooWide)
    #expect(Estimate([1, 2], errors: [1, 1]).isTooWide)
    #expect(Estimate([1, 2], errors: [0, .infinity]).isTooWide)
    #expect(!Estimate([0, 0], errors: [1e-36, 1e-36]).isTooWide)
    #expect(!Estimate([1, 2]).isTooWide)
    #expect(!Estimate([1, 2], errors: [0, .infinity]).isUnbounded)
    #expect(Estimate([1, 2], errors: [.infinity, .infinity]).isUnbounded)
  }
}
