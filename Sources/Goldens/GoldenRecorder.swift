import TraceComparison
import TraceFormat

/// Makes a golden from records that are handed over in the order of execution.
struct GoldenRecorder {
  private var groups: [Group] = []
  private var forms: [GoldenTensor.ID: Form] = [:]
  private var last: RecordKey?

  /// The records of one place, as they come.
  private struct Group {
    let place: GoldenPlace
    var records: [(name: TensorName, record: GoldenRecord)] = []
    var rms = 0.0
  }

  /// What the records of a tensor have in common.
  private struct Form {
    let type: ElementType
    let first: TensorShape
    let firstPosition: Int
    /// Whether there are records of several positions.
    var isSpread = false
    /// By dimension: whether it is the number of positions in every record.
    var arePositions: [Bool]

    init(_ record: Measurement) {
      (type, first, firstPosition) = (record.type, record.shape, record.key.position)
      arePositions = record.shape.dimensions.map { $0 == record.key.position + 1 }
    }

    mutating func add(_ record: Measurement) {
      isSpread = isSpread || record.key.position != firstPosition
      let dimensions = record.shape.dimensions
      for index in arePositions.indices {
        let isPosition = index < dimensions.count && dimensions[index] == record.key.position + 1
        arePositions[index] = arePositions[index] && isPosition
      }
    }

    /// The shape to declare. A single position does not tell a number of positions from another number; the table of
    /// sites does.
    func pattern(_ name: TensorName) -> ShapePattern {
      let dimensions = first.dimensions
      return ShapePattern(
        dimensions.indices.map { index in
          let isKnown = name.site?.shape == .headsByPositions && index == 1
          return arePositions[index] && (isSpread || isKnown) ? nil : dimensions[index]
        })
    }
  }

  /// Takes the next record.
  mutating func add(_ record: Measurement) throws(GoldenError) {
    let key = record.key
    if let last, !(last < key) { throw .cannotRecord("\(key) is not recorded after \(last), as it is computed") }
    last = key
    let place = GoldenPlace(key)
    if groups.last?.place != place { groups.append(Group(place: place)) }
    let sketched = GoldenRecord(type: record.type, shape: record.shape, sketch: Sketch(record))
    groups[groups.count - 1].records.append((key.name, sketched))
    groups[groups.count - 1].rms = record.rms
    let id = GoldenTensor.ID(name: key.name, scope: place.scope)
    if forms[id] == nil { forms[id] = Form(record) } else { forms[id]?.add(record) }
  }

  /// The golden of all records.
  ///
  /// - Parameter source: where they come from, read to its end.
  consuming func finish(_ source: borrowing some TensorSource & ~Copyable) throws(GoldenError) -> Golden {
    guard !groups.isEmpty else { throw .cannotRecord("the trace holds no record") }
    if source.hasTokens, let group = groups.first(where: { source.tokens[$0.place.position] == nil }) {
      throw .cannotRecord("position \(group.place.position) has records but no token")
    }
    let tensors = forms.sorted { $0.key < $1.key }.map { id, form in
      GoldenTensor(name: id.name, scope: id.scope, type: form.type, shape: form.pattern(id.name))
    }
    var places: [GoldenTensor.ID: Int] = [:]
    var counts: [Site.Scope: Int] = [:]
    for tensor in tensors {
      places[tensor.id] = counts[tensor.scope, default: 0]
      counts[tensor.scope, default: 0] += 1
    }
    let finished = groups.map { group in
      var records = [GoldenRecord?](repeating: nil, count: counts[group.place.scope] ?? 0)
      for (name, record) in group.records {
        if let place = places[GoldenTensor.ID(name: name, scope: group.place.scope)] { records[place] = record }
      }
      return GoldenGroup(place: group.place, records: records, rms: Self.printed(group.rms))
    }
    let golden = Golden(header: source.header, tokens: source.tokens, tensors: tensors, groups: finished)
    if let lack = golden.lack {
      throw .cannotRecord(
        "the trace lacks \(lack); a header's 'sites' must name only what the program computes")
    }
    return golden
  }

  /// A root mean square as it is printed, so that reading the text gives the same golden; rounding must not leave
  /// float64.
  private static func printed(_ rms: Double) -> Double {
    min(Double(NumberText.rounded(rms, digits: 4)) ?? rms, 1.797e308)
  }
}
