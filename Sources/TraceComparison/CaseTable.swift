import TraceFormat

/// The cases of a comparison on its way, found by numbers: a record of equal bytes costs two additions.
struct CaseTable {
  /// Layers from here on are not counted by place.
  private static let placeLayers = 63
  /// No more names than these are counted by place.
  private static let placeNames = 1 << 12

  /// Records of equal bytes that were counted by place.
  private struct Count {
    var records = 0
    var elements = 0

    @inline(__always)
    mutating func count(_ elementCount: Int) {
      records += 1
      elements += elementCount
    }
  }

  /// Layers from here on are rare enough, or false enough, to be looked up in a dictionary.
  private static let layerLimit = 1 << 12

  private struct FarKey: Hashable {
    var name: Int
    var layer: Int
  }

  private var names: [TensorName] = []
  private var nameNumbers: [TensorName: Int] = [:]
  /// By number of a name and layer + 1: the number of the case; -1 where there is none.
  private var slots: [[Int32]] = []
  private var farSlots: [FarKey: Int] = [:]
  private var numbers: [SiteCase.Numbers] = []
  /// The rest of each case; its numbers are kept apart.
  private var cases: [SiteCase] = []
  /// Records of equal bytes, by their place; they are added to their cases at the end.
  private var equalCounts: [Count] = []

  /// Numbers names in the order given; only for a table that knows none.
  mutating func take(names: [TensorName]) {
    precondition(self.names.isEmpty)
    for name in names { _ = number(of: name) }
    guard names.count <= Self.placeNames else { return }
    equalCounts = [Count](repeating: Count(), count: names.count * (Self.placeLayers + 1))
  }

  /// Where a record is counted that turns out to have equal bytes.
  ///
  /// - Parameter layer: -1 outside the layers.
  /// - Returns: -1 where it is not counted by place.
  func place(name: Int, layer: Int) -> Int32 {
    let place = name &* (Self.placeLayers + 1) &+ layer &+ 1
    return layer < Self.placeLayers && place < equalCounts.count ? Int32(truncatingIfNeeded: place) : -1
  }

  /// Takes those records of equal bytes that are counted by place.
  ///
  /// - Parameter elementCounts: number of elements of each.
  /// - Returns: the elements of all, and whether all are counted by place.
  mutating func takeEqual(
    _ pairs: ArraySlice<PairBatch.Pair>, _ elementCounts: ArraySlice<Int>
  ) -> (elements: Int, areAll: Bool) {
    var counts = equalCounts.mutableSpan
    var (elements, areAll) = (0, true)
    for (pair, elementCount) in zip(pairs, elementCounts) {
      elements += elementCount
      if pair.place >= 0 { counts[Int(pair.place)].count(elementCount) } else { areAll = false }
    }
    return (elements, areAll)
  }

  /// The number of the case of a record.
  mutating func number(of key: RecordKey) -> Int { number(name: number(of: key.name), layer: key.layer ?? -1) }

  /// The number of the case of a name's number and a layer, -1 outside the layers.
  mutating func number(name: Int, layer: Int) -> Int {
    if layer + 1 < slots[name].count {
      let number = slots[name][layer + 1]
      if number >= 0 { return Int(number) }
    }
    return newNumber(name: name, layer: layer)
  }

  private mutating func newNumber(name: Int, layer: Int) -> Int {
    let isFar = layer >= Self.layerLimit
    if isFar, let known = farSlots[FarKey(name: name, layer: layer)] { return known }
    let number = cases.count
    cases.append(SiteCase(name: names[name], layer: layer < 0 ? nil : layer))
    numbers.append(SiteCase.Numbers())
    if isFar {
      farSlots[FarKey(name: name, layer: layer)] = number
    } else {
      while slots[name].count <= layer + 1 { slots[name].append(-1) }
      slots[name][layer + 1] = Int32(number)
    }
    return number
  }

  private mutating func number(of name: TensorName) -> Int {
    if let known = nameNumbers[name] { return known }
    let number = names.count
    nameNumbers[name] = number
    names.append(name)
    slots.append([])
    return number
  }

  /// Takes a record of equal bytes.
  mutating func takeEqual(_ number: Int, elementCount: Int) {
    numbers[number].count(elementCount)
  }

  /// Takes a record that was compared, be it equal or not.
  mutating func take(_ number: Int, _ result: RecordComparison, position: Int) {
    takeEqual(number, elementCount: result.elementCount)
    if !result.isIdentical { numbers[number].takeDifference(result, position: position) }
  }

  /// Takes a record beyond tolerance.
  mutating func takeDivergence(_ number: Int, _ finding: Finding) {
    if cases[number].firstDivergence == nil { cases[number].firstDivergence = finding }
  }

  /// Takes a record that is not compared because it was not asked for.
  mutating func takeLeftOut(_ key: RecordKey) { numbers[number(of: key)].leftOut += 1 }

  /// The same by numbers, as a file's walk calls it.
  @inline(never)
  mutating func takeLeftOut(name: Int, layer: Int) { numbers[number(name: name, layer: layer)].leftOut += 1 }

  /// Takes a record that only one trace has.
  mutating func takeUnmatched(_ record: UnmatchedRecord, of side: Side) {
    let number = number(of: record.key)
    numbers[number].unmatched += 1
    if cases[number].firstUnmatched == nil { cases[number].firstUnmatched = (side, record) }
  }

  /// Takes a record whose shapes differ.
  mutating func take(_ mismatch: Verdict.ShapeMismatch) {
    let number = number(of: mismatch.key)
    numbers[number].shapeMismatches += 1
    if cases[number].firstShapeMismatch == nil { cases[number].firstShapeMismatch = mismatch }
  }

  /// Takes a record that cannot be read.
  mutating func take(_ problem: Verdict.Problem, at key: RecordKey) {
    let number = number(of: key)
    numbers[number].unreadable += 1
    if cases[number].firstProblem == nil { cases[number].firstProblem = problem }
  }

  /// All cases in the order of execution.
  consuming func finished() -> [SiteCase] {
    for (place, count) in equalCounts.enumerated() where count.records > 0 {
      let (name, layer) = place.quotientAndRemainder(dividingBy: Self.placeLayers + 1)
      let number = number(name: name, layer: layer - 1)
      numbers[number].records += count.records
      numbers[number].elements += count.elements
    }
    // A case is large, so places are sorted in the stead of cases.
    let orders = cases.map(\.order)
    return cases.indices.sorted { orders[$0] < orders[$1] }.map { number in
      var result = cases[number]
      result.numbers = numbers[number]
      return result
    }
  }
}
