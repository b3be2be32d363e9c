/// A check as a JUnit XML file: one test suite, a test case per tensor and layer. Times are zero, so that the same
/// check writes the same bytes.
package struct JUnitDocument {
  /// The file's text.
  package let text: String

  /// The document of a check.
  package init(_ summary: CheckSummary) {
    let counts =
      "tests=\"\(summary.cases.count)\" failures=\"\(summary.count(of: .failed))\" "
      + "errors=\"\(summary.count(of: .error))\" skipped=\"\(summary.count(of: .skipped))\" time=\"0\""
    var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>"]
    lines.append("<testsuites name=\"\(XMLText.attribute(summary.tool))\" \(counts)>")
    lines.append("  <testsuite name=\"\(XMLText.attribute(summary.subject))\" \(counts)>")
    lines.append("    <properties>")
    for (name, value) in [("verdict", summary.outcome), ("exit_status", String(summary.exitStatus))] {
      lines.append("      <property name=\"\(name)\" value=\"\(XMLText.attribute(value))\"/>")
    }
    lines.append("    </properties>")
    for value in summary.cases { lines += Self.lines(value) }
    lines.append("    <system-out>\(XMLText.content(summary.headline))</system-out>")
    lines.append("  </testsuite>")
    lines.append("</testsuites>")
    text = lines.joined(separator: "\n") + "\n"
  }

  private static func lines(_ value: CheckSummary.Case) -> [String] {
    let message = XMLText.attribute(value.message)
    let detail = XMLText.content(value.detail)
    let content: String
    switch value.status {
    case .passed: content = "<system-out>\(XMLText.content(value.message))</system-out>"
    case .failed: content = "<failure message=\"\(message)\" type=\"failed\">\(detail)</failure>"
    case .error: content = "<error message=\"\(message)\" type=\"error\">\(detail)</error>"
    case .skipped: content = "<skipped message=\"\(message)\"/>"
    }
    let names = "classname=\"\(XMLText.attribute(value.name))\" name=\"\(XMLText.attribute(value.title))\" time=\"0\""
    return ["    <testcase \(names)>", "      \(content)", "    </testcase>"]
  }
}
