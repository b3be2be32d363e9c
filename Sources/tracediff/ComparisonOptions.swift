import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// What the user wants compared, and how.
struct ComparisonOptions {
  var rtol: Double?
  var atol: Double?
  var ulp: Int?
  var isExact = false
  var rtolOverrides: [Tolerance.Override] = []
  var atolOverrides: [Tolerance.Override] = []
  var filter = RecordFilter()
  var comparesCommonOnly = false
  var stopsAtFirst = false
  var listsAll = false
  var mapping = MappingOption()
  var oraclePath: String?
  var jsonPath: String?
  var reports = CheckReports()

  /// Checks what depends on what the traces are, and hands them their mappings.
  func apply(to pair: inout TracePair) throws(UsageError) {
    if pair.expected.isSameStream(as: pair.actual) {
      let names = Set([pair.expected.name, pair.actual.name]).sorted().joined(separator: " and ")
      throw UsageError("both traces come through one pipe, \(names): write one of them to a file first")
    }
    if oraclePath != nil, pair.isLive {
      throw UsageError("option '--oracle' needs files, since the traces are read again; a pipe can be read only once")
    }
    var expected: TraceOperands? = pair.expected
    try mapping.apply(expected: &expected, actual: &pair.actual)
    pair.expected = expected ?? pair.expected
  }

  /// The tolerance that the options make together.
  func tolerance() throws(UsageError) -> Tolerance {
    if isExact {
      let limits = [
        ("--rtol", rtol != nil || !rtolOverrides.isEmpty), ("--atol", atol != nil || !atolOverrides.isEmpty),
        ("--ulp", ulp != nil),
      ]
      if let (option, _) = limits.first(where: \.1) {
        throw UsageError("option '--exact' excludes '\(option)': equal bits need no tolerance")
      }
      return .exact
    }
    return Tolerance(rtol: rtol, atol: atol, ulp: ulp, rtolOverrides: rtolOverrides, atolOverrides: atolOverrides)
  }
}

extension ComparisonOptions {
  static var command: Command<Self> {
    Command(
      name: Program.name,
      usage: [
        "EXPECTED ACTUAL... [options]",
        "explain TRACE... --model CHECKPOINT [options]   (see tracediff explain --help)",
        "inspect TRACE... [options]                      (see tracediff inspect --help)",
        "export TRACE... -o FILE.npz [options]           (see tracediff export --help)",
        "golden record|check|update                      (see tracediff golden --help)",
        "history append|show FILE ...                    (see tracediff history --help)",
      ],
      summary: "Compares two traces record by record and names, in the order of execution, the first tensor and "
        + "position that differ and the first that are beyond tolerance.",
      groups: [toleranceGroup, selectionGroup, outputGroup],
      details: [
        "An element passes if its bits are equal, if it is within --ulp, or if",
        "    \(Tolerance.inequality)",
        "where rms is the root mean square of the expected tensor. NaN passes only against NaN, infinity only against "
          + "the same infinity. Different dtypes are compared in float64.",
        Option<Self>.selectionDetails,
        "EXPECTED is one operand; all that follow are parts of ACTUAL. " + TraceOperands.details
          + " - or a pipe is a trace that is compared while it is being written, and stored nowhere; its records must come in "
          + "the order of execution.",
        "Exit status: 0 identical or within tolerance, 1 diverged, 2 incomparable or trouble.",
      ])
  }

  static var toleranceGroup: OptionGroup<Self> {
    OptionGroup(
      "Tolerance",
      [
        Option(
          "rtol", value: "[SITES=]R",
          help: "Relative tolerance; for some sites alone with SITES=R, where the last one that matches counts. "
            + "Default \(NumberText.plain(Tolerance.default.rtol)).",
          effect: { target, value throws(UsageError) in
            try read(value, into: &target.rtol, overrides: &target.rtolOverrides)
          }),
        Option(
          "atol", value: "[SITES=]A",
          help:
            "Absolute tolerance, likewise. Default \(NumberText.plain(Tolerance.default.atol)), a floor for results "
            + "that were flushed to zero.",
          effect: { target, value throws(UsageError) in
            try read(value, into: &target.atol, overrides: &target.atolOverrides)
          }),
        Option(
          "ulp", value: "N",
          help:
            "Also accept what is at most N representable numbers away. Of --rtol and --atol, what is not given for all "
            + "sites is then 0 for the others, so that the distance alone decides there.",
          effect: { target, value throws(UsageError) in target.ulp = try value.integer(in: 0...Int.max) }),
        Option(
          "exact", help: "Accept equal bits only.", effect: { $0.isExact = true }),
      ])
  }

  static var selectionGroup: OptionGroup<Self> {
    OptionGroup(
      "What to compare",
      Option.selection(
        \.filter, only: "Compare these sites alone.",
        layers: "Compare these layers alone, without the sites outside the layers.",
        positions: "Compare these positions alone.") + [
          .exclusion(
            \.filter,
            help: "Leave these sites out, such as those that one trace lacks; what else has no partner still fails."),
          Option(
            "common", help: "Compare what both traces have, and say what was left out.",
            effect: { $0.comparesCommonOnly = true }),
          .map(\.mapping, forOne: "side"),
        ])
  }

  private static var outputGroup: OptionGroup<Self> {
    OptionGroup(
      "Output",
      [
        Option(
          "first",
          help:
            "Stop at the first record beyond tolerance, or where the tokens part; what comes after is not compared, so "
            + "that patterns that match nothing are not noticed, and whoever writes to a pipe is stopped.",
          effect: { $0.stopsAtFirst = true }),
        Option(
          "all", help: "List every record beyond tolerance; of a pipe as they come, before the report.",
          effect: { $0.listsAll = true }),
        Option(
          "oracle", value: "TRACE",
          help:
            "A trace of the same run in float64 (tracedump --precision f64): also say how far each of the two lies from "
            + "it, per site and layer. The verdict stays the tolerance's.",
          effect: { target, value throws(UsageError) in target.oraclePath = try value.path() }),
        Option(
          "json", value: "FILE|-", help: "Write the verdict as JSON; with -, standard output is that one object alone.",
          effect: { target, value throws(UsageError) in target.jsonPath = try value.path() }),
      ] + CheckReports.options.map { $0.lifted(to: \.reports) })
  }

  /// `R` sets the limit for all, `SITES=R` for some.
  static func read(
    _ value: OptionValue, into limit: inout Double?, overrides: inout [Tolerance.Override]
  ) throws(UsageError) {
    let expected = "a finite number that is not negative, or SITES=NUMBER"
    guard let text = value.argument.text else { throw value.invalid(expected) }
    let equals = text.lastIndex(of: "=")
    let number = equals.map { text[text.index(after: $0)...] } ?? text[...]
    guard let parsed = OptionValue.decimal(String(number)), parsed >= 0 else { throw value.invalid(expected) }
    guard let equals else { return limit = parsed }
    guard let patterns = NamePattern.list(parsing: String(text[..<equals])) else { throw value.invalid(expected) }
    if let limit = patterns.first(where: { OptionValue.decimal($0.text) != nil }) {
      throw UsageError(
        "option '\(value.option)': '\(limit.text)' among the sites is a number; give the option once for all sites and "
          + "once for some: \(value.option) \(limit.text) \(value.option) SITES=NUMBER")
    }
    overrides += patterns.map { Tolerance.Override($0, parsed) }
  }
}
