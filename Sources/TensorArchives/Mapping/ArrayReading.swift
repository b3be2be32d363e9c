/// How an array is to be read: the attributes of a statement.
package struct ArrayReading: Hashable, Sendable {
  /// How the elements of a rotated head are stored.
  package enum Rotation: Hashable, Sendable {
    /// First the elements with an even place in llama2.c's order, then those with an odd one, as Hugging Face does. The
    /// size is that of a head; nil where axes or header tell it.
    case halves(size: Int?)
  }

  /// What the axes count, slowest first as numpy prints the shape; nil where that is the usual.
  package var axes: [ArrayAxis]?
  /// Which sequence of the batch is taken.
  package var batch: Int?
  /// The position that the number 0 stands for.
  package var firstPosition = 0
  /// The layer that the number 0 stands for.
  package var firstLayer = 0
  /// How the heads are stored, where it is not as in llama2.c.
  package var rotation: Rotation?
  /// Whether elements of two bytes are bfloat16.
  package var isBFloat16 = false

  /// An array in the usual layout.
  package init() {}
}
