/// Bytes as text that stays on one line and hides nothing: control and format characters are escaped, and bytes that
/// are not UTF-8 stand as `\xHH`.
///
/// - Parameter quoted: whether the text will stand between double quotes; then these and backslashes are escaped too.
package func visibleText(_ bytes: some Sequence<UInt8>, quoted: Bool = false) -> String {
  let bytes = Array(bytes)
  var result = ""
  var parser = Unicode.UTF8.ForwardParser()
  var iterator = bytes.makeIterator()
  var offset = 0
  while true {
    switch parser.parseScalar(from: &iterator) {
    case .emptyInput: return result
    case .valid(let encoded):
      offset += encoded.count
      result += visibleScalar(Unicode.UTF8.decode(encoded), quoted: quoted)
    case .error(let length):
      for byte in bytes[offset..<(offset + length)] { result += "\\x" + hexadecimal(UInt32(byte)) }
      offset += length
    }
  }
}

private func visibleScalar(_ scalar: Unicode.Scalar, quoted: Bool) -> String {
  switch scalar {
  case "\n": return "\\n"
  case "\r": return "\\r"
  case "\t": return "\\t"
  case "\"", "\\": return quoted ? "\\" + String(scalar) : String(scalar)
  default: break
  }
  switch scalar.properties.generalCategory {
  case .control where scalar.value < 0x80: return "\\x" + hexadecimal(scalar.value)
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
    return "\\u{" + String(scalar.value, radix: 16) + "}"
  default: return String(scalar)
  }
}

/// At least two hexadecimal digits.
private func hexadecimal(_ value: UInt32) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
