import Foundation
import Synchronization
import TraceComparison
import TraceFormat

/// One check: which reference, how exactly, and what may be recorded.
struct TraceExpectation {
  /// The reference's whole path.
  let reference: String
  /// Whether it was named relative to the folder of the source file.
  let isRelative: Bool
  /// Where the trace is kept when it fails.
  let kept: KeptTrace
  /// How the trace is compared.
  let comparison: Comparison
  let place: SourcePlace
  private let recording: TraceRecordMode?
  private let environment: [String: String]

  /// One check at a time: tests run in parallel, and several may record one reference.
  private static let turn = Mutex(())

  /// A check.
  ///
  /// - Parameters:
  ///   - reference: relative to the folder of the source file.
  ///   - recording: the mode, before that of the environment.
  init(
    reference: String, place: SourcePlace, recording: TraceRecordMode?, _ comparison: Comparison,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.reference = URL(fileURLWithPath: reference, relativeTo: place.folder).standardizedFileURL.path
    isRelative = !reference.hasPrefix("/")
    kept = KeptTrace(reference: reference, resolved: self.reference, place: place, environment: environment)
    self.comparison = comparison
    self.place = place
    self.recording = recording
    self.environment = environment
  }

  /// Checks a recording.
  func check(_ recording: TraceRecording) -> ExpectationOutcome {
    do throws(ExpectationError) { return check(try recording.finish(), calledAs: "the recording") } catch {
      return ExpectationOutcome(failure: "\(error)")
    }
  }

  /// Checks a trace.
  ///
  /// - Parameter name: what reports call it where it is not kept; by default its path.
  func check(_ actual: String, calledAs name: String? = nil) -> ExpectationOutcome {
    Self.turn.withLock { _ in
      do throws(ExpectationError) { return try judge(actual, calledAs: name ?? actual) } catch {
        guard case .unreadableReference = error else { return ExpectationOutcome(failure: "\(error)") }
        return failure(["\(error)"], keeping: actual)
      }
    }
  }

  private func judge(_ actual: String, calledAs name: String) throws(ExpectationError) -> ExpectationOutcome {
    let choice = try RecordChoice(argument: recording, environment: environment)
    if let identity = FileIdentity(actual), identity == FileIdentity(reference) { throw .sameFile(actual) }
    let trace = try open(actual)
    guard FileManager.default.fileExists(atPath: reference) else {
      return choice.mode == .never
        ? missing(choice, actual) : try record(trace, choice, "there was no reference; ")
    }
    switch choice.mode {
    case .never, .missing: return try compare(trace, actual)
    case .changed: return try update(trace, choice, actual, calledAs: name)
    case .all: return try recordAnew(trace, choice, actual, calledAs: name)
    }
  }

  /// Opens the trace under test.
  func open(_ path: String) throws(ExpectationError) -> TraceFile {
    do throws(TraceError) { return try TraceFile(path: path) } catch { throw .unreadableActual(error.naming(path)) }
  }

  /// Compares a trace with the reference, and keeps it where it fails.
  func compare(_ trace: consuming TraceFile, _ actual: String) throws(ExpectationError) -> ExpectationOutcome {
    let kind = ReferenceKind(contentOf: reference)
    let judgement =
      switch kind {
      case .golden: try GoldenReference(path: reference).judge(trace, comparison)
      case .trace: try TraceReference(path: reference).judge(trace, comparison)
      }
    if judgement.passes { return .passed }
    let command = NextCommand(comparing: kind, reference: reference, trace: kept.path, comparison).text
    return failure(
      [judgement.report(kept.path)], keeping: actual,
      then: ["go on with: \(command)", "if it is meant to differ: \(RecordChoice.variable)=changed"])
  }

  private func missing(_ choice: RecordChoice, _ actual: String) -> ExpectationOutcome {
    failure(
      ["there is no reference: \(reference) does not exist, and nothing is recorded (\(choice.origin))"],
      keeping: actual, then: ["to record it, run the test with \(RecordChoice.variable)=missing, and commit the file"])
  }

  /// A failure whose trace is kept.
  private func failure(_ report: [String], keeping actual: String, then advice: [String] = []) -> ExpectationOutcome {
    do throws(FileError) {
      try kept.keep(actual)
      let lines = report + ["the trace is kept: \(kept.path)"] + advice
      return ExpectationOutcome(failure: lines.joined(separator: "\n"), keptTrace: kept.path)
    } catch {
      let lines = report + ["the trace could not be kept: \(error)"]
      return ExpectationOutcome(failure: lines.joined(separator: "\n"))
    }
  }
}
