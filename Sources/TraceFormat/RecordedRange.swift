/// What a trace's header says was to be recorded.
package struct RecordedRange: Sendable {
  let sites: Set<String>?
  let layers: ClosedRange<Int>?
  let layerCount: Int?
  let layersWereRestricted: Bool
  let firstPosition: Int
  let lastPosition: Int
  private let steps: Int?
  let isNotQuantized: Bool

  /// What a header says.
  package init(_ header: TraceHeader) {
    isNotQuantized = header[text: .precision].map { $0 != "int8" } ?? false
    sites = header[text: .sites].map { Set($0.split(separator: ",").map(String.init)) }
    let (first, last) = (header[integer: .firstLayer] ?? 0, header[integer: .lastLayer] ?? Int.max)
    layers = first <= last ? first...last : nil
    layerCount = header[integer: .layerCount]
    layersWereRestricted = first > 0 || (layerCount.map { last < Int.max && last + 1 < $0 } ?? false)
    firstPosition = header[integer: .firstPosition] ?? 0
    lastPosition = header[integer: .lastPosition] ?? Int.max
    steps = header[integer: .steps]
  }

  package var namesSites: Bool { sites != nil }

  /// Whether a name was to be recorded for certain.
  package func names(_ key: RecordKey) -> Bool { sites?.contains(key.name.text) ?? false }

  /// Whether a run of this kind does not compute a site.
  package func isOfOtherKind(_ key: RecordKey) -> Bool { isNotQuantized && key.name.site?.isQuantizedOnly ?? false }

  package func endsBefore(_ position: Int) -> Bool { steps.map { position >= $0 } ?? false }

  package func leavesOut(_ key: RecordKey) -> Bool {
    if let sites, !sites.contains(key.name.text) { return true }
    if let layer = key.layer, let layers, !layers.contains(layer) { return true }
    if key.layer == nil, key.name.site != nil, layersWereRestricted { return true }
    if key.position < firstPosition, !(key.name.site?.isCached ?? false) { return true }
    return key.position > lastPosition && !endsBefore(key.position)
  }
}
