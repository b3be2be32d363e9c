import Foundation

/// An honest float32 processor with its library and its compiler's choices: how it rounds, in which order it sums, what
/// it does with subnormal numbers, how it divides, how wrong its elementary functions are.
///
/// Numbers are carried in float64. A product of two float32 numbers is exact there, and the rounding of sums, quotients
/// and roots to float64 and then to float32 is that to float32 alone (Figueroa, When is double rounding innocuous).
struct Machine: Sendable {
  /// What an operation's exact result becomes.
  enum Rounding: Sendable {
    /// The nearest float32, as on every processor.
    case nearest
    /// Off by the whole unit roundoff, always upwards: the worst that the model of arithmetic allows.
    case up
    /// The same, downwards.
    case down
    /// Sums downwards, everything else upwards.
    case sumsDown
    /// Sums upwards, everything else downwards.
    case sumsUp
  }

  /// The order of a sum's terms.
  enum Order: Sendable { case forward, reverse, pairwise, blocked }

  /// How a / b is computed.
  enum Division: Sendable {
    case quotient
    /// a * (1 / b).
    case reciprocal
    /// a * r with r from an approximation of 12 bits and one Newton step.
    case newton
    /// The same with the step's products fused.
    case fusedNewton
  }

  /// The error of elementary functions, in ulps: of exp, pow and cos, and of the others.
  struct Library: Sendable {
    var first = 0.0
    var second = 0.0
  }

  var rounding = Rounding.nearest
  var order = Order.forward
  /// Multiplies and adds in one rounding.
  var fuses = false
  /// Sums in float64.
  var isWide = false
  /// Takes subnormal operands for zero and makes subnormal results zero.
  var flushes = false
  var division = Division.quotient
  var library = Library()
  /// exp(x) as 2^(x * log2(e)).
  var usesPowersOfTwo = false

  static let u = 0x1p-24

  // MARK: - rounding

  /// The number that stands for a result.
  func result(_ exact: Double, isSum: Bool = false) -> Double {
    var value = exact
    switch rounding {
    case .nearest: value = Double(Float(exact))
    case .up: value = exact * (1 + Self.u)
    case .down: value = exact * (1 - Self.u)
    case .sumsDown: value = exact * (isSum ? 1 - Self.u : 1 + Self.u)
    case .sumsUp: value = exact * (isSum ? 1 + Self.u : 1 - Self.u)
    }
    if abs(value) > Double(Float.greatestFiniteMagnitude) { return value < 0 ? -.infinity : .infinity }
    return operand(value)
  }

  /// The number that an operand is taken for.
  func operand(_ x: Double) -> Double { flushes && abs(x) < 0x1p-126 ? 0 : x }

  // MARK: - arithmetic

  func multiply(_ a: Double, _ b: Double) -> Double { result(operand(a) * operand(b)) }
  func add(_ a: Double, _ b: Double) -> Double { result(operand(a) + operand(b), isSum: true) }
  func subtract(_ a: Double, _ b: Double) -> Double { add(a, -b) }
  func root(_ x: Double) -> Double { result(operand(x).squareRoot()) }

  func multiplyAdd(_ a: Double, _ b: Double, _ c: Double) -> Double {
    fuses ? result(operand(a) * operand(b) + operand(c), isSum: true) : add(multiply(a, b), c)
  }

  func divide(_ a: Double, _ b: Double) -> Double {
    division == .quotient ? result(operand(a) / operand(b)) : multiply(a, reciprocal(b))
  }

  /// 1 / x.
  func reciprocal(_ x: Double) -> Double {
    switch division {
    case .quotient, .reciprocal: return result(1 / operand(x))
    case .newton:
      let guess = approximate(1 / operand(x))
      return subtract(2 * guess, multiply(multiply(x, guess), guess))
    case .fusedNewton:
      let guess = approximate(1 / operand(x))
      let rest = result(1 - operand(x) * guess, isSum: true)
      return result(guess + guess * rest, isSum: true)
    }
  }

  /// 1 / sqrt(x).
  func reciprocalRoot(_ x: Double) -> Double {
    guard division == .newton || division == .fusedNewton else { return divide(1, root(x)) }
    let guess = approximate(1 / operand(x).squareRoot())
    let square = multiply(multiply(result(0.5 * operand(x)), guess), guess)
    return multiply(guess, subtract(1.5, square))
  }

  /// What an instruction with 12 bits gives: off by 1.5 * 2^-12 at most.
  private func approximate(_ x: Double) -> Double {
    operand(Double(Float(x * (1 + (library.first < 0 ? -1.499 : 1.499) * 0x1p-12))))
  }

