import ToolSupport
import TraceFormat

/// What is to be added to a drift history.
struct HistoryAppendOptions {
  var comparison = ComparisonOptions()
  var commit: String?
  var modelPath: String?
  var isReplacing = false

  /// The overview of both commands.
  static var overview: Command<Self> {
    Command(
      name: "\(Program.name) history",
      usage: [
        "append FILE ...  (see tracediff history append --help)",
        "show FILE        (see tracediff history show --help)",
      ],
      summary:
        "Keeps the largest error of each tensor from commit to commit, and says which commit moved what (docs/ci.md).",
      groups: [])
  }

  static var command: Command<Self> {
    Command(
      name: "\(Program.name) history append",
      usage: ["FILE --commit ID EXPECTED ACTUAL... [options]"],
      summary:
        "Compares two traces and adds a line to a drift history: for each tensor the largest error over all layers "
        + "and positions, where it is, and how much of its allowance it takes.",
      groups: [
        OptionGroup(
          "History",
          [
            Option(
              "commit", short: "c", value: "ID", help: "The commit that the actual trace was made at.",
              effect: { target, value throws(UsageError) in target.commit = try value.text() }),
            Option(
              "model", short: "m", value: "CHECKPOINT",
              help: "The checkpoint of the traces: also write how much of the bound of rounding each operation of the "
                + "actual trace takes, as tracediff explain does.",
              effect: { target, value throws(UsageError) in target.modelPath = try value.path() }),
            Option(
              "replace", help: "Put the line in the place of the commit's own, where it has one.",
              effect: { $0.isReplacing = true }),
          ]),
        ComparisonOptions.toleranceGroup.lifted(to: \.comparison),
        ComparisonOptions.selectionGroup.lifted(to: \.comparison),
      ],
      details: [
        "Traces that cannot be compared as a whole add nothing. The file is written anew and then renamed, so that it is "
          + "never half written.",
        "Exit status: 0 added, whatever the errors are; 2 nothing was added.",
      ])
  }
}

/// What a user wants to see of a drift history.
struct HistoryShowOptions {
  var filter = RecordFilter()
  var jsonPath: String?

  static var command: Command<Self> {
    Command(
      name: "\(Program.name) history show",
      usage: ["FILE [options]"],
      summary:
        "Draws each tensor's largest error over the commits of a drift history, and says which commit moved what.",
      groups: [
        OptionGroup(
          "Output",
          [
            Option(
              "only", aliases: ["site"], value: "SITES", help: "Show these tensors alone.",
              effect: { target, value throws(UsageError) in
                target.filter.names = try (target.filter.names ?? []) + value.patterns()
              }),
            .exclusion(\.filter, help: "Leave these tensors out."),
            Option(
              "json", value: "FILE|-",
              help: "Write the same as JSON; with -, standard output is that one object alone.",
              effect: { target, value throws(UsageError) in target.jsonPath = try value.path() }),
          ])
      ],
      details: ["Exit status: 0 shown, 2 the history cannot be read or holds no commit."])
  }
}
