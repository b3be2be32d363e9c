import TraceFormat

/// Which records each position of a run has, in the order of execution, and how long they are: all that a trace's
/// writer must know before the run.
struct RecordLayout: Sendable {
  /// The wanted sites at the wanted layers, in the order of execution.
  let forms: [RecordForm]
  private let positions: ClosedRange<Int>
  /// For each layer, behind one for the sites outside the layers: each site's place in `forms`.
  private let indexes: [Int?]

  /// The layout of a run's records.
  init(_ selection: RecordSelection, _ plan: RunPlan, model: borrowing Checkpoint) {
    let sizes = model.configuration
    let scalar: ElementType = plan.precision == .float32 ? .float32 : .float64
    var forms: [RecordForm] = []
    var indexes = [Int?](repeating: nil, count: (sizes.layerCount + 1) * Self.siteCount)
    func add(_ site: Site, layer: Int?) {
      let type = site.holdsQuantizedValues ? .int8 : site.isQuantizedOnly ? .float32 : scalar
      let extent = sizes.length(of: site, groupSize: model.groupSize).map(RecordForm.Extent.vector)
      indexes[Self.place(site, layer)] = forms.count
      forms.append(RecordForm(site, layer: layer, type: type, extent: extent ?? .rowsByPositions(sizes.headCount)))
    }
    for site in selection.sites where site.scope == .before { add(site, layer: nil) }
    for layer in selection.layers {
      for site in selection.sites where site.scope == .layer { add(site, layer: layer) }
    }
    for site in selection.sites where site.scope == .after { add(site, layer: nil) }
    self.forms = forms
    self.indexes = indexes
    positions = selection.positions
  }

  /// The place of a site at a layer in `forms`; nil where it is wanted at no position.
  func index(_ site: Site, layer: Int?) -> Int? { indexes[Self.place(site, layer)] }

  private static let siteCount = Site.allCases.count

  private static func place(_ site: Site, _ layer: Int?) -> Int {
    (layer.map { $0 + 1 } ?? 0) * siteCount + site.rank
  }

  /// Whether the record of a form is wanted at a position; as the selection says.
  func wants(_ index: Int, position: Int) -> Bool {
    positions.contains(position) || (position < positions.lowerBound && forms[index].site.isCached)
  }
}
