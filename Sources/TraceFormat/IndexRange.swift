/// A range of layers or positions as a user writes it: `A..B`, `A`, `A..` or `..B`, both ends included.
public struct IndexRange: Hashable, Sendable {
  /// The first index.
  public var first: Int
  /// The last index; nil where the range is open.
  public var last: Int?

  /// A range; nil when it is empty.
  public init?(first: Int = 0, last: Int? = nil) {
    guard first >= 0, last.map({ $0 >= first }) ?? true else { return nil }
    self.first = first
    self.last = last
  }

  /// Reads `A..B`, `A`, `A..` or `..B`; nil when the text is none of these.
  public init?(parsing text: String) {
    func number(_ digits: Substring) -> Int? {
      guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      return Int(digits)
    }
    guard let dots = text.firstRange(of: "..") else {
      guard let index = number(text[...]) else { return nil }
      self.init(first: index, last: index)
      return
    }
    let lower = text[..<dots.lowerBound]
    let upper = text[dots.upperBound...]
    guard !(lower.isEmpty && upper.isEmpty) else { return nil }
    guard let first = lower.isEmpty ? 0 : number(lower) else { return nil }
    if upper.isEmpty {
      self.init(first: first)
    } else {
      guard let last = number(upper) else { return nil }
      self.init(first: first, last: last)
    }
  }

  /// Whether an index lies in the range.
  public func contains(_ index: Int) -> Bool { index >= first && last.map { index <= $0 } ?? true }

  /// The range as it stands for a number of indices; nil when a bound lies outside `0..<count`.
  public func resolved(count: Int) -> ClosedRange<Int>? {
    let end = last ?? count - 1
    return first <= end && end < count ? first...end : nil
  }
}
