import TestSupport
import Testing

@testable import Explanation

/// The catalogue of causes.
@Suite struct CauseTests {
  /// A cause without a planted fault could be wrong without anyone seeing it.
  @Test func everyCauseHasAFault() {
    let planted = Set(Fault.all.compactMap(\.causeID))
    let ids = Set(Catalogue.all.map(\.id))
    #expect(ids.subtracting(planted).sorted() == [])
    #expect(planted.subtracting(ids).sorted() == [])
  }

  @Test func alternativesAreListed() {
    #expect(alternativesText([]) == "")
    #expect(alternativesText(["a"]) == "a")
    #expect(alternativesText(["a", "b"]) == "a or b")
    #expect(alternativesText(["a", "b", "c"], last: "and") == "a, b and c")
    #expect(alternativesText(["a, with b", "c"]) == "a, with b; or c")
    #expect(alternativesText(["a", "b", "c", "d"], limit: 2) == "a, b or one of 2 more")
  }
}
