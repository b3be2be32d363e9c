import TraceFormat

/// What a golden declares once for all records of a name: where in a position it stands, its format and its shape.
struct GoldenTensor: Equatable, Sendable {
  /// The name.
  let name: TensorName
  /// Before the layers, in each layer, or after them.
  let scope: Site.Scope
  /// The format of its records, if they do not say otherwise.
  let type: ElementType
  /// The shape of its records, if they do not say otherwise.
  let shape: ShapePattern

  /// As it stands in a golden, after `tensor`.
  var text: String { "\(name.text) \(scope.rawValue) \(type.name) \(shape.text)" }

  /// What names it among others.
  var id: ID { ID(name: name, scope: scope) }

  /// Name and scope: a name may stand in several scopes.
  struct ID: Hashable, Comparable {
    let name: TensorName
    let scope: Site.Scope

    static func < (left: ID, right: ID) -> Bool { (left.scope.rank, left.name) < (right.scope.rank, right.name) }
  }
}
