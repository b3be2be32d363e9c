/// The candidate that a misspelt name was probably meant to be; nil when none is near.
package func nearest(to name: String, among candidates: [String]) -> String? {
  let limit = name.utf8.count <= 4 ? 1 : 2
  let ranked = candidates.map { (candidate: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
  return ranked.filter { $0.distance <= limit }.min { $0.distance < $1.distance }?.candidate
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one text to the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var rows = [Array(0...right.count)]
  for i in 0..<left.count {
    var row = [i + 1]
    for j in 0..<right.count {
      var best = min(rows[i][j] + (left[i] == right[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[left.count][right.count]
}
