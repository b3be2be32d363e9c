import TensorArchives
import ToolSupport
import TraceSources

/// `--map`: the files that say what the arrays of other programs are.
struct MappingOption {
  private(set) var both: MappingFile?
  private(set) var expected: MappingFile?
  private(set) var actual: MappingFile?

  /// Takes `FILE`, `expected=FILE` or `actual=FILE`.
  mutating func read(_ value: OptionValue) throws(UsageError) {
    let path = try value.path()
    let sides: [(prefix: String, file: WritableKeyPath<MappingOption, MappingFile?>)] = [
      ("expected=", \.expected), ("actual=", \.actual),
    ]
    guard let side = sides.first(where: { path.hasPrefix($0.prefix) }) else {
      both = MappingFile(path: path)
      return
    }
    guard path.utf8.count > side.prefix.utf8.count else {
      throw value.invalid("the name of a file after '\(side.prefix)'")
    }
    self[keyPath: side.file] = MappingFile(path: String(path.dropFirst(side.prefix.count)))
  }

  /// All files that were named.
  var paths: [String] { [both, expected, actual].compactMap { $0?.path } }

  /// Hands the mappings to the traces that they are for.
  ///
  /// - Parameter first: the expected trace; nil where there is none.
  /// - Throws: where a mapping is given for what is not made of arrays.
  func apply(expected first: inout TraceOperands?, actual second: inout TraceOperands) throws(UsageError) {
    for (file, prefix, operands) in [(expected, "expected=", first), (actual, "actual=", second)]
    where file != nil && !(operands?.areArrays ?? false) {
      if let operands, operands.isStream { throw Self.arraysThroughAPipe(operands.name) }
      let reason = operands.map { "\($0.name) is not any" } ?? "there is no expected trace"
      throw UsageError("option '--map': '\(prefix)' needs arrays, and \(reason)")
    }
    let given = [first, second].compactMap { $0 }
    guard !paths.contains("-") || !given.contains(where: { $0.content == .stream("-") }) else {
      throw UsageError("option '--map': standard input cannot be both the mapping and a trace")
    }
    guard both == nil || given.contains(where: \.areArrays) else {
      if let stream = given.first(where: \.isStream) { throw Self.arraysThroughAPipe(stream.name) }
      let names = given.map(\.name).joined(separator: " and ")
      throw UsageError("option '--map' needs arrays, and \(names) \(given.count == 1 ? "is" : "are") not any")
    }
    first?.mapping = expected ?? both
    second.mapping = actual ?? both
  }

  private static func arraysThroughAPipe(_ name: String) -> UsageError {
    UsageError(
      "option '--map' needs arrays, and \(name) is a pipe, through which they cannot come, since they are read at any "
        + "place: write them to a file and give its name")
  }

  /// The same of a single trace.
  func apply(to operands: inout TraceOperands) throws(UsageError) {
    var none: TraceOperands?
    try apply(expected: &none, actual: &operands)
  }
}

extension Option {
  /// `--map`, the same in every command that reads traces.
  ///
  /// - Parameters:
  ///   - mapping: where the target keeps it.
  ///   - side: what one of two is called that a mapping may be for; nil where there is one trace alone.
  static func map(_ mapping: WritableKeyPath<Target, MappingOption>, forOne side: String? = nil) -> Option {
    let sides = side.map { "; for one \($0) alone with expected=FILE or actual=FILE" } ?? ""
    return Option(
      "map", value: side == nil ? "FILE" : "[SIDE=]FILE",
      help: "The mapping that says which site, layer and position each array of another program is\(sides).",
      effect: { target, value throws(UsageError) in try target[keyPath: mapping].read(value) })
  }
}
