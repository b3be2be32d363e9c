import TraceFormat

/// An array of tokens' ids or positions.
struct TokenArray {
  private let archive: TensorArchive
  private let array: StoredArray
  private let reading: ArrayReading

  /// An array whose axes are known.
  init(_ archive: TensorArchive, _ array: StoredArray, _ reading: ArrayReading) {
    self.archive = archive
    self.array = array
    self.reading = reading
  }

  /// The numbers along the axis of positions; one where there is no such axis.
  ///
  /// - Throws: also where one is negative or above 2^31 - 1.
  func values() throws(ArchiveError) -> [Int] {
    let layout: ArrayLayout
    do throws(ArchiveRule) { layout = try array.layout.get() } catch { throw archive.error(array, error) }
    let type = layout.type
    guard type.isInteger else {
      throw archive.error(
        array, .unsupportedType(type.rawValue, remedy: "tokens are integers; save array.astype(numpy.int64)"))
    }
    let axes: StoredAxes
    do throws(ArchiveRule) {
      axes = try StoredAxes(layout, reading.axes ?? [.position], batch: reading.batch)
    } catch { throw archive.error(array, error) }
    let positions = axes[.position] ?? StrideAxis(1, 0)
    let file = archive.files[array.file]
    try file.verify(array)
    return try file.withBytes { (bytes) throws(ArchiveError) in
      let numbers = bytes.extracting(array.elements)
      var values: [Int] = []
      for index in 0..<positions.count {
        let offset = (axes.base + index * positions.stride) * type.size
        guard let value = type.loadInteger(numbers, at: offset), (0...Int(Int32.max)).contains(value) else {
          throw archive.error(
            array, .invalid("token \(index)", expected: "a number from 0 to 2^31 - 1", found: "another"))
        }
        values.append(value)
      }
      return values
    }
  }
}
