/// Quantities as people read them in summaries.
package enum Quantity {
  /// A number that is not negative, with three significant digits and never an exponent: `1234`, `56.7`, `0.0213`.
  package static func rounded(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "\(value)" }
    var decimals = 2
    var scale = value
    while scale >= 10, decimals > 0 {
      scale /= 10
      decimals -= 1
    }
    while scale < 1, scale > 0, decimals < 12 {
      scale *= 10
      decimals += 1
    }
    let power = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
    let units = Int((value * power).rounded())
    let digits = String(units)
    guard decimals > 0, units > 0 else { return units > 0 ? digits : "0" }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    var text = "\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
    while text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  /// A number of bytes: `576 bytes`, `12.3 kB`, `1.46 MB`.
  package static func size(_ byteCount: Int) -> String {
    guard byteCount >= 1000 else { return "\(byteCount) bytes" }
    var value = Double(byteCount) / 1000
    var unit = 0
    let units = ["kB", "MB", "GB", "TB"]
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return "\(rounded(value)) \(units[unit])"
  }
}
