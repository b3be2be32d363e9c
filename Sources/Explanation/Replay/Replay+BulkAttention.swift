import Model
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
    var unit = vector_unit_widest()

    /// The key and value head of a query head begins here in a row.
    func start(_ head: Int) -> Int { keyHead(head) * headSize }

    /// Elements of one head in a row of raw results of scores.
    var width: Int { (rows.count + Panel.rows - 1) / Panel.rows * Panel.rows }
  }

  /// Sums of q k and of abs(q) abs(k) for every head, query and key up to the query's position, as `scores` takes them, bit for
  /// bit. Result: a row per query, [head][width]; what lies beyond a query's position means nothing.
  ///
  /// Kernel: each head has elements of its own in the output, which the language cannot check.
  static func scoreSums(_ queries: [Estimate], _ block: AttentionBlock, into sums: inout EstimateRows) {
    let (size, width, lanes) = (block.headSize, block.width, PackedVectors.lanes)
    sums.reshape(count: queries.count, columns: block.headCount * width)
    sums.withUnsafeElements { values, products in
      nonisolated(unsafe) let (values, products, block) = (values, products, block)
      concurrently(block.headCount) { head in
        let packs = stride(from: 0, to: queries.count, by: lanes).map { first in
          let own = queries[first..<min(first + lanes, queries.count)]
          var pack = PackedVectors(count: own.count, columns: size)
          for (lane, query) in own.enumerated() { pack.put(lane, query.values[(head * size)..<((head + 1) * size)]) }
          return pack
        }
        let start = block.start(head)
        var panel = Panel(columns: size)
        for t in stride(from: 0, to: block.rows.count, by: Panel.rows) {
          let own = t..<min(t + Panel.rows, block.rows.count)
          for (r, row) in own.enumerated() { panel.put(row: r, block.rows[row].values[start..<(start + size)]) }
          // Packs of queries that end before these keys are left out.
          for pack in (max(0, t - block.first) / lanes)..<packs.count {
            let place = (pack * lanes * block.headCount + head) * width + t
            packs[pack].multiply(
              panel, rows: own.count, unit: block.unit, values + place, products + place,
              stride: block.headCount * width)
          }
        }
      }
    }
  }

  /// Sums of a v and of abs(a) abs(v) for every head, position and element, as `weightedSum` takes them, bit for bit where the cache
  /// is finite. Result: a row per position, [head][head size].
  ///
  /// Behind a position its weights count as zeros: adding 0 v changes no bit of a sum, if v is finite.
  static func valueSums(_ weights: [Estimate], _ block: AttentionBlock, into sums: inout EstimateRows) {
    let (size, lanes) = (block.headSize, PackedVectors.lanes)
    let columns = block.headCount * size
    sums.reshape(count: weights.count, columns: columns)
    sums.withUnsafeElements { values, products in
      nonisolated(unsafe) let (values, products, block) = (values, products, block)
      concurrently(block.headCount) { head in
        let packs = stride(from: 0, to: weights.count, by: lanes).map { first in
          let own = weights[first..<min(first + lanes, weights.count)]
          var pack = PackedVectors(count: own.count, columns: block.first + own.endIndex)
          for (lane, row) in own.enumerated() {
            let length = block.first + first + lane + 1
            pack.put(lane, row.values[(head * length)..<((head + 1) * length)])
          }
          return pack
        }
        var panel = Panel(columns: block.rows.count)
        for i in stride(from: 0, to: size, by: Panel.rows) {
          let count = min(Panel.rows, size - i)
          let start = block.start(head) + i
          for (t, row) in block.rows.enumerated() { panel.put(column: t, row.values[start..<(start + count)]) }
          for (number, pack) in packs.enumerated() {
            let place = number * lanes * columns + head * size + i
            pack.multiply(panel, rows: count, unit: block.unit, values + place, products + place, stride: columns)
          }
        }
      }
    }
  }

  /// The scores of one query, as `scores` gives them for every head, from its row of sums.
  static func scores(
    _ query: Estimate, position: Int, _ block: AttentionBlock, keySizes: [[Double]], sums: EstimateRows, divisor: Double
  ) -> Estimate {
    let (size, length) = (block.headSize, position + 1)
    let (values, products) = (sums.values(position - block.first), sums.errors(position - block.first))
    var result = Estimate(zeros: block.headCount * length)
    for head in 0..<block.headCount {
      var querySizes = 0.0
      for i in (head * size)..<((head + 1) * size) { querySizes += abs(query.values[i]) }
      let (from, to, keyHead) = (head * block.width, head * length, block.keyHead(head))
      for t in 0..<length {
        result.values[to + t] = values[from + t] / divisor
        result.errors[to + t] = scoreBound(
          size, products[from + t], 0, sizes: querySizes + keySizes[t][keyHead], divisor: divisor)
      }
    }
    return result
  }

  /// sum abs(k) of every row and head.
  static func keySizes(_ block: AttentionBlock) -> [[Double]] {
    block.rows.map { row in
      stride(from: 0, to: row.count, by: block.headSize).map { start in
        var sum = 0.0
        for i in start..<(start + block.headSize) { sum += abs(row.values[i]) }
        return sum
      }
    }
  }

  /// The weighted sums of one position, as `weightedSum` gives them for every head, from its row of sums.
  ///
  /// - Returns: nil where a sum is not finite, because a value behind the position may be what is not.
  static func weightedSum(
    _ weights: Estimate, position: Int, _ block: AttentionBlock, valueSizes: [[Double]], sums: EstimateRows
  ) -> Estimate? {
    let (size, length) = (block.headSize, position + 1)
    let (values, products) = (sums.values(position - block.first), sums.errors(position - block.first))
    var result = Estimate(zeros: block.headCount * size)
    let limit = Rounding.gamma(length + 2) * Rounding.greatest
    for head in 0..<block.headCount {
      var weightSizes = 0.0
      for t in (head * length)..<((head + 1) * length) { weightSizes += abs(weights.values[t]) }
      for i in 0..<size {
        let place = head * size + i
        guard values[place].isFinite, products[place].isFinite else { return nil }
        let sizes = valueSizes[position - block.first][block.start(head) + i] + weightSizes
        let bound = weightedSumBound(terms: length, products[place], sizes: sizes)
        result.values[place] = values[place]
        result.errors[place] = bound >= limit ? .infinity : bound
      }
    }
    return result
  }

  /// sum abs(v) over the rows up to each position of the block, element by element.
  static func valueSizes(_ block: AttentionBlock) -> [[Double]] {
    var sums = [Double](repeating: 0, count: block.rows.first?.count ?? 0)
    var result: [[Double]] = []
    for (t, row) in block.rows.enumerated() {
      for i in sums.indices { sums[i] += abs(row.values[i]) }
      if t >= block.first { result.append(sums) }
    }
    return result
  }
}
