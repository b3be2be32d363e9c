import TraceFormat

/// The cases of a comparison on its way, found by numbers: a record of equal bytes costs a look into two arrays.
struct CaseTable {
  /// Layers from here on are rare enough, or false enough, to be looked up in a dictionary.
  private static let layerLimit = 1 << 12

  private struct Place: Hashable {
    var name: Int
    var layer: Int
  }

  private var names: [TensorName] = []
  private var nameNumbers: [TensorName: Int] = [:]
  /// By number of a name and layer + 1: the number of the case; -1 where there is none.
  private var slots: [[Int32]] = []
  private var farSlots: [Place: Int] = [:]
  private var numbers: [SiteCase.Numbers] = []
  /// The rest of each case; its numbers are kept apart.
  private var cases: [SiteCase] = []

  /// Numbers names in the order given; only for a table that knows none.
  mutating func take(names: [TensorName]) {
    precondition(self.names.isEmpty)
    for name in names { _ = number(of: name) }
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
    if isFar, let known = farSlots[Place(name: name, layer: layer)] { return known }
    let number = cases.count
    cases.append(SiteCase(name: names[name], layer: layer < 0 ? nil : layer))
    numbers.append(SiteCase.Numbers())
    if isFar {
      farSlots[Place(name: name, layer: layer)] = number
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
  mutating func takeLeftOut(_ number: Int) { numbers[number].leftOut += 1 }

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
  var sorted: [SiteCase] {
    var result = cases
    for number in result.indices { result[number].numbers = numbers[number] }
    return result.sorted { $0.order < $1.order }
  }
}
