import Foundation
import Testing

@testable import CIReports

/// Names and messages that try to be something else.
@Suite struct HostileTextTests {
  private static func summary(_ text: String, status: CheckSummary.Status = .failed) -> CheckSummary {
    CheckSummary(
      tool: text, subject: text, outcome: text, headline: text, exitStatus: status == .failed ? 1 : 2,
      cases: [CheckSummary.Case(name: text, title: text, status: status, message: text, detail: text)])
  }

  @Test(arguments: [
    ("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c'", "a&lt;b&gt;&amp;&quot;c'"),
    ("]]>", "]]&gt;", "]]&gt;"),
    ("one\ntwo\tthree\r", "one\ntwo\tthree&#13;", "one&#10;two&#9;three&#13;"),
    ("\u{0}\u{1B}[31m\u{FFFE}\u{FFFF}", "\\u{0}\\u{1b}[31m\\u{fffe}\\u{ffff}", "\\u{0}\\u{1b}[31m\\u{fffe}\\u{ffff}"),
    ("\u{85}Zo\u{EB} \u{1F600}", "\u{85}Zo\u{EB} \u{1F600}", "\u{85}Zo\u{EB} \u{1F600}"),
  ])
  func inXML(text: String, content: String, attribute: String) {
    #expect(XMLText.content(text) == content)
    #expect(XMLText.attribute(text) == attribute)
  }

  @Test func junitHoldsNothingRaw() {
    let hostile = "</testcase><failure message=\"&\u{7}]]>'"
    for status in CheckSummary.Status.allCases {
      let text = JUnitDocument(Self.summary(hostile, status: status)).text
      #expect(!text.contains(hostile) && !text.contains("<failure message=\"&\u{7}"))
      #expect(text.components(separatedBy: "<testcase ").count == (status == .failed || status == .error ? 2 : 3))
    }
  }

  @Test func theWholeDocument() {
    let summary = CheckSummary(
      tool: "tracediff", subject: "a b", outcome: "diverged", headline: "diverged: here", exitStatus: 1,
      cases: [
        .init(name: "x.embed", layer: nil, status: .passed, message: "1 record"),
        .init(name: "q.rope", layer: 0, status: .failed, message: "beyond", detail: "one\ntwo"),
        .init(name: "q.rope", layer: 1, status: .error, message: "lost"),
        .init(name: "logits", layer: nil, status: .skipped, message: "not asked for"),
      ])
    #expect(
      JUnitDocument(summary).text == """
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="tracediff" tests="4" failures="1" errors="1" skipped="1" time="0">
          <testsuite name="a b" tests="4" failures="1" errors="1" skipped="1" time="0">
            <properties>
              <property name="verdict" value="diverged"/>
              <property name="exit_status" value="1"/>
            </properties>
            <testcase classname="x.embed" name="outside the layers" time="0">
              <system-out>1 record</system-out>
            </testcase>
            <testcase classname="q.rope" name="layer 0" time="0">
              <failure message="beyond" type="failed">one
        two</failure>
            </testcase>
            <testcase classname="q.rope" name="layer 1" time="0">
              <error message="lost" type="error"></error>
            </testcase>
            <testcase classname="logits" name="outside the layers" time="0">
              <skipped message="not asked for"/>
            </testcase>
            <system-out>diverged: here</system-out>
          </testsuite>
        </testsuites>

        """)
  }

  @Test(arguments: [
    ("a:b,c%d", "a:b,c%25d", "a%3Ab%2Cc%25d"),
    ("one\r\n::error::two", "one%0D%0A::error::two", "one%0D%0A%3A%3Aerror%3A%3Atwo"),
    ("100%0A", "100%250A", "100%250A"),
  ])
  func inWorkflowCommands(text: String, data: String, property: String) {
    #expect(WorkflowCommands.data(text) == data)
    #expect(WorkflowCommands.property(text) == property)
  }

  @Test(arguments: [
    "::set-env name=PATH::x", "a\n::add-mask::b", "x,file=/etc/passwd", "title::y", "%0A::stop-commands::z",
    "##[error]",
  ])
  func annotationsStayOneCommandEach(text: String) {
    // The verdict and a case, whose message is another: else it would not be said again.
    let summary = CheckSummary(
      tool: text, subject: text, outcome: text, headline: "verdict: " + text, exitStatus: 1,
      cases: Self.summary(text).cases)
    let lines = WorkflowCommands.annotations(summary)
    #expect(lines.count == 2)
    for line in lines {
      #expect(line.hasPrefix("::error title=") && !line.contains("\n") && !line.contains("\r"))
      let rest = line.dropFirst("::error title=".count)
      let title = rest.prefix(while: { $0 != ":" && $0 != "," })
      #expect(rest.dropFirst(title.count).hasPrefix("::"))
    }
  }

  @Test func annotationsAreFew() {
    let cases = (0..<30).map { (layer: Int) in
      CheckSummary.Case(name: "q.rope", layer: layer, status: .failed, message: "beyond \(layer)")
    }
    let many = CheckSummary(
      tool: "t", subject: "s", outcome: "diverged", headline: "h", exitStatus: 1, cases: cases)
    let lines = WorkflowCommands.annotations(many)
    #expect(lines.count == 10)
    #expect(lines[0] == "::error title=t%3A diverged::h%0As%0A0 passed, 30 failed, 0 errors, 0 skipped")
    #expect(lines[1] == "::error title=q.rope%2C layer 0::beyond 0")
    #expect(lines[9] == "::error title=t%3A diverged::22 more cases failed or could not be checked")
    let nine = CheckSummary(
      tool: "t", subject: "s", outcome: "diverged", headline: "h", exitStatus: 1, cases: Array(cases.prefix(9)))
    #expect(WorkflowCommands.annotations(nine).count == 10)
    #expect(WorkflowCommands.annotations(nine).last == "::error title=q.rope%2C layer 8::beyond 8")
    let fine = CheckSummary(tool: "t", subject: "s", outcome: "identical", headline: "h", exitStatus: 0, cases: [])
    #expect(WorkflowCommands.annotations(fine) == ["::notice title=t%3A identical::h"])
  }

  @Test func markdownHoldsNothingRaw() {
    let text = JobSummary(Self.summary("a|b\n# x <img src=x> `c` [d](e) *f* @g &amp;")).text
    for raw in ["a|b", "\n# x", "<img", "`c`", "[d]", "*f*", "@g", " &amp;\n"] {
      #expect(!text.contains(raw), "\(raw)")
    }
    #expect(text.contains("a&#124;b\\\\n\\# x &lt;img src=x&gt; \\`c\\` \\[d\\]\\(e\\) \\*f\\* &#64;g &amp;amp;"))
  }

  @Test func theJobsPage() {
    let cases = (0..<25).map { CheckSummary.Case(name: "q.rope", layer: $0, status: .failed, message: "beyond") }
    let text = JobSummary(
      CheckSummary(tool: "tracediff", subject: "a b", outcome: "diverged", headline: "h", exitStatus: 1, cases: cases)
    ).text
    #expect(text.hasPrefix("### :x: tracediff\\: diverged\n\nh\n\na b\n\n0 passed, 25 failed, 0 errors, 0 skipped\n"))
    #expect(text.contains("| failed | q.rope | layer 19 | beyond |\n| | | | ... 5 more |\n"))
    #expect(text.contains("| q.rope | 0 | 25 | 0 | 0 |\n"))
  }
}
