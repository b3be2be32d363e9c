/// A tensor whose largest error is another than at the commit before.
package struct DriftMove: Equatable, Sendable {
  /// The commit that moved it.
  package var commit: String
  /// The commit before.
  package var previous: String
  /// The tensor's name.
  package var name: String
  /// The largest error before; nil where the tensor was not compared.
  package var from: Double?
  /// The largest error now; nil where the tensor is not compared.
  package var to: Double?
  /// The layer of the error now.
  package var layer: Int?
  /// The position of the error now.
  package var position: Int?

  /// The error now over the error before; nil where one of them is missing, zero or not finite.
  package var factor: Double? {
    guard let from, let to, from > 0, to > 0, from.isFinite, to.isFinite else { return nil }
    return to / from
  }

  /// All moves of a history, the latest commit first, and of one commit in the order of execution.
  ///
  /// - Parameter isWanted: which tensors count.
  package static func all(_ entries: [DriftEntry], isWanted: (String) -> Bool) -> [DriftMove] {
    var moves: [DriftMove] = []
    for index in entries.indices.dropFirst().reversed() {
      moves += between(entries[index - 1], entries[index]).filter { isWanted($0.name) }
    }
    return moves
  }

  private static func between(_ before: DriftEntry, _ after: DriftEntry) -> [DriftMove] {
    let old = Dictionary(before.sites.map { ($0.name, $0) }) { first, _ in first }
    let names = Set(after.sites.map(\.name))
    var moves: [DriftMove] = []
    for site in after.sites {
      let from = old[site.name]?.error
      guard from != site.error, !(site.error.isNaN && from?.isNaN == true) else { continue }
      moves.append(
        DriftMove(
          commit: after.commit, previous: before.commit, name: site.name, from: from, to: site.error,
          layer: site.layer, position: site.position))
    }
    for site in before.sites where !names.contains(site.name) {
      moves.append(
        DriftMove(commit: after.commit, previous: before.commit, name: site.name, from: site.error, to: nil))
    }
    return moves
  }
}
