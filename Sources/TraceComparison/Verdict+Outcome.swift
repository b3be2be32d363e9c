extension Verdict.Outcome {
  /// The answer from what decides it, in the order that `Verdict.outcome` gives.
  ///
  /// - Parameters:
  ///   - isComparable: the models have the same sizes, and elements were compared.
  ///   - hasProblems: something is cut short or damaged.
  ///   - isMatched: no shapes differ, and nothing lacks a partner that should have one.
  ///   - diverges: a record is beyond tolerance or the tokens part.
  ///   - differs: a record is not the same to the bit.
  package init(isComparable: Bool, hasProblems: Bool, isMatched: Bool, diverges: Bool, differs: Bool) {
    if !isComparable {
      self = .incomparable
    } else if hasProblems {
      self = diverges ? .diverged : .incomparable
    } else if !isMatched {
      self = .incomparable
    } else if diverges {
      self = .diverged
    } else {
      self = differs ? .withinTolerance : .identical
    }
  }

  /// As diff(1): 0 same, 1 different, 2 trouble.
  package var exitStatus: Int32 {
    switch self {
    case .identical, .withinTolerance: 0
    case .diverged: 1
    case .incomparable: 2
    }
  }
}
