/// How the elements of an array lie in a file.
package struct ArrayLayout: Hashable, Sendable {
  /// The format of the elements.
  package let type: ArrayType
  /// Length of each axis.
  package let shape: [Int]
  /// Distance of neighbours along each axis, in elements.
  package let strides: [Int]
  /// Number of elements.
  package let elementCount: Int
  /// Number of bytes.
  package let byteCount: Int

  /// A layout without gaps; nil when its size overflows or a length is negative. Lengths of zero are no excuse for the
  /// others: any product of lengths can be taken without a check.
  ///
  /// - Parameter isFortranOrder: whether the first axis varies fastest instead of the last.
  package init?(type: ArrayType, shape: [Int], isFortranOrder: Bool = false) {
    var strides = [Int](repeating: 0, count: shape.count)
    var count = 1
    for axis in isFortranOrder ? Array(shape.indices) : shape.indices.reversed() {
      guard shape[axis] >= 0 else { return nil }
      strides[axis] = count
      let (product, overflow) = count.multipliedReportingOverflow(by: max(1, shape[axis]))
      guard !overflow else { return nil }
      count = product
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: type.size)
    guard !overflow else { return nil }
    self.type = type
    self.shape = shape
    self.strides = strides
    elementCount = shape.contains(0) ? 0 : count
    byteCount = shape.contains(0) ? 0 : bytes
  }
}

extension ArrayLayout: CustomStringConvertible {
  /// As `float32 2 x 3`.
  package var description: String {
    let lengths = shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: " x ")
    return "\(type.rawValue) \(lengths)"
  }
}