  /// A sum of products.
  func dot(_ a: [Double], _ b: [Double]) -> Double {
    let n = a.count
    if isWide { return result((0..<n).reduce(0.0) { $0 + operand(a[$1]) * operand(b[$1]) }) }
    switch order {
    case .forward: return (0..<n).reduce(0.0) { multiplyAdd(a[$1], b[$1], $0) }
    case .reverse: return (0..<n).reversed().reduce(0.0) { multiplyAdd(a[$1], b[$1], $0) }
    case .pairwise: return pairwise(a, b, 0..<n)
    case .blocked:
      var sums = [Double](repeating: 0, count: 8)
      for j in 0..<n { sums[j % 8] = multiplyAdd(a[j], b[j], sums[j % 8]) }
      return sums.reduce(0.0, add)
    }
  }

  private func pairwise(_ a: [Double], _ b: [Double], _ range: Range<Int>) -> Double {
    if range.count == 1 { return multiply(a[range.lowerBound], b[range.lowerBound]) }
    let middle = (range.lowerBound + range.upperBound) / 2
    return add(pairwise(a, b, range.lowerBound..<middle), pairwise(a, b, middle..<range.upperBound))
  }

  /// A sum.
  func sum(_ a: [Double]) -> Double {
    a.count == 1 ? a[0] : dotOfOnes(a)
  }

  private func dotOfOnes(_ a: [Double]) -> Double {
    var machine = self
    machine.fuses = true
    return order == .pairwise && !isWide ? pairwiseSum(a[...]) : machine.dot(a, [Double](repeating: 1, count: a.count))
  }

  private func pairwiseSum(_ a: ArraySlice<Double>) -> Double {
    if a.count == 1 { return a.first ?? 0 }
    let middle = (a.startIndex + a.endIndex) / 2
    return add(pairwiseSum(a[..<middle]), pairwiseSum(a[middle...]))
  }

  // MARK: - elementary functions

  func exponential(_ x: Double) -> Double {
    let argument = operand(x)
    guard usesPowersOfTwo else { return off(exp(argument), library.first) }
    return off(exp2(multiply(argument, result(1.4426950408889634))), library.first)
  }

  func power(_ base: Double, _ exponent: Double) -> Double { off(pow(base, exponent), library.first) }
  func cosine(_ x: Double) -> Double { off(cos(operand(x)), library.first) }
  func sine(_ x: Double) -> Double { off(sin(operand(x)), library.second) }
  func logarithm(_ x: Double) -> Double { off(log(operand(x)), library.second) }

  /// A value off by a number of float32's ulps.
  private func off(_ exact: Double, _ ulps: Double) -> Double {
    guard abs(exact) <= Double(Float.greatestFiniteMagnitude) else { return exact }
    if ulps == 0 { return operand(Double(Float(exact))) }
    let below = Float(exact.magnitude)
    let ulp = Double((Double(below) > exact.magnitude ? below.nextDown : below).ulp)
    let target = exact + ulps * ulp
    let near = Float(target)
    // The float32 between the exact value and the target.
    let isBeyond = ulps > 0 ? Double(near) > target : Double(near) < target
    return operand(Double(isBeyond ? (ulps > 0 ? near.nextDown : near.nextUp) : near))
  }
}

extension Machine {
  /// A machine with changes.
  init(_ change: (inout Machine) -> Void) {
    self.init()
    change(&self)
  }

  /// Processors, compilers and libraries, by name.
  static let all: [(name: String, machine: Machine)] = [
    ("reference", Machine()),
    ("reverse", Machine { $0.order = .reverse }),
    ("pairwise", Machine { $0.order = .pairwise }),
    ("blocked", Machine { $0.order = .blocked }),
    ("fused", Machine { $0.fuses = true }),
    ("fused blocked", Machine { ($0.fuses, $0.order) = (true, .blocked) }),
    ("wide sums", Machine { $0.isWide = true }),
    ("reciprocals", Machine { $0.division = .reciprocal }),
    ("Newton", Machine { $0.division = .newton }),
    ("fused Newton", Machine { ($0.division, $0.fuses) = (.fusedNewton, true) }),
    ("flushing", Machine { $0.flushes = true }),
    ("flushing, fused blocked", Machine { ($0.flushes, $0.fuses, $0.order) = (true, true, .blocked) }),
    ("library high", Machine { $0.library = Library(first: 4, second: 4) }),
    ("library low", Machine { $0.library = Library(first: -4, second: -4) }),
    ("library mixed, 2^x", Machine { ($0.library, $0.usesPowersOfTwo) = (Library(first: 4, second: -4), true) }),
    (
      "fast-math",
      Machine {
        ($0.flushes, $0.fuses, $0.order, $0.division) = (true, true, .blocked, .newton)
        ($0.library, $0.usesPowersOfTwo) = (Library(first: -4, second: 4), true)
      }
    ),
    ("all up", worst(.up, 4)),
    ("all down", worst(.down, -4)),
    ("sums down", worst(.sumsDown, 4)),
    ("sums up", worst(.sumsUp, -4)),
  ]

  /// The worst that the model of arithmetic allows in one direction.
  private static func worst(_ rounding: Rounding, _ ulps: Double) -> Machine {
    Machine {
      ($0.rounding, $0.division, $0.usesPowersOfTwo) = (rounding, .newton, true)
      $0.library = Library(first: ulps, second: ulps)
    }
  }
}
