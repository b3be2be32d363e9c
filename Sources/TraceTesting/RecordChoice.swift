/// The recording mode of a check, and who chose it.
struct RecordChoice: Equatable {
  /// The environment's variable that chooses the mode.
  static let variable = "TRACE_RECORD"

  /// The mode.
  let mode: TraceRecordMode
  /// Who chose it, as in `TRACE_RECORD=never`.
  let origin: String

  /// The argument counts before the environment, and the environment before the default.
  ///
  /// - Throws: `ExpectationError.unknownMode`.
  init(argument: TraceRecordMode?, environment: [String: String]) throws(ExpectationError) {
    if let argument {
      (mode, origin) = (argument, "recording: .\(argument.rawValue)")
    } else if let word = environment[Self.variable] {
      guard let known = TraceRecordMode(rawValue: word) else { throw .unknownMode(word) }
      (mode, origin) = (known, "\(Self.variable)=\(word)")
    } else if environment["CI"]?.isEmpty == false {
      (mode, origin) = (.never, "the default where CI is set")
    } else {
      (mode, origin) = (.missing, "the default")
    }
  }
}
