extension Tolerance {
  /// Above this, faults measured on real models begin to pass.
  private static let suspiciousRtol = 1e-3

  /// What to tell the user of a comparison that passed: that a tighter value would pass as well, or that the one used
  /// may hide faults. Nil when there is nothing to say.
  ///
  /// - Parameter smallestRtol: the smallest rtol that would have passed everywhere.
  func advice(smallestRtol: Double?) -> String? {
    guard !isExact, let smallestRtol else { return nil }
    let tight = NumberText.rounded(smallestRtol, digits: 2, up: true)
    if rtol > 0, smallestRtol < rtol / 10 { return "--rtol \(tight) would pass too; a tighter limit sees more" }
    if rtol > Self.suspiciousRtol { return "rtol \(NumberText.plain(rtol)) is wide enough to hide faults" }
    return nil
  }
}
