extension RecordedRange {
  /// The records that the header says were to be recorded and that a trace lacks, in the order of execution.
  ///
  /// Where the header does not name its sites, nothing is known to be missing; nor is it of names outside the table,
  /// since nothing says at which layers and positions they are computed.
  ///
  /// - Parameters:
  ///   - keys: what the trace holds, in the order of execution.
  ///   - positions: those of the run, ascending.
  ///   - limit: about how many are looked for, since a damaged header may promise any number.
  package func missing(among keys: [RecordKey], positions: [Int], limit: Int) -> [RecordKey] {
    var rest = keys[...]
    var missing: [RecordKey] = []
    func look(for key: RecordKey) {
      while let held = rest.first, held < key { rest.removeFirst() }
      if rest.first == key { rest.removeFirst() } else { missing.append(key) }
    }
    let layers = promisedLayers(lastHeld: keys.compactMap(\.layer).max())
    for position in positions where !endsBefore(position) && position <= lastPosition {
      let sites = promisedSites(position: position)
      for site in sites where site.scope == .before { look(for: RecordKey(site, layer: nil, position: position)) }
      let inLayers = sites.filter { $0.scope == .layer }
      for layer in inLayers.isEmpty ? 0..<0 : layers {
        for site in inLayers { look(for: RecordKey(site, layer: layer, position: position)) }
        if missing.count >= limit { return missing }
      }
      for site in sites where site.scope == .after { look(for: RecordKey(site, layer: nil, position: position)) }
      if missing.count >= limit { break }
    }
    return missing
  }

  /// The sites to be recorded at a position, in the order of execution.
  private func promisedSites(position: Int) -> [Site] {
    Site.allCases.filter { site in
      let isNamed = sites?.contains(site.rawValue) ?? false
      let isOfThisRun = !(isNotQuantized && site.isQuantizedOnly)
      let isInLayers = site.scope == .layer || !layersWereRestricted
      return isNamed && isOfThisRun && isInLayers && (position >= firstPosition || site.isCached)
    }
  }

  /// The layers to be recorded; where the header does not say how many there are, up to the last that there is.
  private func promisedLayers(lastHeld: Int?) -> Range<Int> {
    guard let layers else { return 0..<0 }
    let last = min(layers.upperBound, layerCount.map { $0 - 1 } ?? Int.max)
    let end = last < Int.max ? last + 1 : (lastHeld ?? -1) + 1
    return layers.lowerBound < end ? layers.lowerBound..<end : 0..<0
  }
}
