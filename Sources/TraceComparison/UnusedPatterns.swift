public import TraceFormat

/// Patterns that match no tensor on either side: whoever wrote them meant to check what is not there.
public struct UnusedPatterns: Equatable, Sendable {
  /// Those of the filter, of names that are wanted.
  public let only: [NamePattern]
  /// Those of the filter, of names that are left out.
  public let except: [NamePattern]
  /// Those of relative tolerances.
  public let rtol: [NamePattern]
  /// Those of absolute tolerances.
  public let atol: [NamePattern]

  /// None.
  package init() { (only, except, rtol, atol) = ([], [], [], []) }

  /// Those of a filter and a tolerance that match none of some names.
  package init(_ filter: RecordFilter, _ tolerance: Tolerance, names: Set<TensorName>) {
    func isUnused(_ pattern: NamePattern) -> Bool { !names.contains { pattern.matches($0.text) } }
    only = (filter.names ?? []).filter(isUnused)
    except = filter.excluded.filter(isUnused)
    rtol = tolerance.rtolOverrides.map(\.pattern).filter(isUnused)
    atol = tolerance.atolOverrides.map(\.pattern).filter(isUnused)
  }

  /// The first of them, if there is one, and what it was given as.
  ///
  /// - Parameters: what the user calls the filter and the tolerances.
  package func first(
    only: String, except: String, rtol: String, atol: String
  ) -> (argument: String, pattern: NamePattern)? {
    for (argument, patterns) in [(only, self.only), (except, self.except), (rtol, self.rtol), (atol, self.atol)] {
      if let pattern = patterns.first { return (argument, pattern) }
    }
    return nil
  }
}
