import Testing
import ToolSupport
import TraceFormat

@Suite struct CommandTests {
  struct Options: Equatable {
    var steps = 0
    var names: [String] = []
    var isLoud = false
    var isQuiet = false
    var prompt: [UInt8] = []
  }

  static var command: Command<Options> {
    Command(name: "tool", usage: ["FILE [options]"], summary: "Does things.", groups: [OptionGroup("Things", options)])
  }

  private static var options: [Option<Options>] {
    [
      Option(
        "steps", short: "n", value: "N", help: "How many.",
        effect: { target, value throws(UsageError) in target.steps = try value.integer(in: 0...100) }),
      Option(
        "name", value: "NAME", help: "Which.",
        effect: { target, value throws(UsageError) in target.names.append(try value.text()) }),
      Option(
        "prompt", short: "i", value: "TEXT", help: "Bytes.",
        effect: { target, value throws(UsageError) in target.prompt = value.argument.bytes }),
      Option("loud", short: "l", help: "Loud.", effect: { $0.isLoud = true }),
      Option("quiet", short: "q", help: "Quiet.", effect: { $0.isQuiet = true }),
    ]
  }

  static func parse(_ arguments: [String]) throws -> (Options, Command<Options>.Request) {
    var options = Options()
    let request = try command.parse(arguments.map { Argument($0) }, into: &options)
    return (options, request)
  }

  @Test(arguments: [["-n", "5"], ["-n5"], ["--steps", "5"], ["--steps=5"], ["-n", "7", "--steps", "5"], ["-ln5"]])
  func waysToGiveAValue(arguments: [String]) throws {
    #expect(try Self.parse(arguments).0.steps == 5)
  }

  @Test func listsOperandsAndTheEndOfOptions() throws {
    let (options, request) = try Self.parse(["a", "--name", "x", "-lq", "--name=-y", "-", "--", "--loud", "b"])
    #expect(options == Options(names: ["x", "-y"], isLoud: true, isQuiet: true))
    #expect(request == .run(operands: ["a", "-", "--loud", "b"].map { Argument($0) }))
    #expect(try Self.parse(["-i", "-l"]).0 == Options(prompt: Array("-l".utf8)))
  }

  @Test func bytesThatAreNotText() throws {
    var options = Options()
    _ = try Self.command.parse([Argument("-i"), Argument(bytes: [0xFF, 0x41])], into: &options)
    #expect(options.prompt == [0xFF, 0x41])
    #expect(throws: UsageError(#"option '--name' needs UTF-8 text, not '\xffA'"#)) {
      _ = try Self.command.parse([Argument("--name"), Argument(bytes: [0xFF, 0x41])], into: &options)
    }
  }

  @Test(arguments: [
    (["--stpes", "5"], "unknown option '--stpes'; did you mean '--steps'? see --help"),
    (["--foo"], "unknown option '--foo'; see --help"),
    (["--foo=3"], "unknown option '--foo'; see --help"),
    (["-x"], "unknown option '-x'; see --help"),
    (["-n"], "option '-n' needs a value"),
    (["--name"], "option '--name' needs a value"),
    (["--loud=1"], "option '--loud' takes no value"),
    (["--help=1"], "option '--help' takes no value"),
    (["-n", "five"], "option '-n' needs an integer from 0 to 100, not 'five'"),
    (["-n", "101"], "option '-n' needs an integer from 0 to 100, not '101'"),
    (["-n", "5\n"], "option '-n' needs an integer from 0 to 100, not '5\\n'"),
  ])
  func usageErrors(arguments: [String], message: String) {
    #expect(throws: UsageError(message)) { try Self.parse(arguments) }
  }

  @Test func helpAndVersionWinOverWhatFollows() throws {
    #expect(try Self.parse(["--help", "--foo"]).1 == .help)
    #expect(try Self.parse(["-n", "bad", "-V"]).1 == .version)
    #expect(throws: UsageError.self) { try Self.parse(["--foo", "--help"]) }
  }

  @Test(arguments: ["1.5", "-2", "1e-5", ".5", "+3"])
  func decimalNumbers(text: String) throws {
    #expect(try OptionValue(option: "-t", argument: Argument(text)).number() == Double(text))
  }

  @Test(arguments: ["", "nan", "inf", "0x10", "1.5 ", " 1", "1,5", "1e999", "abc"])
  func notDecimalNumbers(text: String) {
    #expect(throws: UsageError("option '-t' needs a finite number, not '\(text)'")) {
      try OptionValue(option: "-t", argument: Argument(text)).number()
    }
  }

  @Test func rangesAndPatterns() throws {
    func value(_ text: String) -> OptionValue { OptionValue(option: "--x", argument: Argument(text)) }
    #expect(try value("2..5").range() == IndexRange(first: 2, last: 5))
    #expect(throws: UsageError("option '--x' needs a range such as 2, 2..5, 2.. or ..5, not '5..2'")) {
      try value("5..2").range()
    }
    #expect(try value("q,att.*").patterns() == [NamePattern("q"), NamePattern("att.*")])
    for text in ["", "q,,k", ","] { #expect(throws: UsageError.self) { try value(text).patterns() } }
  }

  @Test func theHelpIsAtMostAHundredColumnsWide() {
    let help = Self.command.help
    #expect(help.hasPrefix("usage: tool FILE [options]\n"))
    #expect(help.contains("  -n, --steps N           How many.\n"))
    #expect(help.contains("  -h, --help              Print this text.\n"))
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test func messagesStayOnOneLine() {
    #expect(visibleText(Array("a\nb\u{1b}[31m\u{202e}".utf8)) == #"a\nb\x1b[31m\u{202e}"#)
    #expect(visibleText([0x41, 0xC3, 0x28, 0xF0, 0x9F], quoted: true) == #"A\xc3(\xf0\x9f"#)
    #expect(visibleText(Array(#"a"\"#.utf8), quoted: true) == #"a\"\\"#)
  }
}
