/// How a program ends, as diff(1) does.
package enum ExitStatus: Int32, Sendable {
  /// Same, or done.
  case success = 0
  /// Different, or a fault was found.
  case difference = 1
  /// Bad usage, input that cannot be read or is corrupt, incomparable, or nothing to compare.
  case trouble = 2
}
