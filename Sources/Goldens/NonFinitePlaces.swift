/// Where NaN and infinities stand in a record, without the bits of NaN: two records have the same number and hash if
/// the same places hold NaN, +infinity and -infinity, and otherwise have not, but for a chance of 2^-48.
struct NonFinitePlaces: Equatable, Sendable {
  /// How many elements are NaN or infinite; counted up to 2^24 - 1.
  private(set) var count = 0
  private var sum: UInt64 = 0

  /// The greatest count that is told.
  static let greatestCount = 1 << 24 - 1

  /// No such elements.
  init() {}

  /// Those of a sketch.
  init(count: Int, hash: UInt64) { (self.count, sum) = (count, hash) }

  /// 48 bits.
  var hash: UInt64 { sum & (1 << 48 - 1) }

  static func == (left: Self, right: Self) -> Bool { left.count == right.count && left.hash == right.hash }

  /// Takes an element.
  mutating func add(_ value: Double, at index: Int) {
    let kind: UInt64 = value.isNaN ? 1 : value > 0 ? 2 : 3
    var bits = (UInt64(index) &* 4 &+ kind) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    sum &+= bits ^ (bits >> 31)
    count = min(count + 1, Self.greatestCount)
  }
}
