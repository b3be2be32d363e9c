import TraceFormat

/// One record of a golden.
struct GoldenRecord: Equatable, Sendable {
  /// The format of its elements.
  let type: ElementType
  /// Its dimensions.
  let shape: TensorShape
  /// What is known of its elements.
  let sketch: Sketch
}
