import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import CIReports
@testable import Goldens

/// Two traces as files.
struct TraceFiles {
  private let folder: TemporaryFolder
  private let paths: (expected: String, actual: String)

  /// Writes them.
  ///
  /// - Parameters:
  ///   - isFinished: whether the actual trace is, or else as its writer left it when it died.
  ///   - pattern: bytes of which the last copy in the actual trace is damaged.
  init(
    _ expected: SyntheticTrace, _ actual: SyntheticTrace, isFinished: Bool = true, damaging pattern: [UInt8]? = nil
  ) throws {
    folder = try TemporaryFolder()
    paths = (
      try expected.write(to: folder.path("a.trace")),
      try actual.write(to: folder.path("b.trace"), isFinished: isFinished)
    )
    guard let pattern else { return }
    var bytes = try folder.read("b.trace")
    let place = try #require(
      bytes.indices.dropLast(pattern.count).last { bytes[$0..<($0 + pattern.count)].elementsEqual(pattern) })
    bytes[place] ^= 1
    try folder.write(bytes, as: "b.trace")
  }

  /// Compares them.
  func verdict(_ comparison: Comparison = Comparison()) throws -> Verdict {
    comparison.compare(try TraceFile(path: paths.expected), try TraceFile(path: paths.actual))
  }

  /// Checks the actual trace against the golden of the expected one.
  func verdict(_ check: GoldenCheck) throws -> GoldenVerdict {
    var expected = try TraceFile(path: paths.expected)
    var actual = try TraceFile(path: paths.actual)
    return check.check(try Golden(recording: &expected), &actual)
  }
}

/// Compares two traces as files.
func verdict(
  _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ comparison: Comparison = Comparison(),
  isFinished: Bool = true
) throws -> Verdict {
  try TraceFiles(expected, actual, isFinished: isFinished).verdict(comparison)
}

/// Checks a trace, as a file, against the golden of another.
func goldenVerdict(
  _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ check: GoldenCheck = GoldenCheck(), isFinished: Bool = true
) throws -> GoldenVerdict {
  try TraceFiles(expected, actual, isFinished: isFinished).verdict(check)
}

extension SyntheticTrace {
  /// The trace with a seeded choice of everything that a comparison can find: records gone, of another shape or with
  /// another element, and rarely another token.
  func altered(_ generator: inout SplitMix) -> SyntheticTrace {
    var other = self
    for key in records.keys.sorted() where Int.random(in: 0..<40, using: &generator) == 0 {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: other.records[key] = nil
      case 1: other.records[key]?.shape.append(1)
      default: other.change(key, at: 0) { $0 + Float.random(in: 0...0.001, using: &generator) }
      }
    }
    if Int.random(in: 0..<6, using: &generator) == 0 { other.tokens[2] = TraceToken(id: 77) }
    return other
  }
}

/// The summary of a verdict.
func summary(_ verdict: Verdict) -> CheckSummary {
  CheckSummary(verdict, tool: "tracediff", subject: "a.trace b.trace")
}

/// The summary of a golden check's verdict.
func summary(_ verdict: GoldenVerdict) -> CheckSummary {
  CheckSummary(verdict, tool: "tracediff golden check", subject: "a.golden b.trace")
}

extension CheckSummary {
  /// The case of a tensor and layer, or whatever else a name and a title say.
  func value(_ name: String, _ title: String) -> Case? { cases.first { $0.name == name && $0.title == title } }

  /// Whether the statuses agree with the exit status, and every case is there once.
  var isConsistent: Bool {
    guard Set(cases.map { "\($0.name)/\($0.title)" }).count == cases.count else { return false }
    return switch exitStatus {
    case 0: count(of: .failed) == 0 && count(of: .error) == 0
    case 1: count(of: .failed) > 0
    case 2: count(of: .error) > 0
    default: false
    }
  }
}

/// A line of a history.
func entry(
  _ commit: String, _ sites: [DriftEntry.SiteDrift], verdict: String = "within_tolerance", records: Int = 3,
  tokensPartAt: Int? = nil
) throws -> DriftEntry {
  try DriftEntry(
    commit: commit, verdict: verdict, tolerance: "rtol 0.0002, atol 1e-30", records: records, elements: 24,
    tokensPartAt: tokensPartAt, sites: sites)
}

/// A tensor's drift.
func drift(_ name: String, _ error: Double, layer: Int? = 0, position: Int? = 1) -> DriftEntry.SiteDrift {
  DriftEntry.SiteDrift(
    name: name, error: error, ratio: error.isNaN ? .infinity : error * 5000, ulp: 3, layer: layer, position: position)
}
