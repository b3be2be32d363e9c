import TraceFormat

extension ArrayTraceBuilder {
  /// Reads an array that is named as exports name them.
  mutating func readExported(_ number: Int) throws(ArchiveError) {
    let array = archive.arrays[number]
    let name = array.nameInFile
    guard let key = ExportName.key(of: name) else {
      guard name != ExportName.tokens, name != ExportName.positions else { return }
      let remedy = "arrays are called SITE/layerL/posP or SITE/posP, unless a mapping says what they are (--map FILE)"
      takeProblem(array, .unmapped(shape: array.summary, remedy: remedy))
      return
    }
    do throws(ArchiveRule) {
      let layout = try array.layout.get()
      // numpy has no bfloat16, so that an export's has lost its name.
      let isBFloat16 = layout.type == .bytes2 && archive.told != nil
      let planKey = PlanKey(layout: layout, statement: -1, name: key.name)
      let type = try RecordPlanner.elementType(layout.type, isBFloat16: isBFloat16)
      let plan = if let known = plans[planKey] { known } else { try RecordPlanner.whole(layout, type) }
      plans[planKey] = plan
      add(plan, number, key.name, layer: key.layer, position: key.position)
    } catch { throw archive.error(array, error) }
  }

  /// Reads the arrays `tokens` and `positions` of exports; without positions, tokens count from 0.
  mutating func readExportedTokens() throws(ArchiveError) {
    // Of thousands of files each has its own.
    var positionsByName: [[UInt8]: StoredArray] = [:]
    for array in archive.arrays where array.nameInFile == ExportName.positions {
      positionsByName[Array(array.name.utf8)] = array
    }
    for array in archive.arrays where array.nameInFile == ExportName.tokens {
      let prefix = array.name.utf8.dropLast(ExportName.tokens.utf8.count)
      let positions = positionsByName[Array(prefix) + Array(ExportName.positions.utf8)]
      var reading = ArrayReading()
      reading.axes = [.position]
      let ids = try TokenArray(archive, array, reading).values()
      let places = try positions.map { array throws(ArchiveError) in
        try TokenArray(archive, array, reading).values()
      }
      guard places.map({ $0.count == ids.count }) ?? true else {
        throw archive.error(
          array, .invalid("tokens", expected: "as many as positions, \(places?.count ?? 0)", found: "\(ids.count)"))
      }
      for (index, id) in ids.enumerated() { take(id, position: places?[index] ?? index, of: array) }
    }
  }
}
