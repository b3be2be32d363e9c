import TraceFormat

extension Verdict {
  /// The verdict in one line, as the report's first and as standard error's for exit status 2.
  public var headline: String { "\(outcome.words): \(reason)" }

  private var reason: String {
    switch outcome {
    case .identical:
      return comparedRecords == 1 ? "the one record has equal bytes" : "all \(comparedRecords) records have equal bytes"
    case .withinTolerance:
      let equal = equalInOtherTypeRecords
      let verb = differingRecords == 1 ? "differs" : "differ"
      let other = equal > 0 ? ", \(equal) \(equal == 1 ? "is" : "are") equal in value but of another dtype" : ""
      return "\(differingRecords) of \(count(comparedRecords, "record")) \(verb)\(other), none beyond tolerance"
    case .diverged:
      let cut = problems.isEmpty ? "" : ", in what is readable"
      if let key = firstDivergence?.key { return "\(key) is the first tensor beyond tolerance\(cut)" }
      guard let tokensPart else { return "" }
      return "the tokens part at position \(tokensPart.position); no tensor before it is beyond tolerance\(cut)"
    case .incomparable:
      return incomparableReason
    }
  }

  private var incomparableReason: String {
    let remarks = remarks
    if !headers.conflicts.isEmpty {
      return "the models differ: \(headers.conflicts.joined(separator: "; "))"
    }
    if comparedRecords == 0 {
      if let problem = remarks.problem { return "nothing to compare; \(problem)" }
      if let tokensPart {
        let asked = filter.isEverything ? "" : " that was asked for"
        return "nothing to compare: the tokens part at position \(tokensPart.position), before the first tensor\(asked)"
      }
      if let shapeMismatch = remarks.shapeMismatch { return shapeMismatch }
      if remarks.lack != nil { return "nothing to compare: the traces have no tensor in common" }
      let holdings = Side.allCases.map { "\($0.rawValue) holds \(held[$0] ?? HeldRange())" }.joined(separator: "; ")
      return "nothing to compare: neither trace holds a tensor that was asked for; \(holdings)"
    }
    if comparedElements == 0 {
      return "nothing to compare: no record that both traces have holds an element"
    }
    return remarks.problem ?? remarks.shapeMismatch ?? remarks.lack ?? ""
  }
}

extension Verdict.Outcome {
  /// The verdict in words.
  package var words: String { self == .withinTolerance ? "within tolerance" : rawValue }
}

/// A number and its noun.
package func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }
