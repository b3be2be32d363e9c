import ToolSupport

/// `--junit` and `--github`: what a check writes for CI systems.
struct CheckReports {
  var junitPath: String?
  var isForGitHub = false

  /// The options, the same in every command that checks something.
  static var options: [Option<Self>] {
    [
      Option(
        "junit", value: "FILE",
        help:
          "Write the result as JUnit XML: a test case per tensor and layer. It is written whatever the result is, also "
          + "where a trace cannot be read.",
        effect: { target, value throws(UsageError) in target.junitPath = try value.path() }),
      Option(
        "github",
        help:
          "In a GitHub workflow: print the result as annotations, and add a summary to the job's page, the file that "
          + "GITHUB_STEP_SUMMARY names.",
        effect: { $0.isForGitHub = true }),
    ]
  }

  /// The file of the job's page; nil where none is asked for or named.
  var summaryPath: String? { isForGitHub ? Tool.environment("GITHUB_STEP_SUMMARY") : nil }

  /// Checks, before anything is opened for writing, that no output of a command is an input or another output.
  ///
  /// - Parameter jsonPath: where the JSON document goes; nil where none is asked for.
  func requireApart(jsonPath: String?, inputs: [String]) throws {
    if let junitPath, try Tool.isStandardOutput(junitPath) {
      throw UsageError("option '--junit' needs the name of a file, not standard output")
    }
    try Tool.requireApart(outputs: [jsonPath, junitPath, summaryPath].compactMap { $0 }, inputs: inputs)
  }
}
