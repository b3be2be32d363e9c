/// What files are called where several are read.
enum ArchiveLabels {
  /// A name for each path: its last part without the extension of an archive. Where that leaves several equal, as many
  /// of the folders before it as tell them apart; where there are no more of these, the extension too.
  ///
  /// - Complexity: O(n d) for n paths with d folders each.
  static func distinct(_ paths: [String]) -> [String] {
    let parts = paths.map { path in
      let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
      return path.hasPrefix("/") ? [""] + parts : parts
    }
    var counts = [Int](repeating: 1, count: paths.count)
    var keepsExtension = [Bool](repeating: false, count: paths.count)
    func label(_ number: Int) -> String {
      let folders = parts[number].dropLast().suffix(counts[number] - 1)
      let last = parts[number].last ?? ""
      return (folders + [keepsExtension[number] ? last : stem(of: last)]).joined(separator: "/")
    }
    while true {
      var groups: [[UInt8]: [Int]] = [:]
      for number in paths.indices { groups[Array(label(number).utf8), default: []].append(number) }
      let equal = groups.values.filter { $0.count > 1 }.flatMap { $0 }
      let extensible = equal.filter { counts[$0] < parts[$0].count }
      let bare = equal.filter { !keepsExtension[$0] }
      if !extensible.isEmpty {
        for number in extensible { counts[number] += 1 }
      } else if !bare.isEmpty {
        for number in bare { keepsExtension[number] = true }
      } else {
        return paths.indices.map(label)
      }
    }
  }

  /// A file's name without the extension of an archive.
  static func stem(of name: String) -> String {
    guard let kind = ArchiveKind(path: name), name != kind.rawValue else { return name }
    return String(name.dropLast(kind.rawValue.count))
  }
}
