import JSONText
import Testing

@Suite struct JSONValueTests {
  @Test func valuesAreWrittenExactly() {
    let value = JSONValue.object([
      ("b", .null), ("a", .array([.integer(-1), .unsigned(.max), .number(0.1), .number(1e300), .bool(true)])),
      ("n", .array([.number(.nan), .number(.infinity), .number(-.infinity)])), ("s", .string("a\"\\\n\u{1}\u{e9}")),
    ])
    #expect(
      value.text == #"{"b":null,"a":[-1,18446744073709551615,0.1,1e+300,true],"n":["nan","inf","-inf"],"#
        + #""s":"a\"\\\n\u0001"# + "\u{e9}\"}")
  }
}
