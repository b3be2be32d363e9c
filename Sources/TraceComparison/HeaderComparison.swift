public import TraceFormat

/// What two headers say about whether their runs can be compared. What is absent from either is unknown, never a
/// mismatch.
public struct HeaderComparison: Equatable, Sendable {
  /// Sizes of the model that differ: records cannot be compared.
  public private(set) var conflicts: [String] = []
  /// Other differences that explain what the comparison may show.
  public private(set) var notes: [String] = []

  /// Whether the headers name different checkpoints.
  public private(set) var fingerprintsDiffer = false

  /// The sizes that two models must share.
  private static let configuration: [HeaderField] = [
    .dim, .hiddenDim, .layerCount, .headCount, .keyValueHeadCount, .vocabularySize,
  ]

  /// Compares two headers.
  public init(expected: TraceHeader, actual: TraceHeader) {
    for field in Self.configuration {
      if let (first, second) = Self.different(expected[integer: field], actual[integer: field]) {
        conflicts.append("\(field.rawValue): expected \(first), actual \(second)")
      }
    }
    if let (first, second) = Self.different(
      expected[bytes: .checkpointFingerprint], actual[bytes: .checkpointFingerprint])
    {
      fingerprintsDiffer = true
      notes.append(
        "the checkpoints have different fingerprints: expected \(visibleText(first)), actual \(visibleText(second))")
    }
    // Epsilon and base are used as float32 by every float32 program, so only what is left after rounding counts.
    for (field, name) in [(HeaderField.normEpsilon, "epsilon"), (.ropeBase, "rotary base")] {
      if let (first, second) = Self.different(
        expected[real: field].map { Float($0) }, actual[real: field].map { Float($0) })
      {
        notes.append("the headers themselves say \(name) \(first) against \(second) (\(field.rawValue))")
      }
    }
    let integers: [HeaderField] = [
      .sequenceLength, .groupSize, .sharedClassifier, .checkpointVersion, .steps, .forcedTokens, .seed,
    ]
    for field in integers {
      if let (first, second) = Self.different(expected[integer: field], actual[integer: field]) {
        notes.append("\(field.rawValue): expected \(first), actual \(second)")
      }
    }
    if let (first, second) = Self.different(expected[bytes: .precision], actual[bytes: .precision]) {
      notes.append("precision: expected \(visibleText(first)), actual \(visibleText(second))")
    }
    if Self.different(expected[bytes: .prompt], actual[bytes: .prompt]) != nil { notes.append("the prompts differ") }
    for field in [HeaderField.temperature, .topP] {
      if let (first, second) = Self.different(expected[real: field], actual[real: field]) {
        notes.append("\(field.rawValue): expected \(NumberText.shortest(first)), actual \(NumberText.shortest(second))")
      }
    }
  }

  /// Two known values that differ.
  private static func different<Value: Equatable>(_ first: Value?, _ second: Value?) -> (Value, Value)? {
    guard let first, let second, first != second else { return nil }
    return (first, second)
  }
}
