import Model
import TraceFormat

/// What can be said of a fault that no cause reproduces, gathered over all faulty records of a site.
struct Evidence {
  private var records = 0
  private var equal: [Candidate] = []
  private var relations: [ElementRelation] = []
  private var isMultiple = true
  private var multiples: ClosedRange<Double>?
  /// The factor of the wrong elements alone, where it is the same in every record.
  private var wrongMultiple: Double?
  private var affine: AffineRelation?
  private var permutation: [Int]?
  private var kinds = ValueKinds()
  private var places = FaultyPlaces()
  private var errors = ErrorSizes()

  /// A tensor that a record may be equal to.
  private struct Candidate {
    let description: String
    let source: @Sendable (CauseContext) -> Estimate?
  }

  /// Takes a faulty record.
  mutating func take(_ context: CauseContext) {
    let isFirst = records == 0
    records += 1
    if isFirst {
      equal = Self.candidates(context)
      permutation = Self.permutation(context)
      relations = ElementRelation.allCases
      affine = AffineRelation(context)
    }
    equal.removeAll { $0.source(context)?.values != context.actual.values }
    if let own = permutation, own != Self.permutation(context) { permutation = nil }
    relations.removeAll { !$0.holds(context) }
    if affine?.holds(context) == false { affine = nil }
    takeMultiple(context)
    takeWrongMultiple(context, isFirst: isFirst)
    kinds.take(context)
    places.take(context)
    errors.take(context)
  }

  /// The tensors that a record may be equal to.
  private static func candidates(_ context: CauseContext) -> [Candidate] {
    let sites = Site.all(quantized: context.replay.isQuantized)
    let sameHere = sites.filter { $0 != context.site }.map { site in
      Candidate(description: "equal to \(site.rawValue) of the same position") { context in
        context.recorded(site, layer: context.layer ?? context.sizes.layerCount - 1, position: context.position)
      }
    }
    let elsewhere = [
      Candidate(description: "equal to the position before's record") {
        $0.position > 0 ? $0.recordedHere(position: $0.position - 1) : nil
      },
      Candidate(description: "equal to the layer before's record") { context in
        context.layer.flatMap {
          $0 > 0 ? context.recorded(context.site, layer: $0 - 1, position: context.position) : nil
        }
      },
    ]
    return (sameHere + elsewhere).filter { $0.source(context)?.values == context.actual.values }
  }

  private mutating func takeMultiple(_ context: CauseContext) {
    guard isMultiple else { return }
    let all = 0..<context.expected.count
    guard let factor = CommonFactor.fitting(context, all) else { return isMultiple = false }
    isMultiple = CommonFactor.reproduces(factor, context, all)
    multiples = min(multiples?.lowerBound ?? factor, factor)...max(multiples?.upperBound ?? factor, factor)
  }

  private mutating func takeWrongMultiple(_ context: CauseContext, isFirst: Bool) {
    guard isFirst || wrongMultiple != nil else { return }
    let wrong = context.actual.values.indices.filter { !context.isRight($0) }
    guard wrong.count > 1, let own = CommonFactor.fitting(context, wrong),
      CommonFactor.reproduces(wrongMultiple ?? own, context, wrong) || CommonFactor.reproduces(own, context, wrong),
      abs(own - (wrongMultiple ?? own)) <= 1e-5 * abs(own)
    else { return wrongMultiple = nil }
    wrongMultiple = wrongMultiple ?? own
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
    for i in actual.indices where context.isRight(i) { result[i] = i }
    return Set(result).count == count ? result : nil
  }

  /// Heads at which the fault shows; nil where a site has none.
  var faultyHeads: [Int]? { places.faultyHeads }

  /// What was found, a line each.
  var lines: [String] {
    var lines = equal.map(\.description) + kinds.lines
    let isAllZero = kinds.isAllZero
    if isMultiple, !isAllZero, let multiples {
      let (low, high) = (
        Catalogue.roundedToDigits(multiples.lowerBound, 5), Catalogue.roundedToDigits(multiples.upperBound, 5)
      )
      lines.append(
        low == high
          ? "a constant multiple of the expected tensor: \(low) times, in every record"
          : "a multiple of the expected tensor, by another factor in each record: \(low) to \(high)")
    } else if let affine, !isAllZero {
      lines.append(affine.text)
    } else if let wrongMultiple, abs(wrongMultiple) > 1e-3, wrongMultiple != -1 {
      lines.append(
        "the wrong elements are \(Catalogue.roundedToDigits(wrongMultiple, 5)) times the expected ones, in every record"
      )
    }
    if let permutation { lines.append("a permutation of the expected tensor: \(Self.text(permutation))") }
    if !isAllZero && !isMultiple { lines += relations.map(\.rawValue) }
    return lines + places.lines(records: records) + errors.lines
  }

  private static func text(_ permutation: [Int]) -> String {
    let moved = permutation.indices.filter { permutation[$0] != $0 }
    let shown = moved.prefix(8).map { "[\($0)] holds [\(permutation[$0])]" }
    return shown.joined(separator: ", ") + (moved.count > 8 ? " and \(moved.count - 8) more" : "")
  }
}

extension CauseContext {
  /// Whether an element lies within its bound.
  func isRight(_ index: Int) -> Bool {
    Judgement.Element(actual.values[index], expected.values[index], expected.error(index), actual.type).passes
  }
}
