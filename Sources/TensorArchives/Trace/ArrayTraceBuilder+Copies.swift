import TraceFormat

extension ArrayTraceBuilder {
  /// Keeps the first of all that are the same record, as a trace in several parts does: files may hold copies of one,
  /// which must be equal; in two arrays of one file it is a mistake.
  mutating func dropCopies() {
    var kept = 0
    // Of the record that was kept last, once there is a second one: by file, the first array that gives it.
    var givers: [Int32: Int32] = [:]
    var (differing, doubled) = (SharedRecords(), SharedRecords())
    for index in entries.indices {
      let entry = entries[index]
      guard kept > 0, entries[kept - 1].isSameRecord(as: entry) else {
        entries[kept] = entry
        kept += 1
        givers.removeAll()
        continue
      }
      let first = entries[kept - 1]
      let key = RecordKey(names[Int(entry.name)], layer: entry.layer, position: Int(entry.position))
      if givers.isEmpty { givers[file(of: first)] = array(of: first) }
      if let giver = givers[file(of: entry)] {
        doubled.add(key, by: giver, array(of: entry))
        continue
      }
      givers[file(of: entry)] = array(of: entry)
      if isCopy(entry, of: first, key) {
        copyCount += 1
      } else {
        differing.add(key, by: file(of: first), file(of: entry))
      }
    }
    entries.removeLast(entries.count - kept)
    for shared in doubled.list {
      let rule = ArchiveRule.recordedTwice(
        shared.key, count: shared.count, other: archive.arrays[Int(shared.first)].name)
      takeProblem(archive.arrays[Int(shared.second)], rule)
    }
    for shared in differing.list {
      let (path, other) = (archive.files[Int(shared.first)].path, archive.files[Int(shared.second)].path)
      problems.append(.copiesDiffer(shared.key, more: shared.count - 1, path: path, otherPath: other))
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

/// Records that two files, or two arrays of one file, both give.
private struct SharedRecords {
  /// What a pair shares: the first record, and how many.
  private(set) var list: [(first: Int32, second: Int32, key: RecordKey, count: Int)] = []
  /// By pair: its place in the list.
  private var places: [[Int32]: Int] = [:]

  mutating func add(_ key: RecordKey, by first: Int32, _ second: Int32) {
    if let place = places[[first, second]] {
      list[place].count += 1
    } else {
      places[[first, second]] = list.count
      list.append((first, second, key, 1))
    }
  }
}
