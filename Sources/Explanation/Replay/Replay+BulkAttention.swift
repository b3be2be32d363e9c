import Model
import TraceFormat
import VectorKernels

extension Replay {
  /// What attention needs to know of a block of consecutive positions whose cache is known without error.
  struct AttentionBlock {
    /// Position of the first query.
    let first: Int
    let headCount: Int
    let headSize: Int
    /// The key and value head of a query head.
    let keyHead: (Int) -> Int
    /// Rows of the cache, from position 0 to the block's last.
    let rows: [Estimate]
    var unit = VectorUnit.widest

    /// Where a query head's key and value head begins in a row.
    func start(_ head: Int) -> Int { keyHead(head) * headSize }
    /// Elements of one head in a row of sums of scores.
    var width: Int { (rows.count + Panel.rows - 1) / Panel.rows * Panel.rows }
  }

  /// What the bulk kernels leave of a block of positions, products and attention alike: a row per position.
  struct BulkSums {
    /// Sums of products as values; as errors those of their magnitudes or, of matrix products, the bounds made from
    /// them.
    var products = EstimateRows()
    /// For attention, as values alone: sums of the magnitudes of keys, in row 0 per head and key; or of values, per
    /// head, position and element.
    var sizes = EstimateRows()
  }

  /// Sums of q k and of abs(q) abs(k) for every head, query and key up to the query's position, as `scores` takes them,
  /// bit for bit. Result: a row per query, [head][width]; what lies beyond a query's position means nothing. Threads
  /// take heads.
  static func scoreSums(_ queries: [Estimate], _ block: AttentionBlock, into sums: inout BulkSums) {
    let (size, width, lanes) = (block.headSize, block.width, PackedVectors.lanes)
    sums.products.reshape(count: queries.count, columns: block.headCount * width)
    sums.sizes.reshape(count: 1, columns: block.headCount * width)
    let results = sums
    nonisolated(unsafe) let block = block
    concurrently(block.headCount) { head in
      let packs = stride(from: 0, to: queries.count, by: lanes).map { first in
        let count = min(lanes, queries.count - first)
        let pack = PackedVectors(count: count, columns: size)
        for lane in 0..<count {
          pack.put(lane, queries[first + lane].values, (head * size)..<((head + 1) * size))
        }
        return pack
      }
      let start = block.start(head)
      let panel = Panel(columns: size)
      for t in stride(from: 0, to: block.rows.count, by: Panel.rows) {
        let count = min(Panel.rows, block.rows.count - t)
        for r in 0..<count {
          let keys = block.rows[t + r].values
          panel.put(row: r, keys, start..<(start + size))
          var sum = 0.0
          for i in start..<(start + size) { sum += abs(keys[i]) }
          results.sizes.values.start[head * width + t + r] = sum
        }
        // Packs of queries that end before these keys are left out.
        for pack in (max(0, t - block.first) / lanes)..<packs.count {
          let place = pack * lanes * results.products.stride + head * width + t
          panel.multiply(packs[pack].kernelVectors, rows: count, unit: block.unit, into: results.products, at: place)
        }
      }
    }
  }

  /// Sums of a v, of abs(a) abs(v) and of abs(v) for every head, position and element, as `weightedSum` takes them, bit
  /// for bit where the cache is finite. Result: a row per position, [head][head size]. Threads take heads.
  ///
  /// Behind a position its weights count as zeros: adding 0 v changes no bit of a sum, if v is finite.
  static func valueSums(_ weights: [Estimate], _ block: AttentionBlock, into sums: inout BulkSums) {
    let (size, lanes) = (block.headSize, PackedVectors.lanes)
    sums.products.reshape(count: weights.count, columns: block.headCount * size)
    sums.sizes.reshape(count: weights.count, columns: block.headCount * size)
    let results = sums
    nonisolated(unsafe) let block = block
    concurrently(block.headCount) { head in
      let packs = stride(from: 0, to: weights.count, by: lanes).map { first in
        let count = min(lanes, weights.count - first)
        let pack = PackedVectors(count: count, columns: block.first + first + count)
        for lane in 0..<count {
          let length = block.first + first + lane + 1
          pack.put(lane, weights[first + lane].values, (head * length)..<((head + 1) * length))
        }
        return pack
      }
      let panel = Panel(columns: block.rows.count)
      let totals = AlignedDoubles(count: Panel.rows)
      for i in stride(from: 0, to: size, by: Panel.rows) {
        let count = min(Panel.rows, size - i)
        let (start, place) = (block.start(head) + i, head * size + i)
        totals.clear()
        for t in block.rows.indices {
          let own = block.rows[t].values
          panel.put(column: t, own, start..<(start + count))
          for r in 0..<count { totals.start[r] += abs(own[start + r]) }
          guard t >= block.first else { continue }
          let sizes = results.sizes.values.start + (t - block.first) * results.sizes.stride + place
          for r in 0..<count { sizes[r] = totals.start[r] }
        }
        for pack in packs.indices {
          let own = pack * lanes * results.products.stride + place
          panel.multiply(packs[pack].kernelVectors, rows: count, unit: block.unit, into: results.products, at: own)
        }
      }
    }
  }

  /// The scores of one query, as `scores` gives them for every head, from its row of sums.
  static func scores(
    _ query: Estimate, position: Int, _ block: AttentionBlock, _ sums: BulkSums, divisor: Double
  ) -> Estimate {
    let (size, length) = (block.headSize, position + 1)
    let (values, products) = (
      sums.products.values(position - block.first), sums.products.errors(position - block.first)
    )
    let keySizes = sums.sizes.values(0)
    var result = Estimate(zeros: block.headCount * length)
    for head in 0..<block.headCount {
      var querySizes = 0.0
      for i in (head * size)..<((head + 1) * size) { querySizes += abs(query.values[i]) }
      let (from, to) = (head * block.width, head * length)
      for t in 0..<length {
        result.values[to + t] = values[from + t] / divisor
        result.errors[to + t] = scoreBound(
          size, products[from + t], 0, sizes: querySizes + keySizes[from + t], divisor: divisor)
      }
    }
    return result
  }

  /// The weighted sums of one position, as `weightedSum` gives them for every head, from its row of sums.
  ///
  /// - Returns: nil where a sum is not finite, because a value behind the position may be what is not.
  static func weightedSum(
    _ weights: Estimate, position: Int, _ block: AttentionBlock, _ sums: BulkSums
  ) -> Estimate? {
    let (size, length, row) = (block.headSize, position + 1, position - block.first)
    let (values, products, sizes) = (sums.products.values(row), sums.products.errors(row), sums.sizes.values(row))
    var result = Estimate(zeros: block.headCount * size)
    let limit = Rounding.gamma(length + 2) * Rounding.greatest
    for head in 0..<block.headCount {
      var weightSizes = 0.0
      for t in (head * length)..<((head + 1) * length) { weightSizes += abs(weights.values[t]) }
      for place in (head * size)..<((head + 1) * size) {
        guard values[place].isFinite, products[place].isFinite else { return nil }
        let bound = weightedSumBound(terms: length, products[place], sizes: sizes[place] + weightSizes)
        result.values[place] = values[place]
        result.errors[place] = bound >= limit ? .infinity : bound
      }
    }
    return result
  }
}
