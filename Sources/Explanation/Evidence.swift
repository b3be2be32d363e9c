import Model
import TraceFormat

/// What can be said of a fault that no cause reproduces, gathered over all faulty records of a site.
struct Evidence {
  private var records = 0
  private var equal: [(description: String, source: @Sendable (CauseContext) -> Estimate?)] = []
  private var isMultiple = true
  private var multiples: ClosedRange<Double>?
  private var permutation: [Int]?
  private var heads: Set<Int> = []
  private var elements: Set<Int> = []
  private var distances: Set<Int> = []
  private var shape: (count: Int, heads: Int?) = (0, nil)

  /// Takes a faulty record.
  mutating func take(_ context: CauseContext) {
    if records == 0 {
      equal = Self.candidates(context)
      permutation = Self.permutation(context)
    }
    records += 1
    equal.removeAll { candidate in
      guard let other = candidate.source(context) else { return true }
      return other.values != context.actual.values
    }
    if let own = permutation, own != Self.permutation(context) { permutation = nil }
    takeMultiple(context)
    takePlaces(context)
  }

  /// The tensors that a record may be equal to.
  private static func candidates(
    _ context: CauseContext
  ) -> [(description: String, source: @Sendable (CauseContext) -> Estimate?)] {
    let sites = Site.all(quantized: context.replay.isQuantized)
    let sameHere = sites.filter { $0 != context.site }.map { site in
      (
        "equal to \(site.rawValue) of the same position",
        { @Sendable (context: CauseContext) in
          context.recorded(site, layer: context.layer ?? context.sizes.layerCount - 1, position: context.position)
        }
      )
    }
    let elsewhere: [(String, @Sendable (CauseContext) -> Estimate?)] = [
      (
        "equal to the position before's record",
        { $0.position > 0 ? $0.recordedHere(position: $0.position - 1) : nil }
      ),
      (
        "equal to the layer before's record",
        { context in
          context.layer.flatMap {
            $0 > 0 ? context.recorded(context.site, layer: $0 - 1, position: context.position) : nil
          }
        }
      ),
    ]
    return (sameHere + elsewhere).filter { $0.1(context)?.values == context.actual.values }
  }

  private mutating func takeMultiple(_ context: CauseContext) {
    guard isMultiple else { return }
    let all = 0..<context.expected.count
    guard let factor = CommonFactor.fitting(context, all) else { return isMultiple = false }
    isMultiple = CommonFactor.reproduces(factor, context, all)
    multiples = min(multiples?.lowerBound ?? factor, factor)...max(multiples?.upperBound ?? factor, factor)
  }

  /// For each element the expected element that it holds, where every one holds another's.
  private static func permutation(_ context: CauseContext) -> [Int]? {
    let (actual, expected) = (context.actual.values, context.expected)
    let count = actual.count
    guard count > 1, count <= 1 << 16 else { return nil }
    let byActual = actual.indices.sorted { actual[$0] < actual[$1] }
    let byExpected = actual.indices.sorted { expected.values[$0] < expected.values[$1] }
    var result = [Int](repeating: 0, count: count)
    for (own, other) in zip(byActual, byExpected) {
      let element = Judgement.Element(actual[own], expected.values[other], expected.error(other), context.actual.type)
      guard element.passes else { return nil }
      result[own] = other
    }
    // Elements that are right where they are stay there, so that ties do not look like exchanges.
    let moved = actual.indices.filter { i in
      !Judgement.Element(actual[i], expected.values[i], expected.error(i), context.actual.type).passes
    }
    let isMoved = Set(moved)
    for i in actual.indices where !isMoved.contains(i) { result[i] = i }
    return Set(result).count == count ? result : nil
  }

  private mutating func takePlaces(_ context: CauseContext) {
    let count = context.actual.values.count
    let isAttention = context.site.shape == .headsByPositions
    let length = isAttention ? context.position + 1 : context.sizes.headSize
    let hasHeads = isAttention || context.site.isSplitIntoHeads
    shape = (isAttention ? 0 : count, hasHeads ? count / length : nil)
    for i in 0..<count {
      let element = Judgement.Element(
        context.actual.values[i], context.expected.values[i], context.expected.error(i), context.actual.type)
      guard !element.passes else { continue }
      if hasHeads { heads.insert(i / length) }
      if isAttention { distances.insert(length - 1 - i % length) } else { elements.insert(i) }
    }
  }

  /// Heads at which the fault shows; nil where a site has none.
  var faultyHeads: [Int]? { shape.heads == nil ? nil : heads.sorted() }

  /// What was found, a line each.
  var lines: [String] {
    var lines = equal.map(\.description)
    if isMultiple, let multiples {
      let (low, high) = (
        Catalogue.roundedToDigits(multiples.lowerBound, 5), Catalogue.roundedToDigits(multiples.upperBound, 5)
      )
      lines.append(
        low == high
          ? "a constant multiple of the expected tensor: \(low) times, in every record"
          : "a multiple of the expected tensor, by another factor in each record: \(low) to \(high)")
    }
    if let permutation { lines.append("a permutation of the expected tensor: \(Self.text(permutation))") }
    if let count = shape.heads, heads.count < count {
      lines.append("right in other heads: only heads \(rangesText(heads.sorted())) of \(count) are wrong")
    }
    if shape.count > 0, elements.count < shape.count {
      lines.append(
        "right in other elements: only elements \(rangesText(elements.sorted())) of \(shape.count) are wrong")
    }
    if distances.count == 1, let distance = distances.first {
      lines.append(
        "right elsewhere: only the weight of \(distance == 0 ? "the current position" : "the position \(distance) before") is wrong"
      )
    }
    return lines
  }

  private static func text(_ permutation: [Int]) -> String {
    let moved = permutation.indices.filter { permutation[$0] != $0 }
    let shown = moved.prefix(8).map { "[\($0)] holds [\(permutation[$0])]" }
    return shown.joined(separator: ", ") + (moved.count > 8 ? " and \(moved.count - 8) more" : "")
  }
}
