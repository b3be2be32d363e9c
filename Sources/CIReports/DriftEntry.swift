package import Explanation
package import TraceComparison
import TraceFormat

/// How far a commit's numerics were from the reference's: one line of a drift history.
package struct DriftEntry: Equatable, Sendable {
  /// One tensor over all layers and positions.
  package struct SiteDrift: Equatable, Sendable {
    /// The tensor's name.
    package var name: String
    /// Greatest of `error / max(abs(expected), rms)`; NaN where NaN or an infinity stands against something else.
    package var error: Double
    /// Greatest ratio of error to allowance.
    package var ratio: Double
    /// Greatest distance in representable numbers.
    package var ulp: UInt64
    /// The layer of the greatest error; nil outside the layers or where no value differs.
    package var layer: Int?
    /// The position of the greatest error; nil where no value differs.
    package var position: Int?
    /// Greatest ratio of error to the bound of rounding; nil where no model was given or nothing was checked.
    package var boundRatio: Double?

    /// A tensor's drift.
    package init(
      name: String, error: Double, ratio: Double, ulp: UInt64, layer: Int? = nil, position: Int? = nil,
      boundRatio: Double? = nil
    ) {
      self.name = name
      self.error = error
      self.ratio = ratio
      self.ulp = ulp
      self.layer = layer
      self.position = position
      self.boundRatio = boundRatio
    }

    /// The same with NaN equal to itself.
    package static func == (left: SiteDrift, right: SiteDrift) -> Bool {
      left.name == right.name && isSame(left.error, right.error) && left.ratio == right.ratio && left.ulp == right.ulp
        && left.layer == right.layer && left.position == right.position && left.boundRatio == right.boundRatio
    }

    private static func isSame(_ left: Double, _ right: Double) -> Bool { left == right || left.isNaN && right.isNaN }
  }

  /// The commit's name.
  package var commit: String
  /// The verdict in one word.
  package var verdict: String
  /// The tolerance that the ratios refer to.
  package var tolerance: String
  /// Number of records compared.
  package var records: Int
  /// Number of elements compared.
  package var elements: Int
  /// The position at which the tokens part; nil where they agree.
  package var tokensPartAt: Int?
  /// The compared tensors in the order of execution.
  package var sites: [SiteDrift]

  /// An entry.
  ///
  /// - Throws: where the commit's name cannot be one.
  package init(
    commit: String, verdict: String, tolerance: String, records: Int, elements: Int, tokensPartAt: Int? = nil,
    sites: [SiteDrift]
  ) throws(DriftError) {
    guard Self.isValid(commit: commit) else { throw .invalidCommit(commit) }
    self.commit = commit
    self.verdict = verdict
    self.tolerance = tolerance
    self.records = records
    self.elements = elements
    self.tokensPartAt = tokensPartAt
    self.sites = sites
  }

  /// The entry of a comparison.
  ///
  /// - Parameter explanation: of the actual trace; nil where no model was given.
  package init(commit: String, _ verdict: Verdict, _ explanation: Explanation? = nil) throws(DriftError) {
    var sites: [SiteDrift] = []
    var places: [TensorName: Int] = [:]
    for value in verdict.cases where value.numbers.records > 0 {
      let place = places[value.name] ?? sites.count
      if place == sites.count {
        places[value.name] = place
        sites.append(SiteDrift(name: value.name.text, error: 0, ratio: 0, ulp: 0))
      }
      sites[place].take(value)
    }
    for (site, summary) in explanation?.sites ?? [:] {
      guard let place = places[.site(site)] else { continue }
      sites[place].boundRatio = summary.layers.compactMap { $0.summary.worst?.judgement.ratio }.max()
    }
    try self.init(
      commit: commit, verdict: verdict.outcome.rawValue, tolerance: verdict.tolerance.description,
      records: verdict.comparedRecords, elements: verdict.comparedElements,
      tokensPartAt: verdict.tokensPart?.position, sites: sites)
  }

  /// Whether a text can name a commit.
  package static func isValid(commit: String) -> Bool {
    (1...200).contains(commit.utf8.count)
      && commit.unicodeScalars.allSatisfy { scalar in
        !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
      }
  }
}

extension DriftEntry.SiteDrift {
  /// Takes the next layer.
  fileprivate mutating func take(_ value: SiteCase) {
    let numbers = value.numbers
    let own = numbers.nonFiniteMismatches > 0 ? .nan : numbers.scaledError
    let isWorse = own.isNaN ? !error.isNaN : own > error
    if numbers.worstPosition >= 0, isWorse || position == nil && !error.isNaN {
      (error, layer, position) = (own, value.layer, numbers.worstPosition)
    }
    ratio = max(ratio, numbers.ratio)
    ulp = max(ulp, numbers.ulpError)
  }
}
