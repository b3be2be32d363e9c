import ToolSupport
import TraceFormat
import TraceSources

/// What the user wants exported.
struct ExportOptions {
  var filter = RecordFilter()
  var outputPath: String?
  var mapping = MappingOption()
}

extension ExportOptions {
  static var command: Command<Self> {
    Command(
      name: "\(Program.name) export",
      usage: ["TRACE... -o FILE.npz|FILE.safetensors [options]"],
      summary:
        "Writes a trace as arrays that numpy, PyTorch and JAX read: one array per record, named SITE/layerL/posP, or "
        + "SITE/posP outside the layers.",
      groups: [
        OptionGroup(
          "Input",
          [
            .map(\.mapping)
          ]),
        OptionGroup(
          "What to write",
          Option.selection(
            \.filter, only: "Write these sites.", layers: "Write these layers.",
            positions: "Write these positions, and what attention reads of earlier ones (k.rope, v.proj).")
            + [.exclusion(\.filter, help: "Leave these sites out.")]),
        OptionGroup(
          "Output",
          [
            Option(
              "output", short: "o", value: "FILE",
              help: "The file to write; its name ends in .npz or .safetensors, which says in which format.",
              effect: { target, value throws(UsageError) in target.outputPath = try value.path() })
          ]),
      ],
      details: [
        "Beside the records stand the arrays 'tokens' and 'positions', and header and tokens as one JSON text: the member "
          + "trace.json of an .npz, the metadata 'trace' of .safetensors. So what is exported compares as identical.",
        Option<Self>.selectionDetails,
        TraceOperands.details,
        "Exit status: 0 if everything was written, 2 if not; then there is no file.",
      ])
  }
}
