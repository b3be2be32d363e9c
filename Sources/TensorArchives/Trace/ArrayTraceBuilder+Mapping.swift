import TraceFormat

extension ArrayTraceBuilder {
  /// Reads an array as the first statement says that matches it.
  mutating func map(_ number: Int, _ mapping: ArrayMapping) throws(ArchiveError) {
    let array = archive.arrays[number]
    let names = array.names
    for (index, statement) in mapping.statements.enumerated() {
      guard let captures = names.lazy.compactMap({ statement.pattern.match($0) }).first else { continue }
      usedStatements.insert(index)
      switch statement.action {
      case .ignore: break
      case .tokens(let reading): try readTokens(array, reading, captures)
      case .tensor(let template, let reading):
        let name = try name(template, captures, array)
        guard reading.rotation == nil || name.site.map(Self.rotated.contains) ?? true else {
          throw ArchiveError(
            mapping.file, .line(statement.line),
            .invalid(
              "rope=halves", expected: "q.proj, k.proj, q.rope or k.rope, which alone have the order of RoPE",
              found: name.text))
        }
        try readRecords(number, index, name, reading, captures)
      }
      return
    }
    let line = "ignore " + MappingLine.word(matching: array.name)
    takeProblem(
      array,
      .unmapped(shape: array.summary, remedy: "add one to \(mapping.file), or exclude it by the line: \(line)"))
  }

  private static let rotated: Set<Site> = [.queryProjection, .keyProjection, .queryRotation, .keyRotation]

  private func name(
    _ template: String, _ captures: ArrayPattern.Captures, _ array: StoredArray
  ) throws(ArchiveError) -> TensorName {
    guard let place = template.firstRange(of: "{site}") else { return TensorName(template) }
    let text = template[..<place.lowerBound] + (captures.site ?? "") + template[place.upperBound...]
    guard TensorName.isValid(Array(text.utf8)) else {
      throw archive.error(
        array, .invalid("site", expected: "printable ASCII without blanks and , * ? =", found: String(text)))
    }
    return TensorName(String(text))
  }

  private mutating func readRecords(
    _ number: Int, _ statement: Int, _ name: TensorName, _ reading: ArrayReading, _ captures: ArrayPattern.Captures
  ) throws(ArchiveError) {
    let array = archive.arrays[number]
    do throws(ArchiveRule) {
      let layout = try array.layout.get()
      let key = PlanKey(layout: layout, statement: statement, name: name)
      let plan = if let known = plans[key] { known } else { try makePlan(layout, reading, name) }
      plans[key] = plan
      try append(
        plan, number, name, layer: try first(captures.layer, plan.layers, reading.firstLayer, "layer"),
        position: try first(captures.position, plan.positions, reading.firstPosition, "position"))
    } catch { throw archive.error(array, error) }
  }

  private func makePlan(
    _ layout: ArrayLayout, _ reading: ArrayReading, _ name: TensorName
  ) throws(ArchiveRule) -> RecordPlan {
    var headSize: Int?
    if let dim = header[integer: .dim], let heads = header[integer: .headCount], heads > 0, dim > 0, dim % heads == 0 {
      headSize = dim / heads
    }
    return try RecordPlanner(layout, reading, name, headSize: headSize).plan()
  }

  /// The first layer or position of an array: what its name says, or what the number 0 of its axis stands for; nil
  /// where it has neither.
  private func first(
    _ captured: Int?, _ axis: StrideAxis?, _ offset: Int, _ what: String
  ) throws(ArchiveRule) -> Int? {
    guard captured != nil || axis != nil else { return nil }
    let (first, overflow) = (captured ?? 0).addingReportingOverflow(offset)
    let (last, lastOverflow) = first.addingReportingOverflow((axis?.count ?? 1) - 1)
    guard !overflow, !lastOverflow, first >= 0, last < Int(Int32.max) else {
      throw .invalid(
        what, expected: "numbers from 0 to 2^31 - 2", found: overflow || lastOverflow ? "others" : "\(first) to \(last)"
      )
    }
    return first
  }

  /// Takes the records of an array, whose first layer and position are known.
  private mutating func append(
    _ plan: RecordPlan, _ number: Int, _ name: TensorName, layer: Int?, position: Int?
  ) throws(ArchiveRule) {
    guard let position else {
      throw .invalid("position", expected: "{position} in the pattern or position among the axes", found: "neither")
    }
    if let site = name.site, (site.scope == .layer) != (layer != nil) {
      throw site.scope == .layer
        ? .invalid(
          "layer of \(name.text)", expected: "{layer} in the pattern or layer among the axes", found: "neither")
        : .invalid("layer of \(name.text)", expected: "none, since it stands outside the layers", found: "one")
    }
    if let key = plan.key {
      let last = position + (plan.positions?.count ?? 1) - 1
      guard plan.axes[key.axis].count > last else {
        throw .invalid(
          "key axis", expected: "at least \(last + 1) keys for position \(last)", found: "\(plan.axes[key.axis].count)")
      }
    }
    add(plan, number, name, layer: layer, position: position)
  }
}
