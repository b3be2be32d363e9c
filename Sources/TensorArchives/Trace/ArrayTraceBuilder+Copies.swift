import TraceFormat

extension ArrayTraceBuilder {
  /// Two files, or two arrays of one file, that hold the same records.
  private struct Pair: Hashable {
    var first: Int32
    var second: Int32
  }

  /// What a pair holds alike: the first record, and how many.
  private typealias Doubles = (pair: Pair, key: RecordKey, count: Int)

  /// Keeps the first of all that are the same record, as a trace in several parts does: files may hold copies of one,
  /// which must be equal; in two arrays of one file it is a mistake.
  mutating func dropCopies() {
    var kept = 0
    var start = 0
    var differing: [Doubles] = []
    var doubled: [Doubles] = []
    for index in entries.indices {
      let entry = entries[index]
      guard kept > 0, entries[kept - 1].isSameRecord(as: entry) else {
        entries[kept] = entry
        kept += 1
        start = index
        continue
      }
      let first = entries[kept - 1]
      let key = RecordKey(names[Int(entry.name)], layer: entry.layer, position: Int(entry.position))
      // Those of the same record before it still stand where they were.
      if let other = entries[start..<index].first(where: { file(of: $0) == file(of: entry) }) {
        Self.count(key, Pair(first: array(of: other), second: array(of: entry)), in: &doubled)
      } else if isCopy(entry, of: first, key) {
        copyCount += 1
      } else {
        Self.count(key, Pair(first: file(of: first), second: file(of: entry)), in: &differing)
      }
    }
    entries.removeLast(entries.count - kept)
    for (pair, key, count) in doubled {
      let other = archive.arrays[Int(pair.first)].name
      takeProblem(archive.arrays[Int(pair.second)], .recordedTwice(key, count: count, other: other))
    }
    for (pair, key, count) in differing {
      let paths = [pair.first, pair.second].map { archive.files[Int($0)].path }
      problems.append(.copiesDiffer(key, more: count - 1, path: paths[0], otherPath: paths[1]))
    }
  }

  private static func count(_ key: RecordKey, _ pair: Pair, in list: inout [Doubles]) {
    if let known = list.lastIndex(where: { $0.pair == pair }) {
      list[known].count += 1
    } else {
      list.append((pair, key, 1))
    }
  }

  private func array(of entry: ArrayEntry) -> Int32 { blocks[Int(entry.block)].array }

  private func file(of entry: ArrayEntry) -> Int32 { Int32(archive.arrays[Int(array(of: entry))].file) }

  /// Whether a record is the same in type, shape and bytes as another. Only the other will be lent, after its checksum
  /// was verified, which then stands for both.
  private func isCopy(_ entry: ArrayEntry, of first: ArrayEntry, _ key: RecordKey) -> Bool {
    archive.lend(key, first, blocks[Int(first.block)]) { record in
      archive.lend(key, entry, blocks[Int(entry.block)]) { copy in
        record.elementType == copy.elementType && record.shape == copy.shape
          && record.payload.holdsSameBytes(as: copy.payload)
      }
    }
  }
}
