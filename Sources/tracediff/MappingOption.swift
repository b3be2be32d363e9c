import ToolSupport
import TraceSources

/// `--map`: the files that say what the arrays of other programs are.
struct MappingOption {
  private(set) var both: String?
  private(set) var expected: String?
  private(set) var actual: String?

  /// Takes `FILE`, `expected=FILE` or `actual=FILE`.
  mutating func read(_ value: OptionValue) throws(UsageError) {
    let path = try value.path()
    let sides: [(prefix: String, file: WritableKeyPath<MappingOption, String?>)] = [
      ("expected=", \.expected), ("actual=", \.actual),
    ]
    guard let side = sides.first(where: { path.hasPrefix($0.prefix) }) else {
      both = path
      return
    }
    guard path.utf8.count > side.prefix.utf8.count else {
      throw value.invalid("the name of a file after '\(side.prefix)'")
    }
    self[keyPath: side.file] = String(path.dropFirst(side.prefix.count))
  }

  /// All files that were named.
  var paths: [String] { [both, expected, actual].compactMap { $0 } }

  /// Checks that what a mapping is given for is made of arrays.
  func check(expected first: TraceOperands, actual second: TraceOperands) throws(UsageError) {
    let sides = [(expected, "expected=", first), (actual, "actual=", second)]
    for (path, prefix, operands) in sides where path != nil && !operands.areArrays {
      throw UsageError("option '--map': '\(prefix)' needs arrays, and \(operands.name) is a trace")
    }
    guard both == nil || first.areArrays || second.areArrays else {
      throw UsageError("option '--map' needs arrays, and neither \(first.name) nor \(second.name) is any")
    }
  }
}
