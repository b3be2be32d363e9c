import TraceFormat

/// One site at one layer.
struct Step: Hashable, Sendable {
  let site: Site
  /// nil outside the layers.
  let layer: Int?
}

/// Which steps a block of positions needs: those that were recorded, and those that recorded ones are computed from and
/// that were not recorded themselves.
struct ReplayPlan {
  /// All steps of a position in an order in which every input precedes what is computed from it.
  static func steps(layerCount: Int, quantized: Bool) -> [Step] {
    // Scales stand behind the values in the order of execution, and values are computed from them.
    let sites = Site.all(quantized: quantized)
    func ordered(_ scope: Site.Scope) -> [Site] {
      var result: [Site] = []
      for site in sites where site.scope == scope {
        if site.operation(quantized: true).kind == .quantizedScales, let values = result.popLast() {
          result += [site, values]
        } else {
          result.append(site)
        }
      }
      return result
    }
    let inLayer = ordered(.layer)
    return ordered(.before).map { Step(site: $0, layer: nil) }
      + (0..<layerCount).flatMap { layer in inLayer.map { Step(site: $0, layer: layer) } }
      + ordered(.after).map { Step(site: $0, layer: nil) }
  }

  private(set) var needed: Set<Step> = []
  /// Cached steps that an operation of some position reads.
  private(set) var cached: Set<Step> = []

  /// Plans.
  ///
  /// - Parameters:
  ///   - isRecorded: whether a step was recorded at any position of the block.
  ///   - isComplete: whether it was recorded at all of them.
  ///   - cached: cached steps that positions outside the block may read.
  init(
    _ steps: [Step], layerCount: Int, quantized: Bool, cached later: Set<Step>,
    isRecorded: (Step) -> Bool, isComplete: (Step) -> Bool
  ) {
    var wanted = later
    for step in steps.reversed() where isRecorded(step) || wanted.contains(step) {
      needed.insert(step)
      for input in step.site.operation(quantized: quantized).inputs {
        let source = input.source(layer: step.layer, layerCount: layerCount)
        let read = Step(site: source.site, layer: source.layer)
        if !isComplete(read) { wanted.insert(read) }
        if case .cached = input { cached.insert(read) }
        needed.insert(read)
      }
    }
  }
}
