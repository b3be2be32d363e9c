/// Lines by which a step of a GitHub workflow talks to the runner: `::error title=T::message`.
package enum WorkflowCommands {
  /// GitHub shows at most this many annotations of one kind per step.
  static let annotationLimit = 10

  /// The annotations of a check: its verdict, then the cases that failed or could not be checked.
  package static func annotations(_ summary: CheckSummary) -> [String] {
    let title = "\(summary.tool): \(summary.outcome)"
    guard summary.exitStatus != 0 else { return [line("notice", title: title, summary.headline)] }
    var lines = [line("error", title: title, "\(summary.headline)\n\(summary.subject)\n\(summary.countsText)")]
    let wrong = summary.cases.filter { $0.status == .failed || $0.status == .error }
    let shown = wrong.prefix(wrong.count > annotationLimit - 1 ? annotationLimit - 2 : annotationLimit - 1)
    for value in shown where value.message != summary.headline {
      let text = value.detail.isEmpty ? value.message : "\(value.message)\n\(value.detail)"
      lines.append(line("error", title: "\(value.name), \(value.title)", text))
    }
    let rest = wrong.count - shown.count
    if rest > 0 {
      lines.append(line("error", title: title, "\(rest) more cases failed or could not be checked"))
    }
    return lines
  }

  /// A command with a title.
  static func line(_ command: String, title: String, _ message: String) -> String {
    "::\(command) title=\(property(title))::\(data(message))"
  }

  /// The line that makes the runner take what follows for mere text, until `resume(token)`: a tensor's name in a report
  /// must not pass for a command.
  ///
  /// - Parameter token: what nobody can guess.
  package static func pause(_ token: String) -> String { "::stop-commands::\(token)" }

  /// The line after which the runner takes commands again.
  package static func resume(_ token: String) -> String { "::\(token)::" }

  /// Text behind the second `::`.
  static func data(_ text: String) -> String { escaped(text, alsoInProperties: false) }

  /// The value of a property.
  static func property(_ text: String) -> String { escaped(text, alsoInProperties: true) }

  private static func escaped(_ text: String, alsoInProperties: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": result += "%25"
      case "\r": result += "%0D"
      case "\n": result += "%0A"
      case ":" where alsoInProperties: result += "%3A"
      case "," where alsoInProperties: result += "%2C"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
