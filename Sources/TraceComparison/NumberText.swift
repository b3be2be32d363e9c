package import TraceFormat

/// Numbers as reports print them.
package enum NumberText {
  /// The shortest text that reads back as the same float64, without `.0`.
  package static func plain(_ value: Double) -> String {
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// The shortest text of a number that may have been rounded to float32, as options are: then it reads back as the
  /// same float32.
  package static func shortest(_ value: Double) -> String {
    guard Double(Float(value)) == value else { return plain(value) }
    let text = Float(value).description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// The shortest text that reads back as the same number of a format.
  package static func exact(_ value: Double, _ type: ElementType) -> String {
    switch type {
    case .float32: return Float(value).description
    case .float64: return value.description
    case .int8: return value.isFinite ? String(Int(value)) : value.description
    case .float16, .bfloat16:
      guard value.isFinite else { return value.description }
      let texts = (1...8).lazy.map { rounded(value, digits: $0) }
      return texts.first { Double($0).map { type.order(of: $0) } == type.order(of: value) } ?? value.description
    }
  }

  /// A number with a few significant digits, as `1.3e-05`, `0.0123` or `456`.
  ///
  /// - Parameter up: round away from zero, so that a limit that passes still passes as printed.
  package static func rounded(_ value: Double, digits: Int, up: Bool = false) -> String {
    guard value.isFinite, value != 0 else {
      return value == 0 ? (value.sign == .minus ? "-0" : "0") : value.description
    }
    var (significand, exponent) = decimal(abs(value))
    if significand.count > digits {
      let rest = significand[digits...]
      let isUp = up ? rest.contains { $0 > 0 } : rest[digits] >= 5
      significand.removeLast(significand.count - digits)
      if isUp {
        var place = digits - 1
        while place >= 0, significand[place] == 9 {
          significand[place] = 0
          place -= 1
        }
        if place >= 0 {
          significand[place] += 1
        } else {
          significand.insert(1, at: 0)
          significand.removeLast()
          exponent += 1
        }
      }
    }
    while significand.count > 1, significand.last == 0 { significand.removeLast() }
    return (value < 0 ? "-" : "") + compose(significand, exponent)
  }

  /// The decimal digits of a positive number's shortest text, and the exponent of the first.
  private static func decimal(_ value: Double) -> (digits: [Int], exponent: Int) {
    let text = value.description
    let parts = text.split(separator: "e")
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    var digits = (mantissa[0] + (mantissa.count > 1 ? mantissa[1] : "")).compactMap(\.wholeNumberValue)
    exponent += mantissa[0].count - 1
    while digits.count > 1, digits.first == 0 {
      digits.removeFirst()
      exponent -= 1
    }
    return (digits, exponent)
  }

  private static func compose(_ digits: [Int], _ exponent: Int) -> String {
    let text = digits.map(String.init).joined()
    if exponent < -4 || exponent > 8 {
      let rest = text.dropFirst()
      let sign = exponent < 0 ? "-" : "+"
      return text.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e" + sign + (abs(exponent) < 10 ? "0" : "")
        + String(abs(exponent))
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + text }
    if text.count <= exponent + 1 { return text + String(repeating: "0", count: exponent + 1 - text.count) }
    return text.prefix(exponent + 1) + "." + text.dropFirst(exponent + 1)
  }
}
