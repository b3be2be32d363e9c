import Foundation
import PlatformLibc
import TestSupport
import Testing
import TraceFormat
import TraceSources

/// What operands turn out to be.
@Suite struct TraceOperandsTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["a.trace", "b.trace", "ranks/0.trace", "ranks/1.trace", "ranks/deeper/2.trace", "one/x.trace"] {
      try FileManager.default.createDirectory(
        at: URL(fileURLWithPath: folder.path(name)).deletingLastPathComponent(), withIntermediateDirectories: true)
      try SyntheticTrace().write(to: folder.path(name))
    }
    try SyntheticTrace().write(to: folder.path("ranks/3.trace"), isFinished: false)
    try folder.write([1], as: "ranks/notes.txt")
    try folder.write([1], as: "ranks/.hidden.trace")
    for name in ["both", "arrays", "arrays/deeper", "empty"] {
      try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
    }
    try folder.write(Array("PK\u{3}\u{4}zip".utf8), as: "a.npz")
    try folder.write([0x93] + Array("NUMPY\u{1}\u{0}".utf8), as: "array")
    try folder.write([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), as: "weights.bin")
    try folder.write([1], as: "arrays/q.npy")
    try folder.write([1], as: "arrays/deeper/k.npy")
    try SyntheticTrace().write(to: folder.path("both/a.trace"))
    try folder.write([1], as: "both/k.npy")
  }

  private func operands(_ names: String...) throws(OperandError) -> TraceOperands {
    try TraceOperands(names.map { $0.hasPrefix("/") || $0 == "-" ? $0 : folder.path($0) })
  }

  private func paths(_ names: String...) -> [String] { names.map { folder.path($0) } }

  @Test func files() throws {
    let one = try operands("a.trace")
    #expect(one.content == .file(folder.path("a.trace")) && one.name == folder.path("a.trace"))
    let two = try operands("b.trace", "a.trace")
    #expect(two.content == .parts(paths("b.trace", "a.trace")) && two.inputs == paths("b.trace", "a.trace"))
    #expect(two.name == paths("b.trace", "a.trace").joined(separator: ", "))
    // What is not there is said when it is opened.
    #expect(try operands("none.trace").content == .file(folder.path("none.trace")))
    #expect(TraceOperands.name(of: ["a", "b", "c", "d"]) == "a and 3 more")
  }

  @Test func folders() throws {
    let ranks = try operands("ranks")
    #expect(ranks.content == .parts(paths("ranks/0.trace", "ranks/1.trace", "ranks/3.trace.partial")))
    #expect(try operands("ranks/", "a.trace").inputs.count == 4)
    #expect(try operands("one").content == .parts(paths("one/x.trace")))
    #expect(try operands("arrays").content == .arrays(paths("arrays")))
    #expect(Set(try operands("arrays").inputs) == Set(paths("arrays/q.npy", "arrays/deeper/k.npy")))
  }

  @Test func streams() throws {
    #expect(try operands("-").content == .stream("-") && operands("-").inputs == ["/dev/stdin"])
    #expect(try operands("/dev/null").isStream)
    #expect(mkfifo(folder.path("fifo"), 0o600) == 0)
    #expect(try operands("fifo").content == .stream(folder.path("fifo")))
  }

  @Test(arguments: ["a.npz", "array", "weights.bin"])
  func arrays(name: String) throws {
    #expect(try operands(name).content == .arrays(paths(name)))
    #expect(try operands(name).areArrays)
  }

  @Test func whatDoesNotGoTogether() throws {
    #expect(throws: OperandError.mixture(trace: folder.path("a.trace"), array: folder.path("a.npz"))) {
      try operands("a.npz", "a.trace")
    }
    #expect(throws: OperandError.streamAmongParts("-")) { try operands("a.trace", "-") }
    #expect(throws: OperandError.repeated(folder.path("./a.trace"))) { try operands("a.trace", "./a.trace") }
    #expect(throws: OperandError.repeated(folder.path("ranks/0.trace"))) { try operands("ranks", "ranks/0.trace") }
    #expect(throws: OperandError.emptyFolder(folder.path("empty"))) { try operands("empty") }
    #expect(
      throws: OperandError.mixedFolder(
        folder.path("both"), trace: folder.path("both/a.trace"), array: folder.path("both/k.npy"))
    ) { try operands("both") }
  }

  @Test func messages() throws {
    let messages: [(OperandError, String)] = [
      (.mixture(trace: "a", array: "b"), "expected traces or arrays, found both: a and b"),
      (
        .streamAmongParts("-"),
        "-: expected a file, since there are several parts, found a stream: write it to a file first"
      ),
      (
        .stream("-"),
        "-: expected a file, since the trace is read more than once, found a stream: write it to a file first"
      ),
      (.repeated("a"), "a: the file is named twice"),
      (
        .emptyFolder("f"),
        "f: expected traces (*.trace) or arrays (*.npy, *.npz, *.safetensors) in the folder, found none"
      ),
      (
        .mixedFolder("f", trace: "f/a", array: "f/b"),
        "f: expected traces or arrays in the folder, found both, such as f/a and f/b: name the files"
      ),
      (.trace(path: "a", .cutShort(offset: 64)), "a: the trace is cut short: it ends at offset 64 without a tail"),
      (
        .trace(path: "a", .inPart(path: "b", .notATrace(found: []))),
        "b: not a trace: at offset 0 expected the magic 89 4c 32 54 52 43 0d 0a, found the end of the file"
      ),
      (.folder(FileError("list", "f", reason: "Permission denied")), "f: cannot list: Permission denied"),
    ]
    for (error, message) in messages { #expect(error.description == message) }
  }

  @Test func opening() throws {
    func kind(_ operands: TraceOperands) throws(OperandError) -> String {
      let trace = try Trace(operands)
      return switch trace {
      case .file: "file"
      case .parts(let parts): "\(parts.paths.count) parts"
      case .arrays: "arrays"
      }
    }
    #expect(try kind(operands("a.trace")) == "file")
    #expect(try kind(operands("one")) == "file")
    #expect(try kind(operands("ranks")) == "3 parts")
    var part = SyntheticTrace()
    part.header[integer: .part] = 0
    part.header[integer: .parts] = 2
    try part.write(to: folder.path("one/x.trace"))
    // A folder that holds one of two parts does not hold the trace.
    #expect(try kind(operands("one")) == "1 parts")
    #expect(try kind(operands("one/x.trace")) == "file")
    #expect(throws: OperandError.stream("-")) { try kind(operands("-")) }
    #expect(throws: OperandError.self) { try kind(operands("a.npz")) }
    #expect(throws: OperandError.self) { try kind(operands("none.trace")) }
    #expect(throws: OperandError.self) { try kind(operands("a.trace", "none.trace")) }
  }
}
