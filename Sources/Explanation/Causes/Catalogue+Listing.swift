import TraceFormat

/// The catalogue of causes, for people.
package enum CauseListing {
  /// One line per cause: its id, the operations at which it can occur, and the mistake.
  package static var text: String {
    var lines: [(id: String, kinds: [String], title: String)] = []
    for cause in Catalogue.all {
      let kinds = SiteOperation.Kind.allCases.filter(cause.kinds.contains).map(\.rawValue)
      if let place = lines.firstIndex(where: { $0.id == cause.id && $0.title == cause.title }) {
        lines[place].kinds += kinds.filter { !lines[place].kinds.contains($0) }
      } else {
        lines.append((cause.id, kinds, cause.title))
      }
    }
    return lines.map { line in
      let id = line.id + String(repeating: " ", count: max(2, 32 - line.id.count))
      return "\(id)\(line.title) (\(line.kinds.joined(separator: ", ")))\n"
    }.joined()
  }
}
