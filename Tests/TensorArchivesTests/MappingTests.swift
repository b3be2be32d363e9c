@testable import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct MappingTests {
  @Test func statements() throws {
    let mapping = try Samples.mapping(
      "# a run of two layers", "",
      "tensor q{layer} -> q.proj axes=batch,position,head,element batch=1 rope=halves:8 # rotated",
      "tensor \"my array {position}\" -> x.embed positions=-1 dtype=bfloat16",
      "\ttokens ids axes=one,position positions=3\r",
      "ignore mask*", "set dim = 64", "set rms_norm_eps = 1e-05", "set prompt = \"once \\\"upon\\\"  a time\"",
      "set producer = \"my port\"", "tensor {site}.{layer}.{position} -> my.{site} layers=-1")
    #expect(mapping.statements.map(\.line) == [3, 4, 5, 6, 11])
    var rotated = ArrayReading()
    rotated.axes = [.batch, .position, .head, .element]
    (rotated.batch, rotated.rotation) = (1, .halves(size: 8))
    var embedded = ArrayReading()
    (embedded.firstPosition, embedded.isBFloat16) = (-1, true)
    var tokens = ArrayReading()
    (tokens.axes, tokens.firstPosition) = ([.one, .position], 3)
    var others = ArrayReading()
    others.firstLayer = -1
    #expect(
      mapping.statements.map(\.action) == [
        .tensor(name: "q.proj", rotated), .tensor(name: "x.embed", embedded), .tokens(tokens), .ignore,
        .tensor(name: "my.{site}", others),
      ])
    #expect(mapping.statements[1].pattern.text == "my array {position}")
    #expect(mapping.producer == "my port")
    #expect(
      mapping.fields == [
        "dim": .integer(64), "rms_norm_eps": .real(1e-05), "prompt": .text(Array("once \"upon\"  a time".utf8)),
      ])
  }

  /// Lines that are wrong: what is said to be expected, and found.
  @Test(arguments: [
    ("tenser a -> b", "tensor, tokens, ignore or set", "tenser (tensor?)"), ("tensor", "a pattern", "nothing"),
    ("tensor a b", "tensor PATTERN -> SITE", "no '->' and site after 'a'"),
    ("tensor a ->", "tensor PATTERN -> SITE", "no '->' and site after 'a'"),
    ("tensor a \"->\" b", "tensor PATTERN -> SITE", "no '->' and site after 'a'"),
    ("tensor {lay} -> b", "{layer}, {position} or {site}, or \\{ for a brace", "{lay}"),
    ("tensor a{position} -> {site}", "{site} in the pattern too", "{site}"),
    ("tensor {site}{position} -> {site}{site}", "printable ASCII without blanks and , * ? = { } \\", "{site}{site}"),
    ("tensor a{position} -> b,c", "printable ASCII without blanks and , * ? = { } \\", "b,c"),
    ("tensor a{position} -> \"b c\"", "printable ASCII without blanks and , * ? = { } \\", "b c"),
    ("tensor a -> b", "{position} in the pattern or position among the axes", "neither"),
    ("tensor a{position} -> b axis=one", "axes=, batch=, positions=, layers=, rope=, dtype=", "axis=one (axes?)"),
    ("tensor a{position} -> b axes", "axes=, batch=, positions=, layers=, rope=, dtype=", "axes (axes?)"),
    ("tensor a -> b axes=position axes=position", "each once", "axes=position"),
    ("tensor a -> b axes=position,heads", "batch, layer, position, head, element, feature, key, one", "heads (head?)"),
    ("tensor a -> b axes=position,", "batch, layer, position, head, element, feature, key, one", "nothing"),
    ("tensor a -> b axes=position,head,head", "each once", "position,head,head"),
    ("tensor a -> b axes=position,head,feature", "feature or head", "both"),
    ("tensor a -> b axes=position,element,feature", "feature or element", "both"),
    ("tensor a -> b axes=position,key,feature", "key or feature", "both"),
    ("tensor a -> b axes=position,key,element", "key or element", "both"),
    ("tensor {position} -> b axes=position", "a number in the name or an axis", "both"),
    ("tensor {layer} -> b axes=position,layer", "a number in the name or an axis", "both"),
    ("tensor a{position} -> b batch=0", "batch among the axes, for batch=", "none"),
    ("tensor a -> b axes=position,batch batch=-1", "an integer of at least 0", "-1"),
    ("tensor a -> b axes=position positions=x", "an integer of at least -2147483647", "x"),
    ("tensor a -> b axes=position layers=1", "{layer} in the pattern or layer among the axes", "neither"),
    ("tensor a{position} -> b rope=pairs", "halves or halves:SIZE", "pairs"),
    ("tensor a{position} -> b rope=halves:7", "an even number", "7"),
    ("tensor a{position} -> b rope=halves:0", "an integer of at least 2", "0"),
    ("tensor a{position} -> b dtype=float32", "bfloat16", "float32"),
    ("tokens", "a pattern", "nothing"), ("tokens a axes=head", "batch, position and one", "head"),
    ("tokens a{layer}", "no {layer}", "a{layer}"), ("tokens a rope=halves", "axes=, batch=, positions=", "rope=halves"),
    ("ignore", "a pattern", "nothing"), ("ignore a b", "ignore PATTERN and nothing more", "b"),
    ("set dim 64", "set FIELD = VALUE", "set dim 64"), ("set dim = 6.5", "an integer", "6.5"),
    ("set dims = 6", "producer or a header field of a trace", "dims (dim?)"),
    ("set rope_base = inf", "a finite number", "inf"), ("set rope_base = x", "a finite number", "x"),
    ("set producer = \"\"", "1 to 64 bytes, none of them zero", ""), ("ignore \"a", "a second double quote", "its end"),
    ("ignore a\\", "a character after the backslash", "its end"),
    ("ignore \\u{}", "the number of a character behind \\u, as \\u{e9}", "its end"),
    ("ignore \\u{d800}", "the number of a character behind \\u, as \\u{e9}", "its end"),
    ("ignore \\u{layer}", "the number of a character behind \\u, as \\u{e9}", "its end"),
    ("ignore \\u{-0}", "the number of a character behind \\u, as \\u{e9}", "its end"),
    ("ignore \\u{100000041}", "the number of a character behind \\u, as \\u{e9}", "its end"),
    ("ignore \\u{41", "the number of a character behind \\u, as \\u{e9}", "its end"),
  ])
  func badLines(line: String, expected: String, found: String) throws {
    let error = try #require(Samples.error { () throws(ArchiveError) in _ = try Samples.mapping("# one", line) })
    #expect(error.file == "map" && error.place == .line(2))
    guard case .invalid(_, expected, found) = error.rule else {
      Issue.record("\(error)")
      return
    }
  }

  @Test(arguments: ["set dim = 1\nset dim = 1", "set producer = a\nset producer = a"])
  func fieldsSetTwice(text: String) throws {
    let error = try #require(
      Samples.error { () throws(ArchiveError) in _ = try ArrayMapping(Array(text.utf8), file: "map") })
    guard case .invalid("field", expected: "each once", _) = error.rule else {
      Issue.record("\(error)")
      return
    }
    #expect(error.place == .line(2))
  }

  @Test func notText() {
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try ArrayMapping([0x61, 0xFF], file: "map") }
        == ArchiveError("map", .file, .invalid("mapping", expected: "UTF-8 text", found: "other bytes")))
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try ArrayMapping(path: "/no/such/file") }?.fileError?.isMissing
        == true)
  }

  @Test func filesThatAreTooLong() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([UInt8](repeating: 0x0A, count: 1 << 20 + 1), as: "map")
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try ArrayMapping(path: path) }
        == ArchiveError(
          path, .file,
          .invalid("length of the mapping", expected: "at most 1048576 bytes", found: "more")))
  }
}
