import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

extension RecordFilter {
  /// A selection that matches nothing of a trace is bad usage.
  func requireUse(in trace: borrowing Trace, name: String) throws(UsageError) {
    var names: Set<TensorName> = []
    var isAnyWanted = false
    var held = HeldRange()
    for place in 0..<trace.recordCount {
      let key = trace.key(at: place)
      held.add(key)
      names.insert(key.name)
      isAnyWanted = isAnyWanted || wants(key)
    }
    try UnusedPatterns(self, .exact, names: names).requireNone(in: name)
    guard isAnyWanted else {
      throw UsageError("\(name) holds no tensor of that site, layer and position; it holds \(held)")
    }
  }
}
