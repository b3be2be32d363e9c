/// Pairs of tokens that can be merged: the one with the highest score comes first, of equal scores the first in the
/// text.
struct MergeQueue {
  struct Entry {
    var score: Float
    /// Place of the left token.
    var index: Int
    /// What the two make.
    var token: Int

    func precedes(_ other: Entry) -> Bool { score != other.score ? score > other.score : index < other.index }
  }

  /// A heap: no entry precedes its parent, which stands at (i - 1) / 2.
  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var place = entries.count - 1
    while place > 0, entries[place].precedes(entries[(place - 1) / 2]) {
      entries.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func pop() -> Entry? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var place = 0
    while true {
      let children = [2 * place + 1, 2 * place + 2].filter { $0 < entries.count }
      guard let best = children.min(by: { entries[$0].precedes(entries[$1]) }), entries[best].precedes(entries[place])
      else { return first }
      entries.swapAt(place, best)
      place = best
    }
  }
}
