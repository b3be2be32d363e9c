/// What a check found, as CI systems want it told: a case per tensor and layer, each with a status.
///
/// The statuses agree with the exit status: 0 has neither a failure nor an error, 1 at least one failure, 2 at least
/// one error. Where no single case says so, a case named `verdict` does.
package struct CheckSummary: Equatable, Sendable {
  /// How a case ended.
  package enum Status: String, Sendable, CaseIterable {
    /// As it should be.
    case passed
    /// Beyond tolerance, or a fault.
    case failed
    /// It could not be checked, and should have been.
    case error
    /// It was not asked for, or cannot be checked.
    case skipped
  }

  /// One tensor at one layer over all positions, or something else that can go wrong.
  package struct Case: Equatable, Sendable {
    /// The tensor's name, or what the case is about.
    package var name: String
    /// What of it: `layer 3`.
    package var title: String
    /// How it ended.
    package var status: Status
    /// One line.
    package var message: String
    /// Further lines; empty where there are none.
    package var detail: String

    /// A case.
    package init(name: String, title: String, status: Status, message: String, detail: String = "") {
      self.name = name
      self.title = title
      self.status = status
      self.message = message
      self.detail = detail
    }

    /// The case of a tensor.
    ///
    /// - Parameter layer: nil for a tensor outside the layers.
    package init(name: String, layer: Int?, status: Status, message: String, detail: String = "") {
      let title = layer.map { "layer \($0)" } ?? "outside the layers"
      self.init(name: name, title: title, status: status, message: message, detail: detail)
    }
  }

  /// The command that checked: `tracediff explain`.
  package let tool: String
  /// What was checked, mostly the files as they were named.
  package let subject: String
  /// The verdict in one word.
  package let outcome: String
  /// The verdict in one line.
  package let headline: String
  /// The command's exit status: 0, 1 or 2.
  package let exitStatus: Int32
  /// The cases in the order of execution.
  package let cases: [Case]

  /// A summary; a case is added where none of the given ones has the status that the exit status asks for.
  package init(
    tool: String, subject: String, outcome: String, headline: String, exitStatus: Int32, cases: [Case]
  ) {
    self.tool = tool
    self.subject = subject
    self.outcome = outcome
    self.headline = headline
    self.exitStatus = exitStatus
    let needed: Status? = exitStatus == 0 ? nil : exitStatus == 1 ? .failed : .error
    if let needed, !cases.contains(where: { $0.status == needed }) {
      self.cases = cases + [Case(name: "verdict", title: outcome, status: needed, message: headline)]
    } else {
      self.cases = cases
    }
  }

  /// A check that could not be made.
  ///
  /// - Parameter message: why, in one line.
  package init(tool: String, subject: String, trouble message: String) {
    self.init(tool: tool, subject: subject, outcome: "trouble", headline: message, exitStatus: 2, cases: [])
  }

  /// Number of cases of a status.
  package func count(of status: Status) -> Int { cases.count { $0.status == status } }

  /// As `5 passed, 1 failed, 0 errors, 2 skipped`.
  package var countsText: String {
    let errors = count(of: .error)
    return "\(count(of: .passed)) passed, \(count(of: .failed)) failed, \(errors) \(errors == 1 ? "error" : "errors"), "
      + "\(count(of: .skipped)) skipped"
  }
}
