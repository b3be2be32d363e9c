import ToolSupport
import TraceFormat
import TraceSources

/// What the user wants to see of a trace.
struct InspectionOptions {
  var filter = RecordFilter()
  var listsTokens = false
  var isFull = false
  var jsonPath: String?
  var mapping = MappingOption()

  /// Whether single tensors were asked for.
  var selectsTensors: Bool { !filter.isEverything }
}

extension InspectionOptions {
  static var command: Command<Self> {
    Command(
      name: "\(Program.name) inspect",
      usage: ["TRACE... [options]"],
      summary:
        "Lists what a trace holds, or prints the tensors that the options select: heads and positions as rows, with "
        + "statistics and counts of NaN and infinity.",
      groups: [selectionGroup, outputGroup],
      details: [
        Option<Self>.selectionDetails,
        TraceOperands.details,
        "Exit status: 0 if the trace is whole, 2 if it is cut short, damaged or unreadable.",
      ])
  }

  private static var selectionGroup: OptionGroup<Self> {
    OptionGroup(
      "What to print",
      Option.selection(
        \.filter, only: "Print these sites.", layers: "Print these layers.", positions: "Print these positions.") + [
          .exclusion(\.filter, help: "Leave these sites out."),
          Option("tokens", help: "List every position's token and its text.", effect: { $0.listsTokens = true }),
          .map(\.mapping),
        ])
  }

  private static var outputGroup: OptionGroup<Self> {
    OptionGroup(
      "Output",
      [
        Option(
          "full",
          help:
            "Cut nothing: every tensor and every element, in digits that read back as the same number. JSON still holds "
            + "at most 100 tensors beside their count.",
          effect: { $0.isFull = true }),
        Option(
          "json", value: "FILE|-", help: "Write the same as JSON; with -, standard output is that one object alone.",
          effect: { target, value throws(UsageError) in target.jsonPath = try value.path() }),
      ])
  }
}
