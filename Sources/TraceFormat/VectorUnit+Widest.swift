package import VectorKernels

extension VectorUnit {
  /// The widest vector unit of this processor, found out once.
  package static let widest = vector_unit_widest()
}
