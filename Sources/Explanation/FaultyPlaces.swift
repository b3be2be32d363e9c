import Model
import TraceFormat

/// Where in the faulty records of a site elements are wrong.
struct FaultyPlaces {
  /// Places of one kind over all records.
  private struct Places {
    var anywhere: Set<Int> = []
    var everywhere: Set<Int>?

    mutating func take(_ places: Set<Int>) {
      anywhere.formUnion(places)
      everywhere = everywhere?.intersection(places) ?? places
    }

    /// Whether every record is wrong at the same places.
    var isFixed: Bool { everywhere == anywhere }
  }

  private var heads = Places()
  private var elements = Places()
  private var columns = Places()
  private var distances = Places()
  private var layers: Set<Int> = []
  private var layerCount = 0
  private var shape: (count: Int, heads: Int?) = (0, nil)
  private var greatestPosition = 0
  /// Least and greatest number of wrong elements in a record.
  private var (fewest, most) = (Int.max, 0)

  /// Takes a faulty record.
  mutating func take(_ context: CauseContext) {
    let count = context.actual.values.count
    let isAttention = context.site.shape == .headsByPositions
    let length = isAttention ? context.position + 1 : context.sizes.headSize
    let hasHeads = isAttention || context.site.isSplitIntoHeads
    shape = (isAttention ? 0 : count, hasHeads ? count / length : nil)
    greatestPosition = max(greatestPosition, context.position)
    layerCount = context.sizes.layerCount
    if let layer = context.layer { layers.insert(layer) }
    let wrong = (0..<count).filter { !context.isRight($0) }
    fewest = min(fewest, wrong.count)
    most = max(most, wrong.count)
    if hasHeads { heads.take(Set(wrong.map { $0 / length })) }
    if isAttention {
      columns.take(Set(wrong.map { $0 % length }))
      distances.take(Set(wrong.map { length - 1 - $0 % length }))
    } else {
      elements.take(Set(wrong))
    }
  }

  /// Heads at which the fault shows; nil where a site has none.
  var faultyHeads: [Int]? { shape.heads == nil ? nil : heads.anywhere.sorted() }

  /// What was found, a line each.
  ///
  /// - Parameter records: number of faulty records.
  func lines(records: Int) -> [String] {
    var lines: [String] = []
    if !layers.isEmpty, layers.count < layerCount {
      let name = layers.count == 1 ? "layer" : "layers"
      lines.append("wrong in \(name) \(rangesText(layers.sorted())) only; the model has \(layerCount)")
    }
    func text(_ places: Places) -> String {
      if records == 1 { return "" }
      return places.isFixed ? ", the same in every record" : ", not all of them in every record"
    }
    func only(_ one: String, _ several: String, _ places: Places, of count: Int? = nil) -> String {
      let numbers = places.anywhere.sorted()
      let isOne = numbers.count == 1
      return "only \(isOne ? one : several) \(rangesText(numbers))\(count.map { " of \($0)" } ?? "") "
        + "\(isOne ? "is" : "are") wrong\(text(places))"
    }
    if let count = shape.heads, heads.anywhere.count < count {
      lines.append("right in other heads: \(only("head", "heads", heads, of: count))")
    }
    if shape.count > 0, elements.anywhere.count < shape.count,
      elements.isFixed || 2 * elements.anywhere.count < shape.count
    {
      lines.append("right in other elements: \(only("element", "elements", elements, of: shape.count))")
    } else if shape.count > 0, fewest < shape.count {
      let number = fewest == most ? "\(most)" : "\(fewest) to \(most)"
      let place = records > 1 ? " in each record, not the same ones everywhere" : ""
      lines.append("\(number) of \(shape.count) elements are wrong\(place)")
    }
    if shape.count == 0, distances.anywhere.count == 1, let distance = distances.anywhere.first {
      let place = distance == 0 ? "the current position" : "the position \(distance) before"
      lines.append("right elsewhere: only the entry of \(place) is wrong")
    } else if shape.count == 0, columns.isFixed, columns.anywhere.count <= greatestPosition {
      lines.append("right elsewhere: \(only("entry t =", "entries t =", columns))")
    } else if shape.count == 0, let least = distances.anywhere.min(), least > 0 {
      lines.append(
        least == 1
          ? "right for the current position; only entries of earlier positions are wrong"
          : "right for the last \(least) positions; only entries from \(least) positions back on are wrong")
    }
    return lines
  }
}
