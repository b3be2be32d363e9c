extension TraceHeader {
  /// A part of a trace: its file and its header.
  package typealias Part = (path: String, header: TraceHeader)

  /// The header of a trace in several parts.
  ///
  /// What the parts say of the model and the run must agree; what only some say is taken from them. Sites, layers and
  /// positions are united. Fields that the format does not define are kept where all that have them agree.
  ///
  /// - Returns: the header, and what is wrong with the parts together.
  package static func united(_ parts: [Part]) -> (header: TraceHeader, problems: [TraceError]) {
    var producers: [String] = []
    for part in parts where !producers.contains(part.header.producer) { producers.append(part.header.producer) }
    var union = TraceHeader(producer: producers.joined(separator: ", "))
    var problems: [TraceError] = []
    for name in Set(parts.flatMap { $0.header.fields.keys }).sorted() {
      let field = HeaderField(rawValue: name)
      guard field.map({ !Self.unitedFields.contains($0) }) ?? true else { continue }
      let holders = parts.filter { $0.header.fields[name] != nil }
      guard let first = holders.first, let value = first.header.fields[name] else { continue }
      if let other = holders.first(where: { !($0.header.fields[name]?.isSame(as: value) ?? true) }) {
        guard field != nil, let otherValue = other.header.fields[name] else { continue }
        problems.append(
          .partsDisagree(
            field: name, path: first.path, value: value.text, otherPath: other.path, otherValue: otherValue.text))
      }
      union.fields[name] = value
    }
    union.unite(parts.map(\.header))
    return (union, problems + partNumberProblems(parts, count: union[integer: .parts]))
  }

  /// Fields in which parts may differ.
  private static let unitedFields: Set<HeaderField> = [
    .part, .sites, .firstLayer, .lastLayer, .firstPosition, .lastPosition,
  ]

  /// Takes the sites, layers and positions of all parts together; what one of them does not say is unknown of all.
  ///
  /// A header promises each of its sites at all its layers and positions. Where the parts together promise less (one
  /// has all sites of layer 0, another the logits alone), no sites are named, so that what they left out is not lost.
  private mutating func unite(_ headers: [TraceHeader]) {
    func bound(_ field: HeaderField, _ choose: ([Int]) -> Int?) -> Int? {
      let values = headers.compactMap { $0[integer: field] }
      return values.count == headers.count ? choose(values) : nil
    }
    self[integer: .firstLayer] = bound(.firstLayer) { $0.min() }
    self[integer: .lastLayer] = bound(.lastLayer) { $0.max() }
    self[integer: .firstPosition] = bound(.firstPosition) { $0.min() }
    self[integer: .lastPosition] = bound(.lastPosition) { $0.max() }
    guard headers.allSatisfy({ $0[bytes: .sites] != nil }) else { return }
    let ranges = headers.map { RecordedRange($0) }
    let whole = RecordedRange(self)
    // Parts mostly name the same sites: each set of parts and kind of site is looked at once.
    var holders: [TensorName: [Int]] = [:]
    for (part, range) in ranges.enumerated() {
      for name in range.promisedNames { holders[name, default: []].append(part) }
    }
    for isOutside in [false, true] {
      let ofThisKind = holders.filter { name, _ in (name.site.map { $0.scope != .layer } ?? false) == isOutside }
      for parts in Set(ofThisKind.values) {
        guard whole.isCovered(by: parts.map { ranges[$0] }, ignoresLayers: isOutside) else { return }
      }
    }
    self[text: .sites] = holders.keys.sorted().map(\.text).joined(separator: ",")
  }

  /// What is wrong with the parts' numbers; parts that do not say theirs may be any.
  private static func partNumberProblems(_ parts: [Part], count: Int?) -> [TraceError] {
    if let count, count < 1 { return [.partCountInvalid(count)] }
    var problems: [TraceError] = []
    var holders: [Int: String] = [:]
    for (path, header) in parts {
      guard let number = header[integer: .part] else { continue }
      if let count, !(0..<count).contains(number) {
        problems.append(.partOutOfRange(number: number, count: count, path: path))
      } else if let other = holders[number] {
        problems.append(.partRepeated(number: number, path: other, otherPath: path))
      } else {
        holders[number] = path
      }
    }
    guard let count, count > parts.count || !holders.isEmpty else { return problems }
    // Not as a list of all, since a damaged count may be any number.
    let missingCount = count - holders.count - parts.count { $0.header[integer: .part] == nil }
    guard missingCount > 0 else { return problems }
    var missing: [Int] = []
    var number = 0
    while missing.count < min(missingCount, 9), number < count {
      if holders[number] == nil { missing.append(number) }
      number += 1
    }
    problems.append(.partsMissing(numbers: missing, count: count))
    return problems
  }
}

extension HeaderValue {
  /// Whether two values are the same bits, so that NaN is NaN.
  fileprivate func isSame(as other: HeaderValue) -> Bool {
    if case .real(let number) = self, case .real(let otherNumber) = other {
      return number.bitPattern == otherNumber.bitPattern
    }
    return self == other
  }

  /// The value in a message.
  fileprivate var text: String {
    switch self {
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let bytes): "\"\(visibleText(bytes.prefix(80), quoted: true))\""
    }
  }
}
