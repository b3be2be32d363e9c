/// Bytes between double quotes, as a golden holds them: the same text on every platform, one line, and the bytes can be
/// read back.
///
/// Printable ASCII and the letters of common scripts stand as they are; everything else is escaped byte by byte, as
/// `\n`, `\r`, `\t`, `\"`, `\\` or `\xHH`.
func quotedText(_ bytes: [UInt8]) -> String {
  var result = "\""
  var offset = 0
  var parser = Unicode.UTF8.ForwardParser()
  var iterator = bytes.makeIterator()
  while true {
    switch parser.parseScalar(from: &iterator) {
    case .emptyInput: return result + "\""
    case .valid(let encoded):
      let scalar = Unicode.UTF8.decode(encoded)
      if isPlain(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        for byte in encoded { result += escaped(byte) }
      }
      offset += encoded.count
    case .error(let length):
      for byte in bytes[offset..<(offset + length)] { result += escaped(byte) }
      offset += length
    }
  }
}

/// Letters that are shown as they are: none that is invisible, changes the direction of writing, or was ever
/// unassigned.
private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x22, 0x5C: false
  case 0x20...0x7E, 0xA1...0xAC, 0xAE...0x24F: true
  case 0x391...0x3A1, 0x3A3...0x3CE, 0x400...0x45F: true
  case 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FA5, 0xAC00...0xD7A3: true
  default: false
  }
}

private func escaped(_ byte: UInt8) -> String {
  switch byte {
  case 0x0A: return "\\n"
  case 0x0D: return "\\r"
  case 0x09: return "\\t"
  case 0x22: return "\\\""
  case 0x5C: return "\\\\"
  default:
    let digits = String(byte, radix: 16)
    return "\\x" + (byte < 16 ? "0" : "") + digits
  }
}

/// The bytes of a text between double quotes; nil where it is none.
func unquotedText(_ text: some StringProtocol) -> [UInt8]? {
  let bytes = Array(text.utf8)
  guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return nil }
  var result: [UInt8] = []
  var rest = bytes[1..<(bytes.count - 1)]
  while let byte = rest.popFirst() {
    guard byte != UInt8(ascii: "\"") else { return nil }
    guard byte == UInt8(ascii: "\\") else {
      result.append(byte)
      continue
    }
    switch rest.popFirst() {
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "\""): result.append(0x22)
    case UInt8(ascii: "\\"): result.append(0x5C)
    case UInt8(ascii: "x"):
      guard let high = rest.popFirst().flatMap({ hexadecimalDigit($0) }),
        let low = rest.popFirst().flatMap({ hexadecimalDigit($0) })
      else { return nil }
      result.append(high << 4 | low)
    default: return nil
    }
  }
  return result
}

private func hexadecimalDigit(_ character: UInt8) -> UInt8? {
  switch character {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
  default: nil
  }
}
