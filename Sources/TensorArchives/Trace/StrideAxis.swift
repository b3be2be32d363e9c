/// An axis of a view: how many elements it counts, and how far apart they lie.
struct StrideAxis: Equatable, Sendable {
  /// Number of elements.
  var count: Int
  /// Distance of neighbours, in elements.
  var stride: Int

  /// An axis.
  init(_ count: Int, _ stride: Int) {
    self.count = count
    self.stride = stride
  }
}
