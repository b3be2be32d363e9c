import Foundation
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct DocumentTests {
  private static func parse(_ text: String) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func nonFiniteNumbersAreStrings() throws {
    let trace = SyntheticTrace()
    var other = trace
    other.change(RecordKey(.attention, layer: 1, position: 0), at: 6) { _ in -.infinity }
    other.change(RecordKey(.attention, layer: 1, position: 0), at: 7) { _ in .nan }
    let document = VerdictDocument(verdict(trace, other), expectedPath: "a", actualPath: "b")
    let first = try #require(try Self.parse(document.text)["first_divergence"] as? [String: Any])
    #expect(first["actual"] as? String == "-inf")
    #expect(first["abs_error"] as? String == "inf")
    #expect(first["ratio"] as? String == "inf")
    #expect(first["ulp_error"] is NSNull)
    #expect(first["min_rtol"] is NSNull)
    #expect(first["index"] as? [Int] == [6])
    #expect(first["mismatched"] as? Int == 2)
  }

  @Test func listsHoldAtMostAHundredEntriesBesideACount() throws {
    let trace = SyntheticTrace(positions: 8)
    var other = trace
    other.records = other.records.filter { $0.key.name == .site(.embedding) }
    let document = VerdictDocument(verdict(trace, other), expectedPath: "a", actualPath: "b")
    let unmatched = try #require(try Self.parse(document.text)["unmatched"] as? [String: Any])
    #expect((unmatched["expected"] as? [Any])?.count == 100)
    #expect(unmatched["expected_count"] as? Int == trace.records.count - 8)
    #expect((unmatched["actual"] as? [Any])?.isEmpty == true)
  }
}
