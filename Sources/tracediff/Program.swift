import ToolSupport

/// The program `tracediff`: the first argument chooses what to do, and the result becomes the exit status.
@main
enum Program {
  static let name = "tracediff"

  static func main() {
    Tool.run(name: name) { arguments in
      switch arguments.first?.text {
      case "inspect": try Inspection.run(Array(arguments.dropFirst()))
      case "explain": try ExplanationCommand.run(Array(arguments.dropFirst()))
      case "export": try ExportCommand.run(Array(arguments.dropFirst()))
      case "golden": try GoldenCommand.run(Array(arguments.dropFirst()))
      case "history": try HistoryCommand.run(Array(arguments.dropFirst()))
      default: try ComparisonCommand.run(arguments)
      }
    }
  }
}
