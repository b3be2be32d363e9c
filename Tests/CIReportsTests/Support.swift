import TestSupport
import TraceComparison
import TraceFormat

@testable import CIReports

/// Compares two traces as files.
func verdict(
  _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ comparison: Comparison = Comparison(),
  isFinished: Bool = true, damage: Int? = nil
) throws -> Verdict {
  let folder = try TemporaryFolder()
  let first = try TraceFile(path: expected.write(to: folder.path("a.trace")))
  var path = try actual.write(to: folder.path("b.trace"), isFinished: isFinished)
  if let damage {
    var bytes = try folder.read("b.trace")
    bytes[damage] ^= 1
    path = try folder.write(bytes, as: "b.trace")
  }
  return try withExtendedLifetime(folder) { comparison.compare(first, try TraceFile(path: path)) }
}

/// The summary of a verdict.
func summary(_ verdict: Verdict) -> CheckSummary {
  CheckSummary(verdict, tool: "tracediff", subject: "a.trace b.trace")
}

extension CheckSummary {
  /// The case of a tensor and layer, or whatever else a name and a title say.
  func value(_ name: String, _ title: String) -> Case? { cases.first { $0.name == name && $0.title == title } }

  /// Whether the statuses agree with the exit status.
  var isConsistent: Bool {
    switch exitStatus {
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
