#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
import ToolSupport

/// What is said on standard error while a run goes on and when it ends.
final class Progress {
  private let steps: Int
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  // Text that is printed to the same terminal shows the progress by itself.
  private let isShown = isTerminal(STDERR_FILENO) && !isTerminal(STDOUT_FILENO)
  private var hasLine = false

  init(steps: Int) { self.steps = steps }

  /// Shows a line once a run has taken a second, ten times a second at most.
  func update(_ done: Int) {
    guard isShown, start.duration(to: .now) > .seconds(1), lastShown.duration(to: .now) > .milliseconds(100) else {
      return
    }
    lastShown = .now
    hasLine = true
    OutputWriter(descriptor: STDERR_FILENO, name: "standard error").show(
      "\r\(TraceDump.name): position \(done) of \(steps), \(rate(done)) tokens/s\u{1B}[K")
  }

  /// Prints the summary.
  func finish(_ name: String, positions: Int, _ recorded: (recordCount: Int, byteCount: Int)?, path: String?) {
    if hasLine { OutputWriter(descriptor: STDERR_FILENO, name: "standard error").show("\r\u{1B}[K") }
    let run = "\(positions) positions at \(rate(positions)) tokens/s"
    guard let recorded, let path else {
      Tool.diagnose(name, "\(run); no trace")
      return
    }
    let place = path == "-" ? "standard output" : path
    Tool.diagnose(name, "\(recorded.recordCount) records, \(recorded.byteCount) bytes in \(place); \(run)")
  }

  private func rate(_ positions: Int) -> String {
    let elapsed = start.duration(to: .now)
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return String(Int((Double(positions) / max(seconds, 1e-9)).rounded()))
  }
}

extension OutputWriter {
  fileprivate func show(_ text: String) {
    write(text)
    flush()
  }
}
