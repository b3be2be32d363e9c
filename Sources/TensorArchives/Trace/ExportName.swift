package import TraceFormat

/// The names of exported arrays: `SITE/layerL/posP`, or `SITE/posP` outside the layers.
///
/// In names outside the table `%`, `/`, `\` and a leading point stand as `%25`, `%2F`, `%5C` and `%2E`, so that every
/// name can be told apart and none leads out of a folder.
package enum ExportName {
  /// The array of the tokens' ids.
  package static let tokens = "tokens"
  /// The array of the tokens' positions.
  package static let positions = "positions"

  /// The name of a record's array.
  package static func name(of key: RecordKey) -> String {
    let layer = key.layer.map { "/layer\($0)" } ?? ""
    return "\(escaped(key.name))\(layer)/pos\(key.position)"
  }

  private static func escaped(_ name: TensorName) -> String {
    guard case .other(let text) = name else { return name.text }
    var result = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      let isSpecial = "%/\\".unicodeScalars.contains(scalar) || (index == 0 && scalar == ".")
      if isSpecial {
        result += "%" + String(scalar.value, radix: 16, uppercase: true)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// What a name is about; nil where it is none of ours.
  package static func key(of name: Substring) -> RecordKey? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), let last = parts.last, let position = number(last, after: "pos"),
      let text = unescaped(parts[0]), TensorName.isValid(Array(text.utf8))
    else { return nil }
    guard parts.count == 3 else { return RecordKey(TensorName(text), layer: nil, position: position) }
    guard let layer = number(parts[1], after: "layer"), layer < Int(Int32.max) else { return nil }
    return RecordKey(TensorName(text), layer: layer, position: position)
  }

  private static func number(_ part: Substring, after word: String) -> Int? {
    guard part.hasPrefix(word) else { return nil }
    let digits = part.dropFirst(word.count)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(digits).flatMap { $0 <= Int(Int32.max) ? $0 : nil }
  }

  private static func unescaped(_ text: Substring) -> String? {
    let parts = text.split(separator: "%", omittingEmptySubsequences: false)
    var result = String(parts[0])
    for part in parts.dropFirst() {
      guard let scalar = ["25": "%", "2F": "/", "5C": "\\", "2E": "."][part.prefix(2)] else { return nil }
      result += scalar + part.dropFirst(2)
    }
    return result
  }
}
