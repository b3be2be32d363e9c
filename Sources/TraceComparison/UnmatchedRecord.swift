public import TraceFormat

/// A record that only one of the traces has.
public struct UnmatchedRecord: Equatable, Sendable {
  /// Why the other trace lacks it, as far as its header tells.
  public enum Reason: String, Sendable, CaseIterable {
    /// The header names the sites, layers or positions that were to be recorded, and this is not one of them.
    case leftOut = "left out by its own filter"
    /// Only int8 runs have the site, and the header says that the run was none.
    case wrongKind = "not a site of its kind of run"
    /// The name is not one of the table, and the header does not say that it was to be recorded.
    case unknownName = "not a site of the table"
    /// The run had fewer steps.
    case beyondEnd = "beyond the end of its run"
    /// The trace is cut short or damaged.
    case lost = "lost where the trace is cut short or damaged"
    /// Nothing says why.
    case missing = "missing"
  }

  /// Which record.
  public var key: RecordKey
  /// Why the other trace lacks it.
  public var reason: Reason

  /// The site that a name outside the table was probably meant to be.
  public var suggestion: String? {
    key.name.site == nil ? nearest(to: key.name.text, among: Site.allCases.map(\.rawValue)) : nil
  }

  /// The reason in words, with the suggestion.
  package var explanation: String { reason.rawValue + (suggestion.map { "; did you mean \($0)?" } ?? "") }

  /// An unmatched record.
  public init(key: RecordKey, reason: Reason) {
    self.key = key
    self.reason = reason
  }
}

extension UnmatchedRecord.Reason {
  /// Why a trace with a given header lacks a record.
  package init(lacking key: RecordKey, header: RecordedRange, isDamaged: Bool) {
    if header.isOfOtherKind(key) {
      self = .wrongKind
    } else if key.name.site == nil, !header.names(key) {
      self = isDamaged && !header.namesSites ? .lost : .unknownName
    } else if header.leavesOut(key) {
      self = .leftOut
    } else if header.endsBefore(key.position) {
      self = .beyondEnd
    } else {
      self = isDamaged ? .lost : .missing
    }
  }
}
