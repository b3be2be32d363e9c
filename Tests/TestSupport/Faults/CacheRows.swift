import Model

/// What a port's cache of keys or values holds for one layer, and where it looks for a head's part of a position's row.
struct CacheRows {
  /// Rows of kv_dim elements, position by position.
  var elements: [Float]
  /// Where the elements of a query head at a position begin.
  var start: (_ head: Int, _ t: Int) -> Int

  /// The cache as it should be.
  init(_ cache: PositionCache<Float>, layer: Int, position: Int, _ sizes: Configuration) {
    elements = Self.rows(cache, layer: layer, count: position + 1)
    start = { head, t in t * sizes.keyValueDim + sizes.keyValueColumns(ofHead: head).lowerBound }
  }

  /// The first rows of a layer.
  static func rows(_ cache: PositionCache<Float>, layer: Int, count: Int) -> [Float] {
    let view = cache.layer(layer)
    return values(view.elements.extracting(0..<(count * view.columns)))
  }
}

/// Ways to write or read the cache wrongly.
enum CacheMistake: String, CaseIterable {
  case headModulo = "kv-head-modulo"
  case queryHead = "kv-head-of-query-head"
  case firstHead = "kv-head-first"
  case strideOfQueries = "cache-row-stride-of-queries"
  case fourthRowEmpty = "cache-fourth-row-empty"
  case writtenAtNext = "cache-written-one-row-late"
  case rowBefore = "cache-row-before"
  case rowAfter = "cache-row-after"
  case wrapped = "cache-wrapped"
  case firstLayer = "cache-first-layer"
  case layerBefore = "cache-layer-before"
  case sharedByLayers = "cache-shared-by-layers"
  case notWritten = "cache-not-written"
  case previousRow = "cache-stale"

  var cause: String {
    switch self {
    case .headModulo: "kv-head.modulo"
    case .queryHead: "kv-head.query-head"
    case .firstHead: "kv-head.first"
    case .strideOfQueries: "cache.stride"
    case .fourthRowEmpty: "cache.stale"
    case .writtenAtNext, .rowBefore, .rowAfter: "cache.shifted"
    case .wrapped: "cache.wrapped"
    case .firstLayer, .layerBefore, .sharedByLayers: "cache.other-layer"
    case .notWritten, .previousRow: "cache.stale"
    }
  }

  func applies(to shape: RunShape) -> Bool {
    switch self {
    case .headModulo: shape.hasGroupedHeads
    case .queryHead, .strideOfQueries: shape.sizes.keyValueHeadCount < shape.sizes.headCount
    case .firstHead: shape.sizes.keyValueHeadCount > 1
    case .firstLayer, .layerBefore, .sharedByLayers: shape.hasSeveralLayers
    default: true
    }
  }

  /// What attention at a position of a layer finds.
  func read(_ cache: PositionCache<Float>, layer: Int, position: Int, _ sizes: Configuration) -> CacheRows {
    let width = sizes.keyValueDim
    var rows = CacheRows(cache, layer: layer, position: position, sizes)
    let place = rows.start
    let empty = [Float](repeating: 0, count: width)
    let last = position * width
    switch self {
    case .headModulo:
      rows.start = { head, t in t * width + head % sizes.keyValueHeadCount * sizes.headSize }
    case .queryHead:
      // The part of the last heads lies in rows that follow; those not written yet are as they were allocated.
      rows.start = { head, t in t * width + head * sizes.headSize }
      rows.elements += Array(repeating: 0, count: sizes.dim)
    case .firstHead: rows.start = { _, t in t * width }
    case .strideOfQueries:
      // Rows lie one behind the other, and are looked for as far apart as queries are long.
      rows.start = { head, t in t * sizes.dim + sizes.keyValueColumns(ofHead: head).lowerBound }
      rows.elements += Array(repeating: 0, count: (position + 1) * sizes.dim)
    case .fourthRowEmpty:
      if position >= 3 { rows.elements.replaceSubrange((3 * width)..<(4 * width), with: empty) }
    case .writtenAtNext: rows.elements = empty + rows.elements[..<last]
    case .rowBefore: rows.start = { head, t in place(head, max(t - 1, 0)) }
    case .rowAfter:
      rows.start = { head, t in place(head, t + 1) }
      rows.elements += empty
    case .wrapped:
      // A ring of four rows, read as if no position had overwritten another.
      let window = 4
      rows.start = { head, t in place(head, position - (position - t) % window) }
    case .firstLayer: rows.elements = CacheRows.rows(cache, layer: 0, count: position + 1)
    case .layerBefore: rows.elements = CacheRows.rows(cache, layer: max(layer - 1, 0), count: position + 1)
    case .sharedByLayers:
      // Each layer writes over the one before, so earlier positions are left with the last layer's.
      let lastLayer = CacheRows.rows(cache, layer: sizes.layerCount - 1, count: position)
      rows.elements = lastLayer + rows.elements[last...]
    case .notWritten: rows.elements.replaceSubrange(last..., with: empty)
    case .previousRow:
      let previous = position == 0 ? empty : Array(rows.elements[(last - width)..<last])
      rows.elements.replaceSubrange(last..., with: previous)
    }
    return rows
  }
}
