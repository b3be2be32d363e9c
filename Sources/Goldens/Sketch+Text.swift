extension Sketch {
  /// Number of characters.
  static let textLength = 38

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  /// By character: its six bits; 64 for characters outside the alphabet.
  private static let bits: [UInt8] = {
    var bits = [UInt8](repeating: 64, count: 256)
    for (number, character) in alphabet.enumerated() { bits[Int(character)] = UInt8(number) }
    return bits
  }()

  /// The sketch as text: six bits to a character, in base64's alphabet, high bits first. 64 bits of fingerprint, one
  /// each for NaN or infinity and for coarse steps, 18 of scale, six times 24 of values.
  var text: String {
    var sixes: [UInt8] = []
    sixes.reserveCapacity(Self.textLength)
    for shift in stride(from: 58, through: 4, by: -6) { sixes.append(UInt8(fingerprint >> UInt64(shift) & 63)) }
    let flags = (isNonFinite ? 2 : 0) | (isCoarse ? 1 : 0) as UInt8
    sixes.append(UInt8(fingerprint & 15) << 2 | flags)
    for shift in stride(from: 12, through: 0, by: -6) { sixes.append(UInt8(scale.bits >> UInt32(shift) & 63)) }
    for i in 0..<SketchWeights.projectionCount {
      let value = Self.unsigned(values[i])
      for shift in stride(from: 18, through: 0, by: -6) { sixes.append(UInt8(value >> UInt32(shift) & 63)) }
    }
    return String(decoding: sixes.map { Self.alphabet[Int($0)] }, as: UTF8.self)
  }

  /// Reads a sketch; nil where the text is none.
  init?(_ text: some StringProtocol) {
    let sixes = text.utf8.map { Self.bits[Int($0)] }
    guard sixes.count == Self.textLength, sixes.allSatisfy({ $0 < 64 }) else { return nil }
    func number(_ range: Range<Int>) -> UInt64 { sixes[range].reduce(0) { $0 << 6 | UInt64($1) } }
    let scale = SketchScale(bits: UInt32(number(11..<14)))
    guard scale.isValid else { return nil }
    var values = SIMD8<Int32>(repeating: 0)
    for i in 0..<SketchWeights.projectionCount {
      let start = 14 + 4 * i
      values[i] = Self.signed(UInt32(number(start..<(start + 4))))
    }
    self.init(
      fingerprint: number(0..<10) << 4 | number(10..<11) >> 2, scale: scale, isNonFinite: sixes[10] & 2 != 0,
      isCoarse: sixes[10] & 1 != 0, values: values)
  }
}
