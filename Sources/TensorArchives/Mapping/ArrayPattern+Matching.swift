extension ArrayPattern {
  /// Matches a whole name; nil where it does not fit.
  ///
  /// - Complexity: O(length of the pattern times length of the name).
  package func match(_ name: some StringProtocol) -> Captures? {
    let name = Array(name.unicodeScalars)
    guard begins(name) else { return nil }
    let fits = suffixes(of: name)
    guard fits[0][0] else { return nil }
    var captures = Captures()
    var place = 0
    for (index, item) in items.enumerated() {
      let end = end(of: item, at: place, name, next: fits[index + 1])
      switch item {
      case .layer: captures.layer = Self.number(name[place..<end])
      case .position: captures.position = Self.number(name[place..<end])
      case .site: captures.site = Self.text(name[place..<end])
      case .literal, .anyOne, .anyRun: break
      }
      place = end
    }
    return captures
  }

  /// Whether a name begins as the pattern does, up to its first wildcard. Most names differ there from most patterns.
  private func begins(_ name: [UnicodeScalar]) -> Bool {
    for (index, item) in items.enumerated() {
      guard case .literal(let scalar) = item else { return true }
      guard index < name.count, name[index] == scalar else { return false }
    }
    return true
  }

  /// By item and place in the name: whether the rest of the pattern matches the rest of the name.
  private func suffixes(of name: [UnicodeScalar]) -> [[Bool]] {
    var fits = [[Bool]](repeating: [Bool](repeating: false, count: name.count + 1), count: items.count + 1)
    fits[items.count][name.count] = true
    for index in items.indices.reversed() {
      let next = fits[index + 1]
      // Whether a run that began before may go on at the place.
      var goesOn = false
      for place in (0...name.count).reversed() {
        let after = place < name.count && next[place + 1]
        switch items[index] {
        case .literal(let scalar): fits[index][place] = after && name[place] == scalar
        case .anyOne: fits[index][place] = after
        case .anyRun:
          goesOn = goesOn || next[place]
          fits[index][place] = goesOn
        case .site:
          goesOn = goesOn || after
          fits[index][place] = goesOn
        case .layer, .position:
          goesOn = place < name.count && Self.isDigit(name[place]) && (goesOn || after)
          fits[index][place] = goesOn
        }
      }
    }
    return fits
  }

  /// Where an item ends that begins at a place.
  ///
  /// - Parameter next: where the items behind it can begin.
  private func end(of item: Item, at place: Int, _ name: [UnicodeScalar], next: [Bool]) -> Int {
    switch item {
    case .literal, .anyOne: return place + 1
    case .anyRun: return (place...name.count).first { next[$0] } ?? place
    case .site: return ((place + 1)...name.count).first { next[$0] } ?? place
    case .layer, .position:
      let digits = name[place...].prefix(while: Self.isDigit).endIndex
      return ((place + 1)...digits).last { next[$0] } ?? place
    }
  }

  private static func isDigit(_ scalar: UnicodeScalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func number(_ digits: ArraySlice<UnicodeScalar>) -> Int { Int(text(digits)) ?? .max }

  private static func text(_ scalars: ArraySlice<UnicodeScalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }
}
