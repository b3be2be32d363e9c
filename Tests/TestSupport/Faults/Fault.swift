package import Model
package import TraceFormat

/// A mistake that a port of llama2.c can have: where it sits and what it computes there. Everything after it inherits
/// it.
package struct Fault: Sendable, CustomStringConvertible {
  /// Unique name in kebab case.
  package let id: String
  /// The cause that a perfect explanation would name; nil for mistakes outside the catalogue.
  package let causeID: String?
  /// The sites that are computed wrongly: one operation, or one operation on queries and on keys.
  package let sites: [Site]
  /// Sites whose results it wants to see again later, as a port's own buffer or a stale one holds them.
  let remembers: [Site]
  private let condition: @Sendable (RunShape) -> Bool
  let compute: Computation

  /// Computes one of the sites the way the mistaken port does.
  typealias Computation = @Sendable (FaultyStep, inout ForwardState<Float>, borrowing Checkpoint) -> Void

  init(
    _ id: String, cause: String?, at sites: [Site], remembering: [Site] = [],
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true }, _ compute: @escaping Computation
  ) {
    self.id = id
    causeID = cause
    self.sites = sites
    remembers = remembering
    self.condition = condition
    self.compute = compute
  }

  /// Whether the mistake computes something else than llama2.c does in a run of this shape.
  ///
  /// - Parameter groupSize: of an int8 run; nil for float32.
  package func applies(to sizes: Configuration, groupSize: Int?) -> Bool {
    condition(RunShape(sizes: sizes, groupSize: groupSize))
  }

  /// The id.
  package var description: String { id }

  /// The catalogue: mistakes that an explanation should name.
  package static let all: [Fault] =
    embeddings + norms + products + rotations + scores + softmaxes + attentions + residuals + feedForwards
    + quantizations + rarer.filter { $0.causeID != nil }

  /// The fault of the catalogue, or outside it, with an id.
  package static func named(_ id: String) -> Fault? { (all + unlisted).first { $0.id == id } }
}

/// What decides whether a mistake can show in a run.
struct RunShape {
  let sizes: Configuration
  let groupSize: Int?

  var isQuantized: Bool { groupSize != nil }
  var hasSeveralLayers: Bool { sizes.layerCount > 1 }
  /// Whether query heads share keys and values, and not all of them the same.
  var hasGroupedHeads: Bool { sizes.keyValueHeadCount > 1 && sizes.keyValueHeadCount < sizes.headCount }
}
