import Dispatch

/// Splits the elements of an output among threads. Each element is computed by one call of `body` from its own inputs, so
/// the bits do not depend on the number of threads.
///
/// Kernel: slices of one buffer are handed to several threads, which the language cannot check; they do not overlap.
///
/// - Parameters:
///   - costPerElement: multiply-adds per element; small outputs are computed on the calling thread.
///   - body: computes the elements of a range into a slice that holds just these.
func inParallel<Element: BitwiseCopyable>(
  _ output: inout MutableSpan<Element>, threads: Int, costPerElement: Int,
  _ body: (inout MutableSpan<Element>, Range<Int>) -> Void
) {
  let count = output.count
  let parts = min(threads, count * costPerElement / leastWorkPerThread)
  guard parts > 1 else {
    body(&output, 0..<count)
    return
  }
  output.withUnsafeMutableBufferPointer { buffer in
    nonisolated(unsafe) let base = buffer.baseAddress.unsafelyUnwrapped
    nonisolated(unsafe) let compute = body
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      let range = (count * part / parts)..<(count * (part + 1) / parts)
      var slice = MutableSpan<Element>(_unsafeStart: base + range.lowerBound, count: range.count)
      compute(&slice, range)
    }
  }
}

/// Below this many multiply-adds per thread, waking a thread costs more than it saves (about 30 microseconds).
private let leastWorkPerThread = 1 << 15
