import PlatformLibc
import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in softmax.
  static let softmax: [Cause] = [
    Cause("softmax.too-few", "softmax leaves the last entry out", at: [.softmax]) { _ in
      [
        Hypothesis("it stays a raw score") {
          softmaxOfFirst($0) { context, head in
            let length = context.position + 1
            let index = head * length + length - 1
            return (context.inputs[0].values[index], context.inputs[0].error(index))
          }
        },
        Hypothesis("it becomes 0") { softmaxOfFirst($0) { _, _ in (0, 0) } },
      ]
    },
    Cause("softmax.too-many", "softmax takes one entry too many", at: [.softmax]) { _ in
      [
        Hypothesis("a score of 0 behind the last") { context in
          perHead(context) { row in
            let more = Estimate.joined([row, Estimate([0])])
            return Replay.softmax(more).slice(0..<row.count)
          }
        },
        Hypothesis("two scores of 0 behind the last") { context in
          perHead(context) { Replay.softmax(Estimate.joined([$0, Estimate([0, 0])])).slice(0..<$0.count) }
        },
        Hypothesis("scores of 0 up to the end of the context") { context in
          let rest = Estimate(
            [Double](repeating: 0, count: max(0, context.sizes.sequenceLength - context.position - 1)))
          return perHead(context) { Replay.softmax(Estimate.joined([$0, rest])).slice(0..<$0.count) }
        },
        Hypothesis("the next head's first score") { context in
          let length = context.position + 1
          return Estimate.joined(
            (0..<context.sizes.headCount).map { head in
              let own = context.inputs[0].slice((head * length)..<((head + 1) * length))
              let isLast = head == context.sizes.headCount - 1
              let next =
                isLast ? Estimate([0]) : context.inputs[0].slice(((head + 1) * length)..<((head + 1) * length + 1))
              return Replay.softmax(Estimate.joined([own, next])).slice(0..<length)
            })
        },
      ]
    },
    Cause("softmax.missing", "softmax is missing: the scores come out unchanged", formula: "s", at: [.softmax]) {
      context in
      context.inputs[0]
    },
    Cause(
      "softmax.unnormalized", "the exponentials are not divided by their sum", formula: "exp(s - max)", at: [.softmax]
    ) { _ in
      [
        Hypothesis { context in
          perHead(context) { row in
            let largest = row.values.max() ?? 0
            return exponentials(row, minus: largest)
          }
        },
        Hypothesis("without subtracting the maximum") { context in
          perHead(context) { exponentials($0, minus: 0) }
        },
      ]
    },
    Cause(
      "softmax.over-heads", "one softmax over all heads instead of one per head",
      formula: "exp(s) / sum over heads and positions", at: [.softmax]
    ) { context in Replay.softmax(context.inputs[0]) },
    Cause("softmax.base-two", "powers of 2 instead of e", formula: "2^s / sum 2^s", at: [.softmax]) { context in
      perHead(context) { Replay.softmax(scaled($0, by: log(2.0))) }
    },
    Cause(
      "softmax.temperature", "the scores are multiplied by a factor before softmax", formula: "softmax(c s)",
      at: [.softmax]
    ) { context in
      let size = Double(context.sizes.headSize)
      let named = [
        ("by 1 / sqrt(head_size)", 1 / size.squareRoot()), ("by sqrt(head_size)", size.squareRoot()),
        ("by 1 / head_size", 1 / size),
      ]
      let solved = solvedFactor(context).map { [("by \($0)", $0)] } ?? []
      return (named + solved).map { name, factor in
        Hypothesis(name) { context in perHead(context) { Replay.softmax(scaled($0, by: factor)) } }
      }
    },
    Cause("softmax.sign", "the exponent's sign is wrong", formula: "exp(-s) / sum exp(-s)", at: [.softmax]) { context in
      perHead(context) { Replay.softmax(scaled($0, by: -1)) }
    },
  ]

  /// The factor that two entries of the record give, rounded to three digits; nil where it is one of the other causes'.
  private static func solvedFactor(_ context: CauseContext) -> Double? {
    let length = context.position + 1
    let (s, a) = (context.inputs[0].values, context.actual.values)
    var best: (distance: Double, factor: Double)?
    for head in 0..<context.sizes.headCount where length > 1 {
      let range = (head * length)..<((head + 1) * length)
      guard let i = range.max(by: { s[$0] < s[$1] }), let j = range.min(by: { s[$0] < s[$1] }), a[i] > 0, a[j] > 0
      else { continue }
      let distance = s[i] - s[j]
      if distance > best?.distance ?? 0 { best = (distance, log(a[i] / a[j]) / distance) }
    }
    guard let factor = best.map({ roundedToDigits($0.factor, 3) }), factor.isFinite else { return nil }
    return [1, -1, 0.693, 0].contains(factor) ? nil : factor
  }

  private static func perHead(_ context: CauseContext, _ body: (Estimate) -> Estimate) -> Estimate {
    let length = context.inputs[0].count / context.sizes.headCount
    return Estimate.joined(
      (0..<context.sizes.headCount).map { body(context.inputs[0].slice(($0 * length)..<(($0 + 1) * length))) })
  }

  /// Softmax of all entries but each head's last, for which a value is put in.
  private static func softmaxOfFirst(
    _ context: CauseContext, last: (CauseContext, Int) -> (value: Double, error: Double)
  ) -> Estimate? {
    let length = context.position + 1
    return Estimate.joined(
      (0..<context.sizes.headCount).map { head in
        let row = context.inputs[0].slice((head * length)..<(head * length + length - 1))
        let (value, error) = last(context, head)
        let rest = length > 1 ? [Replay.softmax(row)] : []
        return Estimate.joined(rest + [Estimate([value], errors: [error])])
      })
  }

  private static func exponentials(_ row: Estimate, minus shift: Double) -> Estimate {
    var result = Estimate(zeros: row.count)
    for t in 0..<row.count {
      let x = row.values[t] - shift
      let value = exp(x)
      let relative = (11 + 3 * abs(x) + 2 * abs(row.values[t])) * Rounding.u
      result.values[t] = value
      result.errors[t] = value * (relative + expm1(row.error(t))) + 2 * Rounding.eta
    }
    return result
  }
}
