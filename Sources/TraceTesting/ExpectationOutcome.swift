/// What came of a check.
struct ExpectationOutcome: Equatable {
  /// What to tell the user; nil where the trace passes.
  let failure: String?
  /// Where the trace of a failed check was kept.
  let keptTrace: String?

  /// The trace passes.
  static let passed = ExpectationOutcome(failure: nil, keptTrace: nil)

  /// The check fails.
  init(failure: String, keptTrace: String? = nil) { (self.failure, self.keptTrace) = (failure, keptTrace) }

  private init(failure: String?, keptTrace: String?) { (self.failure, self.keptTrace) = (failure, keptTrace) }
}
