import Foundation
import TraceComparison
import TraceFormat

extension TraceExpectation {
  /// Records a reference.
  ///
  /// - Parameter reason: why, as the beginning of the message.
  func record(
    _ trace: consuming TraceFile, _ choice: RecordChoice, _ reason: String
  ) throws(ExpectationError) -> ExpectationOutcome {
    let kind = try ReferenceKind(named: reference)
    try requireFolder()
    let contents =
      switch kind {
      case .golden: try GoldenReference(path: reference).record(trace)
      case .trace: try TraceReference(path: reference).record(trace)
      }
    return recorded(choice, "\(reason)recorded \(contents): \(reference)", [])
  }

  /// Records a reference anew where it differs. Where it does not, it is compared: a check of nothing must not pass.
  func update(
    _ trace: consuming TraceFile, _ choice: RecordChoice, _ actual: String, calledAs name: String
  ) throws(ExpectationError) -> ExpectationOutcome {
    let movement = try move(trace, ReferenceKind(contentOf: reference))
    guard movement.isChanged else { return try compare(try open(actual), actual) }
    return recorded(
      choice, "the reference differed and was recorded anew: \(reference)", [movement.report(name)])
  }

  /// Records whatever the reference is; where it can be read, what moved is said.
  func recordAnew(
    _ trace: consuming TraceFile, _ choice: RecordChoice, _ actual: String, calledAs name: String
  ) throws(ExpectationError) -> ExpectationOutcome {
    let kind = try ReferenceKind(named: reference)
    if kind == ReferenceKind(contentOf: reference) {
      do throws(ExpectationError) {
        let movement = try move(trace, kind)
        return recorded(choice, "recorded anew: \(reference)", [movement.report(name)])
      } catch {
        guard case .unreadableReference = error else { throw error }
      }
    }
    return try record(try open(actual), choice, "")
  }

  private func move(_ trace: consuming TraceFile, _ kind: ReferenceKind) throws(ExpectationError) -> Movement {
    switch kind {
    case .golden: try GoldenReference(path: reference).update(trace, comparison.tolerance)
    case .trace: try TraceReference(path: reference).update(trace, comparison.tolerance)
    }
  }

  /// The folder of the source file must be there where the reference is named by it; the reference's own is made.
  private func requireFolder() throws(ExpectationError) {
    let folder = place.folder.path
    guard !isRelative || FileManager.default.fileExists(atPath: folder) else { throw .noTestFolder(folder) }
    do throws(FileError) { try makeFolder(of: reference) } catch { throw .cannotRecord("\(error)") }
  }

  /// What is recorded fails its check.
  private func recorded(_ choice: RecordChoice, _ headline: String, _ report: [String]) -> ExpectationOutcome {
    let advice =
      "nothing was checked, so the test fails: look at the file, commit it, and run the test again"
      + (choice.isDefault ? "" : " without \(choice.origin)")
    return ExpectationOutcome(failure: ([headline] + report + [advice]).joined(separator: "\n"))
  }
}
