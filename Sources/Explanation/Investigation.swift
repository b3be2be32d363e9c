import Model
import TraceFormat

/// The search for the cause of one site's faulty records, one record after the other.
struct Investigation {
  /// A hypothesis that has reproduced every record so far.
  private struct Candidate {
    let cause: Cause
    let hypothesis: Hypothesis
    /// What the records showed of a parameter that is another in each; a few of them.
    var found: [String] = []
  }

  /// How many records a cause that is searched for later is checked against.
  private static let keptRecords = 16

  private var fault: Explanation.Fault
  private var layers: Set<Int> = []
  private var positions: Set<Int> = []
  private var candidates: [Candidate]
  private var precisions: [PrecisionHypothesis]
  private var evidence = Evidence()
  private let lastResorts: [Cause]
  private var hasSearched = false
  /// All records so far, as long as a last resort may have to reproduce them.
  private var records: [CauseContext] = []

  /// Begins with the first faulty record of a site.
  init(_ context: CauseContext, _ finding: Explanation.Finding) {
    fault = Explanation.Fault(site: context.site, first: finding)
    let causes = Catalogue.causes(at: context.operation.kind)
    candidates = Self.candidates(of: causes.filter { !$0.isLastResort }, context)
    lastResorts = causes.filter(\.isLastResort)
    precisions = PrecisionHypothesis.all(context)
    take(context, finding)
  }

  private static func candidates(of causes: [Cause], _ context: CauseContext) -> [Candidate] {
    causes.flatMap { cause in cause.hypotheses(context).map { Candidate(cause: cause, hypothesis: $0) } }
  }

  /// Takes a faulty record: what does not reproduce it is out.
  mutating func take(_ context: CauseContext, _ finding: Explanation.Finding) {
    if finding.key < fault.first.key { fault.first = finding }
    fault.records += 1
    if let layer = context.layer { layers.insert(layer) }
    positions.insert(context.position)
    let (causes, formats) = (candidates, precisions)
    let factors = concurrentMap(causes.count + formats.count) { index in
      index < causes.count
        ? causes[index].hypothesis.reproduces(context) ? [] : nil : formats[index - causes.count].reproduce(context)
    }
    candidates = zip(causes, factors).filter { $1 != nil }.map { candidate, _ in
      var candidate = candidate
      if candidate.found.count <= 6, let found = candidate.hypothesis.found?(context),
        !candidate.found.contains(found)
      {
        candidate.found.append(found)
      }
      return candidate
    }
    precisions = zip(formats, factors.dropFirst(causes.count)).compactMap { hypothesis, factors in
      factors.map(hypothesis.with)
    }
    search(context)
    evidence.take(context)
  }

  /// Tries the last resorts, once, on the first record that nothing else reproduces together with those before it.
  private mutating func search(_ context: CauseContext) {
    guard !hasSearched, !lastResorts.isEmpty else { return }
    if records.count < fault.records - 1 {
      hasSearched = true
      return
    }
    records.append(context)
    guard candidates.isEmpty, precisions.isEmpty else {
      if records.count >= Self.keptRecords { records = [] }
      return
    }
    hasSearched = true
    let all = records
    records = []
    candidates = Self.candidates(of: lastResorts, context).filter { candidate in
      all.allSatisfy(candidate.hypothesis.reproduces)
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
    result.causes = causes
    if result.causes.isEmpty { result.precision = PrecisionHypothesis.name(precisions, records: fault.records) }
    if result.causes.isEmpty { result.evidence = evidence.lines }
    return result
  }

  /// Each surviving cause once, with all values of its parameter that fit equally.
  private var causes: [Explanation.CauseFinding] {
    var ids: [String] = []
    for candidate in candidates where !ids.contains(candidate.cause.id) { ids.append(candidate.cause.id) }
    return ids.compactMap { id in
      let all = candidates.filter { $0.cause.id == id }
      let rank = all.map(\.hypothesis.rank).min()
      let own = all.filter { $0.hypothesis.rank == rank }
      guard let cause = own.first?.cause else { return nil }
      // A parameter that is the same in all records says more than one that is not.
      let fixed = own.filter { $0.hypothesis.found == nil }
      let details =
        fixed.isEmpty
        ? own.compactMap { candidate in
          candidate.hypothesis.detail.map { "\($0) \(alternativesText(candidate.found, last: "and"))" }
        } : fixed.compactMap(\.hypothesis.detail)
      var seen: Set<String> = []
      let distinct = details.filter { seen.insert($0).inserted }
      let isPlain = fixed.contains { $0.hypothesis.detail == nil }
      let text = alternativesText(distinct)
      let title =
        text.isEmpty ? cause.title : isPlain ? "\(cause.title) (or: \(text))" : "\(cause.title): \(text)"
      return Explanation.CauseFinding(id: cause.id, title: title, formula: cause.formula)
    }
  }
}
