package import VectorKernels

extension VectorUnit {
  /// Every unit, whether or not this processor has it.
  package static let all: [VectorUnit] = [.baseline, .avx2, .avx512]

  /// The units that this processor has. The others are named once, on standard output, as skipped.
  package static let available: [VectorUnit] = {
    for unit in all where !vector_unit_is_available(unit) {
      print("SKIPPED vector unit \(unit.name): this processor does not have it")
    }
    return all.filter(vector_unit_is_available)
  }()

  /// As `--vectors` takes it.
  package var name: String {
    switch self {
    case .baseline: "baseline"
    case .avx2: "avx2"
    case .avx512: "avx512"
    }
  }
}
