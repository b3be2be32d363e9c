import Model
import TraceFormat

/// A mistake that ports make: what it is called, where it can occur, and how to compute an operation with it.
///
/// An entry of the catalogue is one value of this type. `hypotheses` turns it into computations, for the first faulty
/// record of a site; each is then rerun on every other faulty record and survives only if it reproduces all of them to
/// within the rounding bound.
struct Cause: Sendable {
  /// A stable name for machines, as `rope.split-half`.
  let id: String
  /// The mistake in words; a hypothesis may put a detail behind it.
  let title: String
  /// The formula found, in the notation of the dataflow's formulas; nil where the title says it all.
  let formula: String?
  /// The operations at which it can occur.
  let kinds: Set<SiteOperation.Kind>
  /// Whether it is tried only where nothing else reproduces the first faulty record, because finding its parameter
  /// takes long.
  let isLastResort: Bool
  /// The computations to try.
  let hypotheses: @Sendable (CauseContext) -> [Hypothesis]

  init(
    _ id: String, _ title: String, formula: String? = nil, at kinds: Set<SiteOperation.Kind>,
    isLastResort: Bool = false, hypotheses: @escaping @Sendable (CauseContext) -> [Hypothesis]
  ) {
    self.id = id
    self.title = title
    self.formula = formula
    self.kinds = kinds
    self.isLastResort = isLastResort
    self.hypotheses = hypotheses
  }

  /// A cause with one computation.
  init(
    _ id: String, _ title: String, formula: String? = nil, at kinds: Set<SiteOperation.Kind>,
    compute: @escaping @Sendable (CauseContext) -> Estimate?
  ) {
    self.init(id, title, formula: formula, at: kinds) { _ in [Hypothesis(compute: compute)] }
  }
}

/// One way in which a cause may have come about: with one value of its parameter.
struct Hypothesis: Sendable {
  /// What the parameter is, as `base 500000`; nil where there is none.
  let detail: String?
  /// The parameter where it may be another in every record, as the embedding's row: what a record shows.
  let found: (@Sendable (CauseContext) -> String?)?
  /// Of parameters of one cause that fit equally, only those of the least rank are told: round numbers before others.
  var rank = 0
  /// What the operation gives with the mistake; nil where it cannot be computed or makes no difference.
  let compute: @Sendable (CauseContext) -> Estimate?

  init(
    _ detail: String? = nil, found: (@Sendable (CauseContext) -> String?)? = nil,
    compute: @escaping @Sendable (CauseContext) -> Estimate?
  ) {
    self.detail = detail
    self.found = found
    self.compute = compute
  }

  /// Whether the mistake gives the recorded tensor, to within rounding.
  func reproduces(_ context: CauseContext) -> Bool {
    guard let estimate = compute(context) else { return false }
    return !estimate.isTooWide && estimate.admits(context.actual)
  }
}
