import PlatformLibc

/// What is said on standard error while a run goes on and when it ends.
package final class Progress {
  private let name: String
  private let steps: Int
  private let isShown: Bool
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var hasLine = false

  /// The progress of a run.
  ///
  /// - Parameters:
  ///   - name: the program's.
  ///   - steps: positions at most.
  ///   - textDescriptor: where the run's text goes; nil where it prints none.
  package init(name: String, steps: Int, textDescriptor: Int32?) {
    self.name = name
    self.steps = steps
    isShown = Self.isShown(textDescriptor: textDescriptor, isTerminal: isTerminal)
  }

  /// Whether a line of progress is wanted: where standard error is a terminal, unless the text goes to a terminal too
  /// and shows the progress by itself.
  package static func isShown(textDescriptor: Int32?, isTerminal: (Int32) -> Bool) -> Bool {
    isTerminal(STDERR_FILENO) && !(textDescriptor.map(isTerminal) ?? false)
  }

  /// Shows a line once a run has taken a second, ten times a second at most.
  package func update(_ done: Int) {
    guard isShown, start.duration(to: .now) > .seconds(1), lastShown.duration(to: .now) > .milliseconds(100) else {
      return
    }
    lastShown = .now
    hasLine = true
    show("\r\(name): position \(done) of \(steps), \(rate(done))\u{1B}[K")
  }

  /// Prints the summary.
  ///
  /// - Parameter path: what the trace is called; nil where there is none.
  package func finish(positions: Int, _ recorded: (recordCount: Int, byteCount: Int)?, path: String?) {
    if hasLine { show("\r\u{1B}[K") }
    let run = "\(positions) \(positions == 1 ? "position" : "positions") at \(rate(positions))"
    guard let recorded, let path else {
      Tool.diagnose(name, "\(run); no trace")
      return
    }
    let size = Quantity.size(recorded.byteCount)
    Tool.diagnose(name, "\(recorded.recordCount) records, \(size) in \(path); \(run)")
  }

  private func rate(_ positions: Int) -> String {
    let elapsed = start.duration(to: .now)
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return "\(Quantity.rounded(Double(positions) / max(seconds, 1e-9))) tokens/s"
  }

  private func show(_ text: String) {
    let output = OutputWriter(descriptor: STDERR_FILENO, name: "standard error")
    output.write(text)
    output.flush()
  }
}
