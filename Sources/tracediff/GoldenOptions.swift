import Goldens
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// What the user wants done with a golden.
struct GoldenOptions {
  var comparison = ComparisonOptions()
  var outputPath: String?
  var jsonPath: String?
  var mapping = MappingOption()
}

extension GoldenOptions {
  static let name = "\(Program.name) golden"

  /// The overview of the three commands.
  static var overview: Command<Self> {
    Command(
      name: name,
      usage: [
        "record TRACE... -o FILE  (see tracediff golden record --help)",
        "check FILE TRACE...      (see tracediff golden check --help)",
        "update FILE TRACE...     (see tracediff golden update --help)",
      ],
      summary:
        "Keeps what a run computed as a small text file for a repository: a fingerprint of every tensor, and a sketch "
        + "from which the error of a later run is estimated without its trace (docs/goldens.md).",
      groups: [])
  }

  static var record: Command<Self> {
    Command(
      name: "\(name) record", usage: ["TRACE... -o FILE [options]"],
      summary: "Records the golden of a trace.",
      groups: [
        inputGroup,
        OptionGroup(
          "Output",
          [
            Option(
              "output", short: "o", value: "FILE|-", help: "The golden; with -, it goes to standard output.",
              effect: { target, value throws(UsageError) in target.outputPath = try value.path() }),
            json,
          ]),
      ],
      details: [
        TraceOperands.details,
        "The trace must be whole. The same trace gives the same golden on every machine.",
        "Exit status: 0, or 2 for trouble.",
      ])
  }

  static var check: Command<Self> {
    Command(
      name: "\(name) check", usage: ["FILE TRACE... [options]"],
      summary:
        "Checks a trace against a golden and names, in the order of execution, the first tensor that differs and the "
        + "first that is beyond tolerance.",
      groups: [
        toleranceGroup, selectionGroup, inputGroup,
        OptionGroup("Output", [json] + CheckReports.options.map { $0.lifted(to: \.comparison.reports) }),
      ],
      details: [
        "A record passes if its bits are the golden's, or if the error that its sketch estimates keeps to",
        "    \(GoldenReport.inequality)",
        "where the resolution is about a millionth of the rms. NaN and infinity pass only where the golden has the same. "
          + "Single elements are seen less sharply than by a comparison of traces; docs/goldens.md says how sharply.",
        TraceOperands.details,
        Option<Self>.selectionDetails,
        "Exit status: 0 identical or within tolerance, 1 diverged, 2 incomparable or trouble.",
      ])
  }

  static var update: Command<Self> {
    Command(
      name: "\(name) update", usage: ["FILE TRACE... [options]"],
      summary:
        "Records a golden anew from a trace and prints what moved and how far. Only lines that changed differ; where "
        + "none did, the file is not touched.",
      groups: [toleranceGroup, inputGroup, OptionGroup("Output", [json])],
      details: [
        TraceOperands.details,
        "The tolerance is only what movements are measured by: whatever moved is recorded.",
        "Exit status: 0, or 2 for trouble.",
      ])
  }

  private static var json: Option<Self> {
    Option(
      "json", value: "FILE|-", help: "Write the result as JSON; with -, standard output is that one object alone.",
      effect: { target, value throws(UsageError) in target.jsonPath = try value.path() })
  }

  private static var inputGroup: OptionGroup<Self> {
    OptionGroup(
      "Input",
      [
        .map(\.mapping)
      ])
  }

  private static var toleranceGroup: OptionGroup<Self> {
    OptionGroup(
      "Tolerance",
      [
        Option(
          "rtol", value: "[SITES=]R",
          help: "Relative tolerance; for some sites alone with SITES=R, where the last one that matches counts. "
            + "Default \(NumberText.plain(Tolerance.default.rtol)).",
          effect: { target, value throws(UsageError) in
            try ComparisonOptions.read(
              value, into: &target.comparison.rtol, overrides: &target.comparison.rtolOverrides)
          }),
        Option(
          "atol", value: "[SITES=]A",
          help: "Absolute tolerance, likewise. Default \(NumberText.plain(Tolerance.default.atol)).",
          effect: { target, value throws(UsageError) in
            try ComparisonOptions.read(
              value, into: &target.comparison.atol, overrides: &target.comparison.atolOverrides)
          }),
        Option("exact", help: "Accept equal bits only.", effect: { $0.comparison.isExact = true }),
      ])
  }

  private static var selectionGroup: OptionGroup<Self> {
    OptionGroup(
      "What to compare",
      Option.selection(
        \.comparison.filter, only: "Compare these sites alone.",
        layers: "Compare these layers alone, without the sites outside the layers.",
        positions: "Compare these positions alone.") + [
          .exclusion(
            \.comparison.filter,
            help: "Leave these sites out, such as those that the trace lacks; what else it lacks still fails."),
          Option(
            "common", help: "Compare what both have, and say what was left out.",
            effect: { $0.comparison.comparesCommonOnly = true }),
        ])
  }
}
