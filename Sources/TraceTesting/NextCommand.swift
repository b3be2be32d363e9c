import TraceComparison
import TraceFormat

/// The command of `tracediff` that repeats a check.
struct NextCommand {
  private var words: [String]

  /// The command that compares a kept trace with its reference.
  init(comparing kind: ReferenceKind, reference: String, trace: String, _ comparison: Comparison) {
    words = kind == .golden ? ["golden", "check"] : []
    words += [reference, trace]
    add(comparison.tolerance)
    if let names = comparison.filter.names { words += ["--only", names.map(\.text).joined(separator: ",")] }
    let excluded = comparison.filter.excluded
    if !excluded.isEmpty { words += ["--except", excluded.map(\.text).joined(separator: ",")] }
    if let layers = comparison.filter.layers { words += ["--layers", Self.text(layers)] }
    if let positions = comparison.filter.positions { words += ["--positions", Self.text(positions)] }
    if comparison.comparesCommonOnly { words.append("--common") }
  }

  /// The command as a shell takes it.
  var text: String { (["tracediff"] + words.map(Self.quoted)).joined(separator: " ") }

  private mutating func add(_ tolerance: Tolerance) {
    if tolerance.isExact {
      words.append("--exact")
      return
    }
    if let ulp = tolerance.ulp { words += ["--ulp", "\(ulp)"] }
    let usual = tolerance.ulp == nil ? Tolerance.default : Tolerance(ulp: 0)
    if tolerance.rtol != usual.rtol { words += ["--rtol", NumberText.plain(tolerance.rtol)] }
    if tolerance.atol != usual.atol { words += ["--atol", NumberText.plain(tolerance.atol)] }
    for override in tolerance.rtolOverrides {
      words += ["--rtol", "\(override.pattern.text)=\(NumberText.plain(override.value))"]
    }
    for override in tolerance.atolOverrides {
      words += ["--atol", "\(override.pattern.text)=\(NumberText.plain(override.value))"]
    }
  }

  private static func text(_ range: IndexRange) -> String {
    guard let last = range.last else { return "\(range.first).." }
    return last == range.first ? "\(last)" : "\(range.first)..\(last)"
  }

  /// A word as it is where a shell leaves it so, else between single quotes.
  private static func quoted(_ word: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,+-:@%".utf8)
    if !word.isEmpty, word.utf8.allSatisfy(plain.contains) { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
