/// What a check records: written into the reference instead of being compared with it.
///
/// Whatever is recorded fails its check, so that no check passes without a reference that was there before.
public enum TraceRecordMode: String, CaseIterable, Sendable {
  /// Nothing; a reference that does not exist is a failure. The default where the environment has `CI`.
  case never
  /// References that do not exist. The default elsewhere.
  case missing
  /// References that do not exist, and those that differ from the trace, be it in one bit; of goldens only the lines
  /// that changed differ.
  case changed
  /// Every reference, whatever it is.
  case all
}
