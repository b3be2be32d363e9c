import JSONText
import TraceComparison

/// A drift history: one JSON object per line, a line per commit, the oldest first.
package struct DriftHistory: Sendable {
  /// The entries in the order of the file.
  package private(set) var entries: [DriftEntry] = []
  /// Each entry's own bytes, so that adding one leaves the others as they are.
  private var lines: [[UInt8]] = []

  /// A history without commits.
  package init() {}

  /// Reads a history; empty lines at its end are passed over.
  package init(_ bytes: [UInt8]) throws(DriftError) {
    var parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    while let last = parts.last, last.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { parts.removeLast() }
    var known: [String: Int] = [:]
    for (index, part) in parts.enumerated() {
      let entry = try DriftEntry(part, line: index + 1)
      if let other = known[entry.commit] { throw .repeatedCommit(entry.commit, line: index + 1, other: other) }
      known[entry.commit] = index + 1
      entries.append(entry)
      lines.append(Array(part))
    }
  }

  /// Adds an entry at the end, or puts it where the commit's line is.
  ///
  /// - Parameter replacing: whether a commit may have a line already.
  package mutating func append(_ entry: DriftEntry, replacing: Bool) throws(DriftError) {
    let line = Array(entry.json.text.utf8)
    guard let place = entries.firstIndex(where: { $0.commit == entry.commit }) else {
      entries.append(entry)
      lines.append(line)
      return
    }
    try requireUnknown(entry.commit, unless: replacing)
    entries[place] = entry
    lines[place] = line
  }

  /// Checks that a commit has no line yet, unless it may have one.
  package func requireUnknown(_ commit: String, unless isReplacing: Bool) throws(DriftError) {
    guard !isReplacing, let place = entries.firstIndex(where: { $0.commit == commit }) else { return }
    throw .commitIsKnown(commit, line: place + 1)
  }

  /// The file.
  package var bytes: [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }
}
