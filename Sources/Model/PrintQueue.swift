/// The texts of a run that wait until their positions are settled: text that was printed acknowledges its position.
struct PrintQueue {
  private var waiting: [(position: Int, text: [UInt8])] = []

  /// Adds the text that follows a position.
  mutating func add(_ text: [UInt8], after position: Int) { waiting.append((position, text)) }

  /// Prints what follows positions below the given one.
  mutating func print(settled positions: Int, _ print: ([UInt8]) -> Void) {
    let count = waiting.prefix { $0.position < positions }.count
    for (_, text) in waiting.prefix(count) { print(text) }
    waiting.removeFirst(count)
  }
}
