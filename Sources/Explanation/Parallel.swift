import Dispatch
import Synchronization

/// The results of a body for 0..<count, computed on all processors.
///
/// - Parameter work: about how many elementary steps all of them take; what takes few is not worth waking other
///   threads.
func concurrentMap<Result: Sendable>(_ count: Int, work: Int = .max, _ body: (Int) -> Result) -> [Result] {
  guard count > 1, work > 8192 else { return (0..<count).map(body) }
  let results = Mutex([Result?](repeating: nil, count: count))
  withoutActuallyEscaping(body) { body in
    nonisolated(unsafe) let compute = body
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let result = compute(index)
      results.withLock { $0[index] = result }
    }
  }
  return results.withLock { $0.compactMap { $0 } }
}

/// Calls a body for 0..<count, on all processors; for 1, on this one.
func concurrently(_ count: Int, _ body: (Int) -> Void) {
  guard count > 1 else { return (0..<count).forEach(body) }
  withoutActuallyEscaping(body) { body in
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: count) { body($0) }
  }
}
