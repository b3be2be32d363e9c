import TraceFormat

extension ComparisonRun {
  /// Visits the records of two files in the order of execution: what `merge` does, with records paired by numbers,
  /// equal bytes recognised before anything else, and all processors at work.
  mutating func mergeFiles(
    _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, _ emptyBatch: consuming PairBatch,
    _ eachDivergence: (Finding) -> Void
  ) {
    var batch = emptyBatch
    let paired = PairedNames(expected.names, actual.names, comparison)
    names.formUnion(paired.names)
    cases.take(names: paired.names)
    let filter = comparison.filter
    let takesAll = filter.isEverything && end == Int.max
    var first = FileCursor(paired.ofExpected, takesAll: takesAll)
    var second = FileCursor(paired.ofActual, takesAll: takesAll)
    first.advance(expected, before: end, paired, filter, &cases)
    second.advance(actual, before: end, paired, filter, &cases)
    while !first.isAtEnd || !second.isAtEnd, !verdict.isStopped {
      let isPair = !first.isAtEnd && !second.isAtEnd && first.order == second.order
      let takesFirst = isPair || second.isAtEnd || (!first.isAtEnd && first.order < second.order)
      if isPair {
        batch.append(
          PairBatch.Pair(
            expected: first.place, actual: second.place, name: Int32(truncatingIfNeeded: first.order.name),
            place: cases.place(name: first.order.name, layer: first.layer)),
          byteCount: first.byteCount)
        if batch.isFull { take(&batch, expected, actual, paired, eachDivergence) }
      } else if comparison.stopsAtFirst, !batch.pairs.isEmpty {
        // What comes before must not be the first divergence.
        take(&batch, expected, actual, paired, eachDivergence)
        continue
      } else if takesFirst {
        takeUnmatched(expected.key(at: first.place), of: .expected)
      } else {
        takeUnmatched(actual.key(at: second.place), of: .actual)
      }
      if takesFirst { first.advance(expected, before: end, paired, filter, &cases) }
      if isPair || !takesFirst { second.advance(actual, before: end, paired, filter, &cases) }
    }
    take(&batch, expected, actual, paired, eachDivergence)
    verdict.held[.expected] = HeldRange(expected, layers: first.layers)
    verdict.held[.actual] = HeldRange(actual, layers: second.layers)
  }

  /// Compares a batch and takes what comes of it.
  private mutating func take(
    _ batch: inout PairBatch, _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, _ names: PairedNames,
    _ eachDivergence: (Finding) -> Void
  ) {
    batch.compare(expected, actual, names, wantsFlip: verdict.tokenFlip == nil)
    for run in batch.finishedRuns {
      for step in run.steps where !verdict.isStopped {
        switch step {
        case .equal(let range, let elementCounts):
          takeEqual(batch.pairs[range], run.elementCounts[elementCounts], expected)
        case .compared(let number, let place):
          let pair = batch.pairs[number]
          let key = expected.key(at: pair.expected)
          let own = cases.number(name: Int(pair.name), layer: key.layer ?? -1)
          take(run.compared[place], key, case: own, expected, actual, eachDivergence)
        case .obstacle(let pair, let obstacle):
          take(obstacle, expected.key(at: batch.pairs[pair].expected))
        }
      }
    }
    batch.removeAll()
  }

  /// Takes records of equal bytes whose elements are all finite.
  private mutating func takeEqual(
    _ pairs: ArraySlice<PairBatch.Pair>, _ elementCounts: ArraySlice<Int>, _ expected: borrowing TraceFile
  ) {
    verdict.comparedRecords += pairs.count
    let (elements, areAll) = cases.takeEqual(pairs, elementCounts)
    verdict.comparedElements += elements
    if !areAll {
      for (pair, elementCount) in zip(pairs, elementCounts) where pair.place < 0 {
        let layer = expected.key(at: pair.expected).layer ?? -1
        cases.takeEqual(cases.number(name: Int(pair.name), layer: layer), elementCount: elementCount)
      }
    }
    if let last = pairs.last { lastPosition = max(lastPosition, Int(expected.entry(at: last.expected).position)) }
    guard verdict.travel.start != nil else { return }
    for pair in pairs {
      let entry = expected.entry(at: pair.expected)
      guard verdict.travel.isShown(equalRecordAt: Int(entry.position)) else { continue }
      let equal = RecordComparison(equalElements: expected.elementCount(entry) ?? 0)
      verdict.travel.add(expected.key(at: pair.expected), equal)
    }
  }
}

extension HeldRange {
  /// What a file holds; nil where it holds nothing.
  fileprivate init?(_ file: borrowing TraceFile, layers: ClosedRange<Int>?) {
    guard file.recordCount > 0 else { return nil }
    let positions = Int(file.entry(at: 0).position)...Int(file.entry(at: file.recordCount - 1).position)
    self.init(layers: layers, positions: positions)
  }
}
