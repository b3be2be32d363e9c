import Foundation
import TestSupport
import Testing
import TraceFormat

@Suite struct TracediffExportTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  private func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path).filter { $0.hasPrefix("out") }.sorted()
  }

  @Test(arguments: ["out.npz", "out.safetensors"])
  func bothFormats(name: String) throws {
    let result = try fixture.run("export", "a.trace", "-o", name)
    #expect(result.status == 0 && result.output == "")
    #expect(result.errors.hasPrefix("tracediff: 111 records, ") && result.errors.hasSuffix(" in \(name)\n"))
    #expect(try files() == [name])
    // What is read back is written again, byte for byte.
    let again = name.replacingOccurrences(of: "out", with: "again")
    #expect(try fixture.run("export", name, "-o", again).status == 0)
    #expect(try fixture.folder.read(again) == fixture.folder.read(name))
  }

  @Test func selections() throws {
    let result = try fixture.run("export", "a.trace", "--only", "logits", "--positions", "1..", "-o", "out.npz")
    #expect(result.status == 0 && result.errors.hasPrefix("tracediff: 2 records, "))
  }

  /// Command lines and files that are refused, and what is said; no file is left.
  @Test(arguments: [
    (["a.trace"], "option '-o' is needed: the name of the file to write; see tracediff export --help"),
    (["-o", "out.npz"], "a trace is needed; see tracediff export --help"),
    (["a.trace", "-o", "out.zip"], "option '-o' needs a name that ends in .npz or .safetensors, not 'out.zip'"),
    (["a.trace", "-o", "out.npz", "--only", "x.foo"], "option '--only': no tensor of a.trace matches 'x.foo'"),
    (
      ["a.trace", "-o", "out.npz", "--layers", "7"],
      "a.trace holds no tensor of that site, layer and position; it holds layers 0..1, positions 0..2"
    ),
    (
      ["a.trace", "-o", "out.npz", "--map", "a.trace"],
      "option '--map' needs arrays, and a.trace is not any"
    ),
    (["none", "-o", "out.npz"], "none: cannot open: No such file or directory"),
  ])
  func refused(arguments: [String], message: String) throws {
    let result = try fixture.run(["export"] + arguments)
    #expect(result.status == 2 && result.output == "")
    #expect(result.errors == "tracediff: \(message)\n")
    #expect(try files() == [])
  }

  @Test func damagedTracesAreNotExported() throws {
    let cut = try fixture.run("export", "cut.trace.partial", "-o", "out.npz")
    #expect(cut.status == 2)
    #expect(
      cut.errors.hasPrefix("tracediff: only whole traces are exported: cut.trace.partial: the trace is cut short"))
    var bytes = try fixture.folder.read("a.trace")
    let place = try #require(Data(bytes).lastRange(of: Data("v.proj".utf8), in: 0..<(bytes.count / 2))).lowerBound
    bytes[place + 16] ^= 1
    try fixture.folder.write(bytes, as: "damaged.trace")
    let damaged = try fixture.run("export", "damaged.trace", "-o", "out.npz")
    #expect(damaged.status == 2 && damaged.errors.contains("v.proj, layer"))
    #expect(damaged.errors.contains(" cannot be exported: record at offset ") && damaged.errors.contains("is damaged"))
    #expect(try files() == [])
  }

  #if os(Linux)
    /// Arrays are never copied whole, transposed ones included: a hundred times the size takes no more memory.
    @Test(arguments: ["position,feature", "feature,position"])
    func memoryDoesNotGrowWithAnArray(axes: String) throws {
      let program = try BuiltProgram("tracediff")
      try fixture.folder.write(Array("tensor x -> x.embed axes=\(axes)\n".utf8), as: "map")
      let peaks = try [512, 51200].map { length in
        let shape = axes.hasPrefix("position") ? "(32, \(length))" : "(\(length), 32)"
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }"
        let padding = String(repeating: " ", count: 117 - text.utf8.count)
        let header = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0] + Array((text + padding + "\n").utf8)
        try fixture.folder.write(header + [UInt8](repeating: 1, count: 32 * 8 * length), as: "x.npy")
        return try program.peakAnonymousMemory(
          ["export", "x.npy", "--map", "map", "-o", "out.npz"], cwd: fixture.folder.url)
      }
      #expect(try fixture.folder.read("out.npz").count > 32 * 8 * 51200)
      #expect(peaks[1] - peaks[0] < 2 << 20, "\(peaks)")
    }
  #endif
}
