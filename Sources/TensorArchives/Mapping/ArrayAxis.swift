/// What an axis of an array counts.
package enum ArrayAxis: String, CaseIterable, Sendable {
  /// Sequences that were run at once; one of them is taken.
  case batch
  /// Layers.
  case layer
  /// Positions.
  case position
  /// Heads of attention.
  case head
  /// Elements of a head.
  case element
  /// Elements of the whole vector.
  case feature
  /// The positions that attention looks at; what is behind the own position is cut off.
  case key
  /// Nothing: an axis of length 1.
  case one
}
