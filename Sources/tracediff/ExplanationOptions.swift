import ToolSupport
import TraceSources

/// What the user wants explained.
struct ExplanationOptions {
  var modelPath: String?
  var expectedPath: String?
  var jsonPath: String?
  var listsCauses = false
  var mapping = MappingOption()
  var reports = CheckReports()
}

extension ExplanationOptions {
  static var command: Command<Self> {
    Command(
      name: "\(Program.name) explain",
      usage: ["TRACE... --model CHECKPOINT [options]", "--list-causes"],
      summary:
        "Says of every recorded operation whether floating-point rounding explains its result, and of what it does not "
        + "explain where it is, how far it spreads, and which mistake reproduces it. No reference trace and no tolerance "
        + "is needed.",
      groups: [
        OptionGroup(
          "Input",
          [
            Option(
              "model", short: "m", value: "CHECKPOINT", help: "The checkpoint that the trace was made from.",
              effect: { target, value throws(UsageError) in target.modelPath = try value.path() }),
            Option(
              "expected", short: "e", value: "TRACE",
              help:
                "A reference's trace of the same run: errors are split into inherited and local ones, and token flips "
                + "are judged.",
              effect: { target, value throws(UsageError) in target.expectedPath = try value.path() }),
            .map(\.mapping, forOne: "trace"),
          ]),
        OptionGroup(
          "Output",
          [
            Option(
              "json", value: "FILE|-",
              help: "Write the verdict as JSON; with -, standard output is that one object alone.",
              effect: { target, value throws(UsageError) in target.jsonPath = try value.path() }),
            Option(
              "list-causes", help: "Print the mistakes that are recognised, and stop.",
              effect: { $0.listsCauses = true }),
          ] + CheckReports.options.map { $0.lifted(to: \.reports) }),
      ],
      details: [
        "Each operation is computed again in float64 from the trace's own recorded inputs and compared with a proven bound "
          + "of what any honest float32 order of evaluation may differ by (docs/rounding.md). The ratio of error to bound is "
          + "up to 1 for rounding; above 1 it is a fault of this operation, whatever came before it. What was not recorded "
          + "is carried through, with a wider bound.",
        TraceOperands.details,
        "Exit status: 0 rounding, 1 fault or lower precision, 2 unchecked or trouble.",
      ])
  }
}
