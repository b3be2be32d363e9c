import Testing

@testable import TraceTesting

@Suite struct RecordChoiceTests {
  @Test(arguments: [
    ([:], TraceRecordMode.missing, "the default"),
    (["CI": ""], .missing, "the default"),
    (["CI": "true"], .never, "the default where CI is set"),
    (["CI": "1", "TRACE_RECORD": "changed"], .changed, "TRACE_RECORD=changed"),
    (["TRACE_RECORD": "never"], .never, "TRACE_RECORD=never"),
    (["TRACE_RECORD": "missing", "CI": "true"], .missing, "TRACE_RECORD=missing"),
    (["TRACE_RECORD": "all"], .all, "TRACE_RECORD=all"),
  ])
  func environment(_ environment: [String: String], _ mode: TraceRecordMode, _ origin: String) throws {
    let choice = try RecordChoice(argument: nil, environment: environment)
    #expect(choice.mode == mode && choice.origin == origin)
  }

  @Test(arguments: TraceRecordMode.allCases)
  func argumentCountsFirst(_ mode: TraceRecordMode) throws {
    let choice = try RecordChoice(argument: mode, environment: ["TRACE_RECORD": "nonsense", "CI": "true"])
    #expect(choice.mode == mode && choice.origin == "recording: .\(mode)")
  }

  @Test(arguments: ["", "Never", "yes", "all "])
  func unknown(_ word: String) {
    #expect(throws: ExpectationError.unknownMode(word)) {
      try RecordChoice(argument: nil, environment: ["TRACE_RECORD": word])
    }
  }

  /// It fails the check, and nothing is recorded.
  @Test func unknownFailsTheCheck() throws {
    let checks = try Checks()
    let outcome = checks.check(try checks.write(), "some.golden", environment: ["TRACE_RECORD": "yes"])
    #expect(outcome.failure == "TRACE_RECORD is 'yes': expected never, missing, changed, all")
    #expect(!checks.exists("some.golden"))
  }
}
