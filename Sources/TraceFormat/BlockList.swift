/// A list that grows by blocks, so that growing never copies what it holds.
struct BlockList<Element> {
  private(set) var blocks: [[Element]] = []
  private(set) var count = 0
  private let blockCapacity = 4096

  mutating func append(_ element: Element) {
    if count % blockCapacity == 0 {
      blocks.append([])
      blocks[blocks.count - 1].reserveCapacity(blockCapacity)
    }
    blocks[blocks.count - 1].append(element)
    count += 1
  }
}
