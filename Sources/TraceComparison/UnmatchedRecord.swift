public import TraceFormat

/// A record that only one of the traces has.
public struct UnmatchedRecord: Equatable, Sendable {
  /// Why the other trace lacks it, as far as its header tells.
  public enum Reason: String, Sendable, CaseIterable {
    /// The header names the sites, layers or positions that were to be recorded, and this is not one of them.
    case leftOut = "left out by its own filter"
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

  /// An unmatched record.
  public init(key: RecordKey, reason: Reason) {
    self.key = key
    self.reason = reason
  }
}

extension UnmatchedRecord.Reason {
  /// Why a trace with a given header lacks a record.
  init(lacking key: RecordKey, header: RecordedRange, isDamaged: Bool) {
    if header.leavesOut(key) {
      self = .leftOut
    } else if header.endsBefore(key.position) {
      self = .beyondEnd
    } else {
      self = isDamaged ? .lost : .missing
    }
  }
}

/// What a trace's header says was to be recorded.
struct RecordedRange {
  private let sites: Set<String>?
  private let layers: ClosedRange<Int>?
  private let layersWereRestricted: Bool
  private let firstPosition: Int
  private let lastPosition: Int
  private let steps: Int?

  init(_ header: TraceHeader) {
    sites = header[text: .sites].map { Set($0.split(separator: ",").map(String.init)) }
    let (first, last) = (header[integer: .firstLayer] ?? 0, header[integer: .lastLayer] ?? Int.max)
    layers = first <= last ? first...last : nil
    layersWereRestricted =
      first > 0 || (header[integer: .layerCount].map { last != Int.max && last < $0 - 1 } ?? false)
    firstPosition = header[integer: .firstPosition] ?? 0
    lastPosition = header[integer: .lastPosition] ?? Int.max
    steps = header[integer: .steps]
  }

  func endsBefore(_ position: Int) -> Bool { steps.map { position >= $0 } ?? false }

  func leavesOut(_ key: RecordKey) -> Bool {
    if let sites, !sites.contains(key.name.text) { return true }
    if let layer = key.layer, let layers, !layers.contains(layer) { return true }
    if key.layer == nil, key.name.site != nil, layersWereRestricted { return true }
    if key.position < firstPosition, !(key.name.site?.isCached ?? false) { return true }
    return key.position > lastPosition && !endsBefore(key.position)
  }
}
