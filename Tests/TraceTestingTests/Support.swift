import Foundation
import TestSupport
import TraceComparison
import TraceFormat

@testable import TraceTesting

/// The trace that all references are made of.
let synthetic = SyntheticTrace(seed: 1)

/// A record in the middle of it.
let someKey = RecordKey(.queryRotation, layer: 1, position: 1)

/// A folder with a trace under test, and checks of it that see only the environment that they are given.
final class Checks: Sendable {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The text of a file in the folder.
  func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.path(name)) }

  /// Writes the trace under test.
  func write(_ change: (inout SyntheticTrace) -> Void = { _ in }) throws -> String {
    var trace = synthetic
    change(&trace)
    return try trace.write(to: folder.path("actual.trace"))
  }

  /// Writes a trace with one element changed by 0.25.
  func writeFaulty() throws -> String { try write { $0.change(someKey, at: 3) { $0 + 0.25 } } }

  /// Records the reference from the unchanged trace.
  func makeReference(_ name: String) throws {
    _ = check(try write(), name, .all)
    guard exists(name) else { throw FileError("make", name, reason: "it was not recorded") }
  }

  /// Checks a trace.
  func check(
    _ actual: String, _ reference: String, _ mode: TraceRecordMode? = nil, tolerance: Tolerance = .default,
    filter: RecordFilter = RecordFilter(), commonOnly: Bool = false, environment: [String: String] = [:]
  ) -> ExpectationOutcome {
    let comparison = Comparison(tolerance: tolerance, filter: filter, comparesCommonOnly: commonOnly)
    let place = SourcePlace(fileID: "Module/Some.swift", filePath: "/nowhere/Some.swift", line: 1, column: 1)
    let expectation = TraceExpectation(
      reference: folder.path(reference), place: place, recording: mode, comparison, environment: environment)
    return expectation.check(actual)
  }
}

extension ExpectationOutcome {
  /// The lines of the message.
  var lines: [String] { failure.map { $0.split(separator: "\n").map(String.init) } ?? [] }

  /// Whether the message has a line.
  func says(_ line: String) -> Bool { lines.contains(line) }
}

/// The kinds of references.
let names = ["some.golden", "some.trace"]
