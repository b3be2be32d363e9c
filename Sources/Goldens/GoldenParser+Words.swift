import TraceFormat

extension GoldenParser {
  /// The value of a field; nil where the text is none.
  static func value(_ text: Substring) -> HeaderValue? {
    if text.hasPrefix("\"") { return unquotedText(text).map { .text($0) } }
    if let integer = Int64(text) { return .integer(integer) }
    let characters = Set("0123456789+-.einfa".utf8)
    guard text.utf8.allSatisfy(characters.contains), let real = Double(text) else { return nil }
    return .real(real)
  }

  /// What a field's value must be, by the letter of its type.
  static func describe(type: UInt8) -> String {
    switch type {
    case UInt8(ascii: "i"): "an integer"
    case UInt8(ascii: "r"): "a real number with a point or an exponent"
    default: "text in double quotes"
    }
  }

  /// Takes `POSITION before`, `POSITION layer N` or `POSITION after`.
  static func takePlace(_ parts: inout ArraySlice<Substring>) -> GoldenPlace? {
    guard let position = parts.popFirst().flatMap({ index($0) }),
      let scope = parts.popFirst().flatMap({ Site.Scope(rawValue: String($0)) })
    else { return nil }
    guard scope == .layer else { return GoldenPlace(position: position, scope: scope, layer: nil) }
    guard let layer = parts.popFirst().flatMap({ index($0) }) else { return nil }
    return GoldenPlace(position: position, scope: scope, layer: layer)
  }

  /// A position, layer or token: up to 2^31 - 1.
  static func index(_ text: Substring) -> Int? {
    decimalNumber(text).flatMap { $0 <= Int(Int32.max) ? $0 : nil }
  }

  /// A dtype by its name.
  static func type(_ name: Substring) -> ElementType? { ElementType.allCases.first { $0.name == name } }

  /// Whether a word is a digest: 16 hexadecimal digits.
  static func isDigest(_ text: Substring) -> Bool {
    text.utf8.count == 16
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// The digest in a line, which is its first word of that form.
  static func digest(in line: String) -> Substring { splitWords(Substring(line)).first(where: isDigest) ?? "" }
}

extension HeaderValue {
  /// The letter of its type in a trace.
  var type: UInt8 {
    switch self {
    case .integer: UInt8(ascii: "i")
    case .real: UInt8(ascii: "r")
    case .text: UInt8(ascii: "t")
    }
  }
}
