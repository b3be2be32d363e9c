import Foundation
import TestSupport
import TraceFormat

/// A folder of small traces, and the program run in it.
///
/// - `a.trace`: three positions of two layers; `q.rope` holds one value per record, so that reports can be foretold
/// - `b.trace`: one element of `q.rope` 0.5 away at layer 0, position 1, and one ulp away before that
/// - `near.trace`: one element one ulp away; `far.trace`: one element of every record far away
/// - `short.trace`: two positions; `tokens.trace`: another token at position 2
/// - `cut.trace.partial`: `a.trace` as its writer left it when it died
struct TracediffFixture {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let expected = Self.plain(SyntheticTrace(seed: 1))
    try expected.write(to: folder.path("a.trace"))
    try expected.write(to: folder.path("cut.trace"), isFinished: false)

    var near = expected
    near.change(RecordKey(.queryRotation, layer: 1, position: 0), at: 2) { $0.nextUp }
    try near.write(to: folder.path("near.trace"))
    near.header.producer = "port 2"
    near.change(RecordKey(.queryRotation, layer: 0, position: 1), at: 5) { $0 + 0.5 }
    try near.write(to: folder.path("b.trace"))

    var far = expected
    for key in far.records.keys { far.change(key, at: 0) { $0 + 100 } }
    try far.write(to: folder.path("far.trace"))
    try Self.plain(SyntheticTrace(seed: 1, positions: 2)).write(to: folder.path("short.trace"))
    var tokens = expected
    tokens.tokens[2] = TraceToken(id: 9)
    try tokens.write(to: folder.path("tokens.trace"))
  }

  /// A trace as `a.trace` is made from one.
  static func plain(_ trace: SyntheticTrace) -> SyntheticTrace {
    var trace = trace
    trace.tokens[1]?.text = Array(" \n".utf8)
    for key in trace.records.keys where key.name == .site(.queryRotation) {
      for index in 0..<8 { trace.change(key, at: index) { _ in Float(key.position + 1) } }
    }
    return trace
  }

  func run(_ arguments: String...) throws -> BuiltProgram.Outcome { try run(arguments) }

  func run(_ arguments: [String]) throws -> BuiltProgram.Outcome {
    try BuiltProgram.run("tracediff", arguments, cwd: folder.url)
  }

  /// Runs a shell script with the programs on its path.
  func shell(_ script: String, in other: TemporaryFolder? = nil) throws -> BuiltProgram.Outcome {
    let bin = try BuiltProgram("tracediff").url.deletingLastPathComponent().path
    let shell = BuiltProgram(url: URL(fileURLWithPath: "/bin/sh"))
    return try shell.run(["-c", "PATH='\(bin)':$PATH; \(script)"], cwd: (other ?? folder).url)
  }
}
