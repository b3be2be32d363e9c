import TraceFormat

/// Checks that every pattern of a filter and a tolerance matched a tensor: one that matches nothing checks nothing.
func requireUsed(filter: [NamePattern], rtol: [NamePattern], atol: [NamePattern]) throws(ExpectationError) {
  let unused = [("filter", filter), ("rtolOverrides", rtol), ("atolOverrides", atol)]
  for (argument, patterns) in unused {
    if let pattern = patterns.first { throw .unusedPattern(argument: argument, pattern: pattern.text) }
  }
}
