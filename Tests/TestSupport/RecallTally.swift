/// How many outcomes there are of each kind.
package struct RecallTally {
  /// The first line of a table of tallies.
  package static let heading =
    pad("", -26)
    + ["planted", "located exactly", "named (of)", "misnamed", "missed", "never beyond"].map { pad($0, 16) }.joined()

  private var results: [RecallOutcome.Result: Int] = [:]
  /// Located, and with names asked for.
  package private(set) var namable = 0

  /// No outcomes.
  package init() {}

  /// Number of outcomes of a kind.
  package subscript(result: RecallOutcome.Result) -> Int { results[result] ?? 0 }

  /// Number of outcomes at exactly the right places.
  package var located: Int { self[.named] + self[.located] + self[.misnamed] }

  /// Counts an outcome.
  package mutating func take(_ outcome: RecallOutcome) { take(outcome.result, isNamable: outcome.isNamable) }

  /// Counts an outcome.
  package mutating func take(_ result: RecallOutcome.Result, isNamable: Bool = true) {
    results[result, default: 0] += 1
    if isNamable && [.named, .located, .misnamed].contains(result) { namable += 1 }
  }

  /// Counts what another tally has counted.
  package mutating func add(_ other: RecallTally) {
    results.merge(other.results, uniquingKeysWith: +)
    namable += other.namable
  }

  /// What falls short of the goals: every fault that shows is located, none is named falsely, and where the catalogue
  /// holds them, at least nine in ten are named. Having planted nothing is a failure too.
  package func failures(_ title: String, mayBeNamed: Bool) -> [String] {
    var failures: [String] = []
    if self[.missed] > 0 { failures.append("\(title): \(self[.missed]) not located exactly") }
    if self[.misnamed] > 0 { failures.append("\(title): \(self[.misnamed]) named falsely") }
    if mayBeNamed && 10 * self[.named] < 9 * namable {
      failures.append("\(title): \(self[.named]) of \(namable) named, fewer than nine in ten")
    }
    if results.isEmpty { failures.append("\(title): nothing was planted") }
    return failures
  }

  /// A line of a table of tallies.
  package func row(_ name: String) -> String {
    let planted = results.values.reduce(0, +)
    let cells = [
      "\(planted)", "\(located) of \(planted - self[.invisible])", "\(self[.named]) of \(namable)",
      "\(self[.misnamed])", "\(self[.missed])", "\(self[.invisible])",
    ]
    return Self.pad(name, -26) + cells.map { Self.pad($0, 16) }.joined()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - text.count))
    return width < 0 ? text + space : space + text
  }
}
