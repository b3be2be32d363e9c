/// Why bytes are not one JSON value.
struct JSONError: Error, Equatable {
  /// The place, in bytes from 1.
  var column: Int
  /// What should stand there.
  var expected: String
  /// What stands there.
  var found: String
}
