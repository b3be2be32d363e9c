import Foundation
import Testing
import TestSupport

/// The seed files of the fuzz targets go through the same functions in every test run.
@Suite struct CorpusTests {
  private static let folder = BuiltProgram.repository.appendingPathComponent("Tests/Fuzz/corpus")

  private func bytes(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: Self.folder.appendingPathComponent(name)))
  }

  @Test(arguments: ["v0.trace", "v1.trace", "v2.trace"])
  func wholeTracesAreAccepted(name: String) throws {
    #expect(try FuzzedReaders.trace(bytes("trace/\(name)")) == .accepted)
  }

  @Test(arguments: ["v0-cut.trace", "v1-cut.trace", "v2-cut.trace"])
  func cutTracesAreNot(name: String) throws {
    #expect(try FuzzedReaders.trace(bytes("trace/\(name)")) != .accepted)
  }

  @Test(arguments: ["v0.bin", "v1.bin", "v2.bin"])
  func wholeCheckpointsAreAccepted(name: String) throws {
    #expect(try FuzzedReaders.checkpoint(bytes("checkpoint/\(name)")) == .accepted)
  }

  @Test(arguments: ["v0-cut.bin", "v1-cut.bin", "v2-cut.bin"])
  func cutCheckpointsAreNot(name: String) throws {
    #expect(try FuzzedReaders.checkpoint(bytes("checkpoint/\(name)")) != .accepted)
  }

  @Test(arguments: [("whole.bin", true), ("cut.bin", false)])
  func tokenizers(name: String, isWhole: Bool) throws {
    #expect((try FuzzedReaders.tokenizer(bytes("tokenizer/\(name)")) == .accepted) == isWhole)
  }

  /// A vocabulary without BOS once made encoding trap.
  @Test func aVocabularyOfOneTokenDoesNotTrap() throws {
    let outcome = try FuzzedReaders.tokenizer(bytes("tokenizer/one-token.bin"))
    if case .refused = outcome { Issue.record("nothing was encoded: \(outcome)") }
  }

  @Test(arguments: ["npz/v0.npz", "npz/v2.npz", "safetensors/v0.safetensors", "safetensors/v2.safetensors"])
  func exportsAreAccepted(name: String) throws {
    let bytes = try bytes(name)
    #expect(
      try name.hasPrefix("npz") ? FuzzedReaders.npz(bytes) == .accepted : FuzzedReaders.safetensors(bytes) == .accepted)
  }

  @Test(arguments: [
    "npz/v0-cut.npz", "npz/numpy.npz", "npz/name-of-control-characters.npz", "safetensors/v2-cut.safetensors",
  ])
  func arraysThatAreCutOrNeedAMappingAreNot(name: String) throws {
    let bytes = try bytes(name)
    #expect(try FuzzedReaders.npz(bytes) != .accepted)
  }

  @Test func mappings() throws {
    #expect(try FuzzedReaders.mapping(bytes("mapping/sample.map")) == .accepted)
    for page in 0...1 { #expect(try FuzzedReaders.mapping(bytes("mapping/page-\(page).map")) != .accepted) }
  }

  @Test(arguments: ["v0.golden", "v1.golden", "v2.golden"])
  func goldens(name: String) throws {
    let whole = try bytes("golden/\(name)")
    #expect(try FuzzedReaders.golden(whole) == .accepted)
    #expect(try FuzzedReaders.golden(Array(whole.dropLast(40))) != .accepted)
  }

  @Test func histories() throws {
    let whole = try bytes("history/two.jsonl")
    #expect(try FuzzedReaders.history(whole) == .accepted)
    #expect(try FuzzedReaders.history(Array(whole.dropLast(40))) != .accepted)
  }
}
