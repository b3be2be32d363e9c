import TraceFormat

extension ElementType {
  /// The distance of the representable numbers around a magnitude; 1 for int8.
  func unitInLastPlace(of magnitude: Double) -> Double {
    let (digits, least): (Int, Int) =
      switch self {
      case .int8: (0, 0)
      case .float16: (10, -14)
      case .bfloat16: (7, -126)
      case .float32: (23, -126)
      case .float64: (52, -1022)
      }
    if self == .int8 { return 1 }
    return scaled(1, by: max(Int(magnitude.exponent), least) - digits)
  }
}
