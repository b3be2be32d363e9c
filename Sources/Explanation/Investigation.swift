import Model
import TraceFormat

/// The search for the cause of one site's faulty records, one record after the other.
struct Investigation {
  private var fault: Explanation.Fault
  private var layers: Set<Int> = []
  private var positions: Set<Int> = []
  private var candidates: [(cause: Cause, hypothesis: Hypothesis)]
  private var precisions: [PrecisionHypothesis]
  private var evidence = Evidence()
  private var factorBits = Double.infinity

  /// Begins with the first faulty record of a site.
  init(_ context: CauseContext, _ finding: Explanation.Finding) {
    fault = Explanation.Fault(site: context.site, first: finding)
    let causes = Catalogue.causes(at: context.operation.kind)
    candidates = Self.hypotheses(of: causes.filter { !$0.isLastResort }, context)
    if !candidates.contains(where: { $0.hypothesis.reproduces(context) }) {
      candidates += Self.hypotheses(of: causes.filter(\.isLastResort), context)
    }
    precisions = PrecisionHypothesis.all(context)
    take(context, finding)
  }

  private static func hypotheses(
    of causes: [Cause], _ context: CauseContext
  ) -> [(cause: Cause, hypothesis: Hypothesis)] {
    causes.flatMap { cause in cause.hypotheses(context).map { (cause, $0) } }
  }

  /// Takes a faulty record: what does not reproduce it is out.
  mutating func take(_ context: CauseContext, _ finding: Explanation.Finding) {
    if finding.key < fault.first.key { fault.first = finding }
    fault.records += 1
    if let layer = context.layer { layers.insert(layer) }
    positions.insert(context.position)
    let (causes, formats) = (candidates, precisions)
    let survives = concurrentMap(causes.count + formats.count) { index in
      index < causes.count
        ? causes[index].hypothesis.reproduces(context) : formats[index - causes.count].reproduces(context)
    }
    candidates = causes.indices.filter { survives[$0] }.map { causes[$0] }
    precisions = formats.indices.filter { survives[causes.count + $0] }.map { formats[$0] }
    evidence.take(context)
    if let factor = PrecisionHypothesis.commonFactor(context, 0..<context.expected.count), factor != 1 {
      factorBits = min(factorBits, Double(-abs(factor - 1).exponent))
    }
  }

  /// The result.
  ///
  /// - Parameter checked: number of records of the site that were checked.
  func finish(checked: Int) -> Explanation.Fault {
    var result = fault
    result.checked = checked
    result.layers = layers.sorted()
    result.positions = positions.sorted()
    result.heads = evidence.faultyHeads
    var named: Set<String> = []
    result.causes = candidates.filter { named.insert($0.cause.id).inserted }.map { cause, hypothesis in
      Explanation.CauseFinding(
        id: cause.id, title: cause.title + (hypothesis.detail.map { ": \($0)" } ?? ""), formula: cause.formula)
    }
    if result.causes.isEmpty { result.precision = PrecisionHypothesis.name(precisions, factorBits: factorBits) }
    if result.causes.isEmpty { result.evidence = evidence.lines }
    return result
  }
}
