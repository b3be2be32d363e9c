import Model
import TraceFormat

/// A relation that all wrong elements may have to the expected ones.
enum ElementRelation: String, CaseIterable {
  case negated = "the wrong elements have the right magnitude and the other sign"
  case magnitude = "every element is the magnitude of the expected one"
  case clipped = "the wrong elements are clipped: none is larger than a limit, and those within it are right"

  /// Whether it holds in a record.
  func holds(_ context: CauseContext) -> Bool {
    let (actual, expected) = (context.actual.values, context.expected.values)
    guard actual.allSatisfy(\.isFinite) else { return false }
    let wrong = actual.indices.filter { !context.isRight($0) }
    func isNear(_ index: Int, _ value: Double) -> Bool {
      Judgement.Element(actual[index], value, context.expected.error(index), context.actual.type).passes
    }
    switch self {
    case .negated: return wrong.allSatisfy { isNear($0, -expected[$0]) }
    case .magnitude: return actual.indices.allSatisfy { isNear($0, abs(expected[$0])) }
    case .clipped:
      let limits = wrong.map { abs(actual[$0]) }
      guard let least = limits.min(), let greatest = limits.max(), least > 0, greatest <= least * (1 + 0x1p-20) else {
        return false
      }
      return actual.allSatisfy { abs($0) <= greatest }
        && wrong.allSatisfy { abs(expected[$0]) > least && (expected[$0] > 0) == (actual[$0] > 0) }
    }
  }
}

/// actual = factor * expected + offset, with the same two numbers in every record.
struct AffineRelation {
  let factor: Double
  let offset: Double

  /// The relation that fits a record best; nil where none holds in it, or it says nothing.
  init?(_ context: CauseContext) {
    let (actual, expected) = (context.actual.values, context.expected.values)
    let count = Double(actual.count)
    guard actual.count > 3, actual.allSatisfy(\.isFinite) else { return nil }
    let (meanActual, meanExpected) = (actual.reduce(0, +) / count, expected.reduce(0, +) / count)
    var (products, squares) = (0.0, 0.0)
    for (a, y) in zip(actual, expected) {
      products += (a - meanActual) * (y - meanExpected)
      squares += (y - meanExpected) * (y - meanExpected)
    }
    factor = products / squares
    offset = meanActual - factor * meanExpected
    guard factor.isFinite, offset.isFinite, abs(factor) > 1e-3, holds(context) else { return nil }
  }

  /// Whether it holds in a record, to within what rounding and the fit leave open.
  func holds(_ context: CauseContext) -> Bool {
    let greatest = context.expected.values.reduce(0) { max($0, abs($1)) }
    return context.actual.values.indices.allSatisfy { i in
      let value = factor * context.expected.values[i] + offset
      let error = abs(factor) * context.expected.error(i) * 2 + 8 * Rounding.u * (abs(factor) * greatest + abs(offset))
      return Judgement.Element(context.actual.values[i], value, error, context.actual.type).passes
    }
  }

  /// The relation in words.
  var text: String {
    let (c, d) = (Catalogue.roundedToDigits(factor, 5), Catalogue.roundedToDigits(offset, 5))
    return "\(c) times the expected tensor \(d < 0 ? "-" : "+") \(abs(d)), in every record"
  }
}

/// Zeros and what is not finite among the recorded elements, where finite non-zero ones were expected.
struct ValueKinds {
  private(set) var isAllZero = true
  private var isAllNonFinite = true
  private var (elements, zeros, notNumbers, infinities) = (0, 0, 0, 0)

  /// Takes a faulty record.
  mutating func take(_ context: CauseContext) {
    elements += context.actual.values.count
    for (i, value) in context.actual.values.enumerated() {
      if value != 0 { isAllZero = false }
      if value.isFinite { isAllNonFinite = false }
      guard value == 0 || !value.isFinite, !context.isRight(i) else { continue }
      if value == 0 { zeros += 1 } else if value.isNaN { notNumbers += 1 } else { infinities += 1 }
    }
  }

  /// What was found, a line each.
  var lines: [String] {
    if isAllZero { return ["all elements are zero, in every record"] }
    if isAllNonFinite, notNumbers == elements { return ["all elements are NaN, in every record"] }
    return [(zeros, "zero"), (notNumbers, "NaN"), (infinities, "infinite")].filter { $0.0 > 0 }.map { count, name in
      "wrong elements that are \(name): \(count) of \(elements) in the faulty records"
    }
  }
}

/// How far wrong elements lie from what is expected.
struct ErrorSizes {
  private var greatest = 0.0
  /// Wrong elements by the binary exponent of their relative error.
  private var exponents: [Int: Int] = [:]
  private var count = 0

  /// Takes a faulty record.
  mutating func take(_ context: CauseContext) {
    for (i, actual) in context.actual.values.enumerated() where !context.isRight(i) {
      let expected = context.expected.values[i]
      let error = abs(actual - expected) / abs(expected)
      guard error.isFinite, error > 0 else { continue }
      greatest = max(greatest, error)
      exponents[Int(error.exponent), default: 0] += 1
      count += 1
    }
  }

  /// What was found, a line each.
  var lines: [String] {
    guard count > 0 else { return [] }
    var (below, typical) = (0, 0)
    for (exponent, number) in exponents.sorted(by: { $0.key < $1.key }) {
      below += number
      typical = exponent
      if 2 * below >= count { break }
    }
    let middle = min(Double(sign: .plus, exponent: typical, significand: 1.5), greatest)
    return [
      "relative error of the wrong elements: typically \(Catalogue.roundedToDigits(middle, 1)), at most "
        + "\(Catalogue.roundedToDigits(greatest, 1))"
    ]
  }
}
