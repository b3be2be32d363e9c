public import TraceFormat

/// One record that differs, with what a reader needs to find the place.
public struct Finding: Equatable, Sendable {
  /// Which record.
  public var key: RecordKey
  /// Its shape.
  public var shape: TensorShape
  /// Format of the expected record.
  public var expectedType: ElementType
  /// Format of the actual record.
  public var actualType: ElementType
  /// How it differs.
  public var comparison: RecordComparison
  /// The input token of its position, where one of the traces knows it.
  public var token: TraceToken?
  /// Elements per head, where a header tells.
  public var headSize: Int?

  /// The worst element's coordinates in the record's own shape; empty when no element differs.
  public var index: [Int] { comparison.worst.map { shape.coordinates(of: $0.index) } ?? [] }

  /// The head of the worst element, where the site is made of heads.
  public var head: Int? {
    guard let worst = comparison.worst, let site = key.name.site else { return nil }
    if site.shape == .headsByPositions { return shape.rank == 2 ? index[0] : nil }
    guard site.isSplitIntoHeads, let headSize, headSize > 0 else { return nil }
    return worst.index / headSize
  }

  /// The worst element's place in its head: the element, or for attention the position attended to.
  public var headElement: Int? {
    guard head != nil, let worst = comparison.worst else { return nil }
    if key.name.site?.shape == .headsByPositions { return index[1] }
    return headSize.map { worst.index % $0 }
  }
}

extension TraceHeader {
  /// Elements per head, where the header tells.
  package var headSize: Int? {
    guard let dim = self[integer: .dim], let heads = self[integer: .headCount], heads > 0, dim % heads == 0 else {
      return nil
    }
    return dim / heads
  }
}
