/// The recording mode of a check, and who chose it.
struct RecordChoice: Equatable {
  /// The environment's variable that chooses the mode.
  static let variable = "TRACE_RECORD"

  /// The mode.
  let mode: TraceRecordMode
  /// Who chose it, as in `TRACE_RECORD=never`.
  let origin: String
  /// Whether nobody chose it.
  let isDefault: Bool

  /// The argument counts before the environment, and the environment before the default.
  ///
  /// - Throws: `ExpectationError.unknownMode`.
  init(argument: TraceRecordMode?, environment: [String: String]) throws(ExpectationError) {
    if let argument {
      (mode, origin, isDefault) = (argument, "recording: .\(argument.rawValue)", false)
    } else if let word = environment[Self.variable] {
      guard let known = TraceRecordMode(rawValue: word) else { throw .unknownMode(word) }
      (mode, origin, isDefault) = (known, "\(Self.variable)=\(word)", false)
    } else if environment["CI"]?.isEmpty == false {
      (mode, origin, isDefault) = (.never, "the default where CI is set", true)
    } else {
      (mode, origin, isDefault) = (.missing, "the default", true)
    }
  }
}
