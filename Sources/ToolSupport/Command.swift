/// A program's command line: what its help says and the options it takes.
package struct Command<Target> {
  /// As `tracediff` or `tracediff inspect`.
  package let name: String
  /// The ways to call it, without the name.
  package let usage: [String]
  /// What it does, in a sentence or two.
  package let summary: String
  /// The options; `--help` and `--version` are added to them.
  package let groups: [OptionGroup<Target>]
  /// Paragraphs after the options; lines that begin with spaces are printed as they are.
  package let details: [String]

  /// The option that `--version` stands for when one of these values follows it; without one it prints the program's
  /// version.
  package let valuedVersion: (option: String, values: [String])?

  /// A command line.
  package init(
    name: String, usage: [String], summary: String, groups: [OptionGroup<Target>], details: [String] = [],
    valuedVersion: (option: String, values: [String])? = nil
  ) {
    self.name = name
    self.usage = usage
    self.summary = summary
    self.groups = groups
    self.details = details
    self.valuedVersion = valuedVersion
  }

  /// What a command line asks for.
  package enum Request: Equatable {
    /// To print the help.
    case help
    /// To print the version.
    case version
    /// To do the work, with these arguments beside the options.
    case run(operands: [Argument])
  }

  /// An option as it was found, before its value is looked at.
  package struct Occurrence {
    /// Which option.
    package let option: Option<Target>
    /// Its value, as bytes.
    package let value: OptionValue
  }

  /// The first stage: which options were given, with which bytes, and what is left.
  package struct Split {
    /// Options in the order given.
    package var occurrences: [Occurrence] = []
    /// Arguments that are not options.
    package var operands: [Argument] = []
    /// `--help` or `--version`, whichever came first.
    package var request: Request?
  }

  /// Both stages: finds the options, then carries out their effects on the tool's own type, which validates the rest.
  ///
  /// `--help` and `--version` win over everything that stands after them.
  package func parse(_ arguments: [Argument], into target: inout Target) throws(UsageError) -> Request {
    let split = try split(arguments)
    if let request = split.request { return request }
    guard !split.operands.contains(where: \.bytes.isEmpty) else {
      throw UsageError("expected the name of a file, found an empty argument; is a variable of the shell not set?")
    }
    for occurrence in split.occurrences { try occurrence.option.apply(to: &target, occurrence.value) }
    return .run(operands: split.operands)
  }
}
