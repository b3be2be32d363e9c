package import TraceComparison
package import TraceFormat

/// The judgement of a trace: which operations rounding explains, and what is wrong with the others.
package struct Explanation: Sendable {
  /// The answer in one word.
  package enum Verdict: String, Sendable {
    /// Rounding explains every record that could be checked.
    case rounding
    /// Arithmetic of fewer bits explains what rounding does not.
    case precision
    /// An operation is wrong.
    case fault
    /// Nothing could be checked, or the trace is not whole.
    case unchecked
  }

  /// One record, with its worst element.
  package struct Finding: Sendable {
    /// Which record.
    package let key: RecordKey
    /// Its shape.
    package let shape: TensorShape
    /// Its format.
    package let type: ElementType
    /// How it compares with the replay.
    package internal(set) var judgement: Judgement

    /// The worst element's coordinates.
    package var index: [Int] { shape.coordinates(of: judgement.index) }
  }

  /// A cause that reproduces every faulty record.
  package struct CauseFinding: Sendable {
    /// Its stable name.
    package let id: String
    /// The mistake, with its detail.
    package let title: String
    /// The formula found; nil where the title says it all.
    package let formula: String?
  }

  /// A faulty site: everything that is wrong with one operation, once.
  package struct Fault: Sendable {
    /// Which operation.
    package let site: Site
    /// Layers with faulty records, ascending; empty outside the layers.
    package internal(set) var layers: [Int] = []
    /// Positions with faulty records, ascending.
    package internal(set) var positions: [Int] = []
    /// Number of faulty records.
    package internal(set) var records = 0
    /// Number of records of the site that were checked.
    package internal(set) var checked = 0
    /// The first faulty record in the order of execution.
    package internal(set) var first: Finding
    /// The causes that reproduce all faulty records, the likeliest first.
    package internal(set) var causes: [CauseFinding] = []
    /// The lower precision that does, where no cause does.
    package internal(set) var precision: String?
    /// Other evidence.
    package internal(set) var evidence: [String] = []
    /// Sites that were not recorded between this one and the nearest recorded ones: the fault may be in any of them.
    package internal(set) var through: [Site] = []
    /// Heads at which the fault shows; nil for a site without heads.
    package internal(set) var heads: [Int]?
  }

  /// What was checked of one site at one layer.
  package struct LayerSummary: Sendable {
    /// Number of records.
    package internal(set) var records = 0
    /// Number of elements.
    package internal(set) var elements = 0
    /// Number of records that rounding does not explain.
    package internal(set) var faulty = 0
    /// The record with the greatest ratio, honest or not.
    package internal(set) var worst: Finding?
    /// The first record that rounding does not explain, in the order of execution.
    package internal(set) var firstFault: Finding?
    private var greatestRatio = -1.0

    /// Counts a record that was judged.
    mutating func take(_ finding: Finding) {
      let judgement = finding.judgement
      records += 1
      elements += judgement.count - judgement.unbounded
      if judgement.ratio > greatestRatio {
        greatestRatio = judgement.ratio
        worst = finding
      }
      guard !judgement.isRounding else { return }
      faulty += 1
      if firstFault.map({ finding.key < $0.key }) ?? true { firstFault = finding }
    }
  }

  /// What was checked of one site.
  package struct SiteSummary: Sendable {
    /// Number of records.
    package internal(set) var records = 0
    /// Number of elements.
    package internal(set) var elements = 0
    /// The honest record with the greatest ratio.
    package internal(set) var worst: Finding?
    /// How many honest records have a greatest ratio of at most 0.001, 0.01, 0.1, 0.5 and 1.
    package internal(set) var distribution = [0, 0, 0, 0, 0]
    /// By layer + 1: the same of one layer; the first is for outside the layers.
    private var byLayer: [LayerSummary] = []

    /// The same by layer, of those with checked records; nil stands for outside the layers.
    package var layers: [(layer: Int?, summary: LayerSummary)] {
      byLayer.enumerated().filter { $1.records > 0 }.map { ($0 > 0 ? $0 - 1 : nil, $1) }
    }
    /// The upper ends of `distribution`.
    package static let limits = [0.001, 0.01, 0.1, 0.5, 1]

    /// Counts a record that was judged.
    mutating func take(_ finding: Finding) {
      let judgement = finding.judgement
      records += 1
      elements += judgement.count - judgement.unbounded
      // Only layers that the model has are checked.
      let place = (finding.key.layer ?? -1) + 1
      while byLayer.count <= place { byLayer.append(LayerSummary()) }
      byLayer[place].take(finding)
      guard judgement.isRounding else { return }
      if worst.map({ judgement.ratio > $0.judgement.ratio }) ?? true { worst = finding }
      distribution[Self.limits.firstIndex { judgement.ratio <= $0 } ?? 4] += 1
    }
  }

  /// Records, or elements of them, that could not be checked for one reason.
  package struct Unchecked: Sendable {
    /// The name they share.
    package let name: TensorName
    /// Why.
    package let reason: String
    /// How many records.
    package internal(set) var records = 0
    /// How many of their elements; nil where it is all of them.
    package internal(set) var elements: Int?
    /// The first.
    package let first: RecordKey
    /// The layers.
    package internal(set) var layers: Set<Int> = []
    /// Least and greatest position.
    package internal(set) var positions: ClosedRange<Int>
  }

  /// An explanation of nothing yet.
  package init() {}

  /// Faulty operations in the order in which they first show.
  package internal(set) var faults: [Fault] = []
  /// Checked sites.
  package internal(set) var sites: [Site: SiteSummary] = [:]
  /// What could not be checked.
  package internal(set) var unchecked: [Unchecked] = []
  /// What is wrong with the trace, beside what its values say.
  package internal(set) var problems = Listing<String>()
  /// Constants of the trace's own header that are not llama2.c's, and that it was judged by.
  package internal(set) var constants: [String] = []
  /// What else a reader should know.
  package internal(set) var notes: [String] = []
  /// Whether the run quantizes what goes into its products.
  package internal(set) var isQuantized = false
  /// Who wrote the trace.
  package internal(set) var producer = ""
  /// The tokens, for texts.
  package internal(set) var tokens: [Int: TraceToken] = [:]
  /// Errors against a reference's trace, where one was given.
  package internal(set) var expected: ExpectedSplit?
  /// Elements per head.
  package internal(set) var headSize: Int?

  /// Number of records that could not be checked at all.
  package var uncheckedRecords: Int { unchecked.reduce(0) { $0 + ($1.elements == nil ? $1.records : 0) } }
  /// The first finding of what the verdict says.
  package var first: Finding? {
    let decisive = verdict == .fault ? faults.first { $0.precision == nil } : faults.first
    return decisive?.first
  }
  /// Number of records checked.
  package var checkedRecords: Int { sites.values.reduce(0) { $0 + $1.records } }
  /// Number of elements checked.
  package var checkedElements: Int { sites.values.reduce(0) { $0 + $1.elements } }
  /// The honest record with the greatest ratio.
  package var worst: Finding? {
    sites.values.compactMap(\.worst).max { ($0.judgement.ratio, $1.key) < ($1.judgement.ratio, $0.key) }
  }

  /// The answer. A fault decides, then lower precision; a trace that is not whole, or of which nothing could be
  /// checked, is not judged to be rounding.
  package var verdict: Verdict {
    if faults.contains(where: { $0.precision == nil }) { return .fault }
    if !faults.isEmpty { return .precision }
    return checkedRecords == 0 || !problems.isEmpty ? .unchecked : .rounding
  }

  /// 0 rounding, 1 fault or precision, 2 unchecked.
  package var exitStatus: Int32 {
    switch verdict {
    case .rounding: 0
    case .fault, .precision: 1
    case .unchecked: 2
    }
  }
}
