import PlatformLibc
import TraceComparison

/// Errors as characters of rising height, in equal steps of the logarithm from the smallest error to the largest.
struct DriftScale: Equatable {
  static let identical: Character = "."
  static let nonFinite: Character = "!"
  static let absent: Character = " "
  private static let steps: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// The smallest and the largest error above zero; nil where there is none.
  let range: ClosedRange<Double>?

  /// The scale of some errors.
  init(_ errors: [Double]) {
    let finite = errors.filter { $0 > 0 && $0.isFinite }
    if let least = finite.min(), let greatest = finite.max() { range = least...greatest } else { range = nil }
  }

  /// The character of an error; nil stands for a tensor that was not compared.
  func character(_ error: Double?) -> Character {
    guard let error else { return Self.absent }
    guard error.isFinite else { return Self.nonFinite }
    guard error > 0, let range else { return Self.identical }
    let (low, high) = (log(range.lowerBound), log(range.upperBound))
    guard high > low else { return Self.steps[3] }
    let share = (log(error) - low) / (high - low)
    return Self.steps[min(max(Int(share * 8), 0), 7)]
  }

  /// What the characters mean.
  var legend: String {
    var parts = ["\(Self.identical) identical"]
    if let range {
      let (low, high) = (
        NumberText.rounded(range.lowerBound, digits: 2), NumberText.rounded(range.upperBound, digits: 2)
      )
      parts.append(
        range.lowerBound < range.upperBound
          ? "\(Self.steps[0]) \(low) to \(Self.steps[7]) \(high) in equal steps of the logarithm"
          : "\(Self.steps[3]) \(low)")
    }
    return (parts + ["\(Self.nonFinite) NaN or infinity", "blank not compared"]).joined(separator: ", ")
  }
}
