import TraceFormat

extension Tolerance {
  /// Above this, faults measured on real models begin to pass.
  private static let suspiciousRtol = 1e-3

  /// The tighter options with which a comparison that passed would have passed too; nil when there is nothing to say.
  ///
  /// - Parameters:
  ///   - smallestRtol: the smallest rtol that would have passed everywhere.
  ///   - smallestUlp: the smallest distance that would have.
  func tighter(smallestRtol: Double?, smallestUlp: UInt64?) -> String? {
    if !usesInequality {
      guard let smallestUlp, let ulp, smallestUlp < UInt64(ulp) else { return nil }
      return "--ulp \(smallestUlp) everywhere"
    }
    guard let smallestRtol, smallestRtol > 0 else { return nil }
    let text = "--rtol \(NumberText.rounded(smallestRtol, digits: 2, up: true)) everywhere"
    let others = rtolOverrides.isEmpty ? "" : ", in the place of every --rtol that was given"
    let gain = rtol > 0 && smallestRtol < rtol / 10 ? "; a tighter limit sees more" : ""
    return text + others + (ulp.map { ", beside --ulp \($0)" } ?? "") + gain
  }

  /// A warning about a tolerance that may hide faults.
  var warning: String? {
    rtol > Self.suspiciousRtol ? "rtol \(NumberText.plain(rtol)) is wide enough to hide faults" : nil
  }

  /// The options with which one record would pass.
  func remedy(_ result: RecordComparison, name: TensorName) -> String {
    if result.nonFiniteMismatches > 0 { return "no tolerance: NaN or infinity stands against something else" }
    if isExact, result.greatestAbsoluteError == 0 {
      return "without --exact: \(result.nanPairs > 0 ? "NaN passes against NaN" : "the values are equal")"
    }
    func option(_ option: String, _ value: Double?, _ overrides: [Override]) -> String? {
      guard let value else { return nil }
      let number = NumberText.rounded(value, digits: 3, up: true)
      // A limit for all would not reach a tensor that has one of its own.
      let isOverridden = overrides.contains { $0.pattern.matches(name.text) }
      return isOverridden ? "\(option) '\(name.text)=\(number)'" : "\(option) \(number)"
    }
    let limits = [
      option("--rtol", result.smallestRtol, rtolOverrides), option("--atol", result.smallestAtol, atolOverrides),
    ].compactMap { $0 }.joined(separator: " or ")
    guard let ulp else {
      return limits.isEmpty ? "no finite tolerance" : isExact ? "without --exact: \(limits)" : limits
    }
    let distance = result.smallestUlp.flatMap { Int(exactly: $0) }.map { "--ulp \($0)" }
    let beside = limits.isEmpty ? nil : "beside --ulp \(ulp): \(limits)"
    let all = [distance, beside].compactMap { $0 }
    return all.isEmpty ? "no finite tolerance" : all.joined(separator: ", or ")
  }
}
