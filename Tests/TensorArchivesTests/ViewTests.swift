@testable import TensorArchives
import TestSupport
import Testing
import TraceFormat

/// Strided views against copies that are gathered element by element, for random layouts.
@Suite struct ViewTests {
  /// Axes in some order with their lengths, and an array of which every element tells its indices.
  private struct Sample {
    var axes: [ArrayAxis] = []
    var lengths: [Int] = []
    var isFortranOrder = false
    var batch = 0
    var rotates = false

    init(_ random: inout SplitMix) {
      var axes: [ArrayAxis] = [.layer, .position]
      if Bool.random(using: &random) { axes.append(.batch) }
      if Bool.random(using: &random) { axes.append(.one) }
      switch Int.random(in: 0..<4, using: &random) {
      case 0: axes.append(.feature)
      case 1: axes += [.head, .element]
      case 2: axes += [.head, .key]
      default: axes += [.element]
      }
      axes.shuffle(using: &random)
      isFortranOrder = Bool.random(using: &random)
      rotates = !axes.contains(.key) && Bool.random(using: &random)
      let positions = Int.random(in: 1...3, using: &random)
      lengths = axes.map { axis in
        switch axis {
        case .one: 1
        case .position: positions
        case .key: positions + Int.random(in: 0...2, using: &random)
        case .feature: 12
        case .element: 2 * Int.random(in: 1...3, using: &random)
        default: Int.random(in: 1...3, using: &random)
        }
      }
      self.axes = axes
      if let place = axes.firstIndex(of: .batch) { batch = Int.random(in: 0..<lengths[place], using: &random) }
    }

    func length(_ axis: ArrayAxis) -> Int { axes.firstIndex(of: axis).map { lengths[$0] } ?? 1 }

    /// The number of an element, from what its axes' indices are.
    func number(_ index: (ArrayAxis) -> Int) -> Float {
      var number = 0
      for (axis, length) in zip(axes, lengths) { number = number * length + index(axis) }
      return Float(number)
    }

    /// The elements in the order of the file.
    var elements: [Float] {
      let count = lengths.reduce(1, *)
      guard isFortranOrder else { return (0..<count).map(Float.init) }
      return (0..<count).map { place in
        var (rest, index) = (place, [Int](repeating: 0, count: lengths.count))
        for axis in lengths.indices {
          index[axis] = rest % lengths[axis]
          rest /= lengths[axis]
        }
        return zip(lengths, index).reduce(0) { $0 * Float($1.0) + Float($1.1) }
      }
    }

    /// A record, gathered element by element.
    func record(layer: Int, position: Int) -> [Float] {
      let (heads, features) = (length(.head), length(.feature) * length(.element))
      let keys = axes.contains(.key) ? position + 1 : 1
      // Features that are not split are heads of four elements.
      let size = axes.contains(.feature) ? 4 : features
      var values: [Float] = []
      for head in 0..<heads {
        for element in 0..<features {
          for key in 0..<keys {
            let within = element % size
            let stored = !rotates ? element : element - within + (within % 2) * (size / 2) + within / 2
            values.append(
              number { axis in
                switch axis {
                case .layer: layer
                case .position: position
                case .head: head
                case .feature, .element: stored
                case .key: key
                case .batch: batch
                case .one: 0
                }
              })
          }
        }
      }
      return values
    }
  }

  @Test func randomLayouts() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(seed: seed)
    for _ in 0..<300 {
      let sample = Sample(&random)
      let axes = sample.axes.map(\.rawValue).joined(separator: ",")
      let array = Samples.npy(sample.elements, sample.lengths, isFortranOrder: sample.isFortranOrder)
      // One byte of a name moves the array to any alignment.
      let name = String(repeating: "a", count: Int.random(in: 1...9, using: &random))
      var line = "tensor * -> mine axes=\(axes)"
      if sample.axes.contains(.batch) { line += " batch=\(sample.batch)" }
      if sample.rotates { line += sample.axes.contains(.feature) ? " rope=halves:4" : " rope=halves" }
      let trace = try Samples.trace(ZipSample([(name, array)]).bytes, line)
      for layer in 0..<sample.length(.layer) {
        for position in 0..<sample.length(.position) {
          let key = RecordKey(.other("mine"), layer: layer, position: position)
          let found = try trace.withRecord(key) { record in
            (0..<record.elementCount).map { Float(record.element($0)) }
          }
          #expect(found == sample.record(layer: layer, position: position), "\(line), seed \(seed)")
        }
      }
    }
  }

  /// Neighbouring axes are joined, so that what lies side by side is lent in place.
  @Test(
    arguments: [
      ([(3, 4), (4, 1)], true, 1), ([(3, 5), (4, 1)], false, 2), ([(1, 99), (4, 1)], true, 1), ([(4, 2)], false, 1),
      ([(2, 6), (3, 2), (2, 1)], true, 1), ([(2, 1), (2, 2)], false, 2), ([], true, 0), ([(1, 7)], true, 0),
      ([(0, 3), (2, 1)], true, 1),
    ] as [([(Int, Int)], Bool, Int)])
  func joinedAxes(axes: [(Int, Int)], isContiguous: Bool, count: Int) {
    let view = StridedView(start: 0, axes: axes.map { StrideAxis($0.0, $0.1) })
    #expect(view.isContiguous == isContiguous && view.axes.count <= max(count, 2))
    #expect(view.count == axes.reduce(1) { $0 * $1.0 })
  }

  /// What lies side by side and aligned is not copied: its address is in the mapped file.
  @Test func recordsAreLentInPlace() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Samples.npy((0..<8).map(Float.init), [2, 2, 2]), as: "h.npy")
    let archive = try TensorArchive(paths: [path])
    func addresses(_ axes: String) throws -> [Bool] {
      let mapping = try Samples.mapping("tensor h -> x.ffn_residual axes=\(axes)")
      let trace = try ArrayTrace(archive, mapping: mapping)
      let file = archive.files[0].withBytes { $0.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
      return try (0..<trace.recordCount).map { place in
        let address = try trace.withRecord(trace.key(at: place)) { record in
          record.payload.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        }
        return (file..<(file + 160)).contains(address ?? 0)
      }
    }
    #expect(try addresses("layer,position,feature") == [true, true, true, true])
    #expect(try addresses("position,layer,feature") == [true, true, true, true])
    #expect(try addresses("feature,position,layer") == [false, false, false, false])
  }
}
