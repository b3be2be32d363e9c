import TraceFormat
import TraceSources

/// Which steps a trace holds, and at how many positions of a block.
struct RecordedSteps {
  /// Steps that were recorded at some position.
  private(set) var anywhere: Set<Step> = []
  /// One more than the last position that can be replayed.
  private(set) var positionCount = 0
  /// The blocks that hold a record or a token, ascending.
  private(set) var blocks: [Range<Int>] = []
  /// The first record beyond the model's context; nil where there is none.
  private(set) var firstBeyond: RecordKey?
  private let tensors: RecordedTensors
  /// The place in the order of execution of each position's first record.
  private var starts: [Int: Int] = [:]

  /// - Parameters:
  ///   - context: the model's; what is recorded beyond it cannot be replayed.
  ///   - blockSize: positions of a block.
  init(_ tensors: RecordedTensors, context: Int, blockSize: Int) {
    self.tensors = tensors
    var used = Set(tensors.trace.tokens.keys.filter { $0 < context }.map { $0 / blockSize })
    for place in 0..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      if starts[key.position] == nil { starts[key.position] = place }
      guard let site = key.name.site else { continue }
      guard key.position < context else {
        firstBeyond = firstBeyond ?? key
        continue
      }
      anywhere.insert(Step(site: site, layer: key.layer))
      positionCount = max(positionCount, key.position + 1)
      used.insert(key.position / blockSize)
    }
    // Tokens may go on behind the last record.
    let end = positionCount
    blocks = used.sorted().map { $0 * blockSize }.filter { $0 < end }.map { $0..<min($0 + blockSize, end) }
  }

  /// At how many positions of a block each step was recorded.
  func block(_ positions: Range<Int>) -> [Step: Int] {
    var counts: [Step: Int] = [:]
    guard let first = positions.compactMap({ starts[$0] }).first else { return counts }
    for place in first..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      guard positions.contains(key.position) else { break }
      if let site = key.name.site { counts[Step(site: site, layer: key.layer), default: 0] += 1 }
    }
    return counts
  }
}
