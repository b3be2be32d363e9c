import Dispatch
public import Foundation

/// A program that the package builds, run as a user would run it.
public struct BuiltProgram: Sendable {
  /// What a program left behind.
  public struct Outcome: Sendable {
    /// Exit status; the negated signal number where a signal ended it.
    public var status: Int32
    /// Bytes of standard output.
    public var standardOutput: [UInt8]
    /// Bytes of standard error.
    public var standardError: [UInt8]

    /// Standard output as text.
    public var output: String { String(decoding: standardOutput, as: UTF8.self) }
    /// Standard error as text.
    public var errors: String { String(decoding: standardError, as: UTF8.self) }
  }

  /// Why a program cannot be run.
  public enum Failure: Error, CustomStringConvertible {
    /// It is in none of these folders.
    case notBuilt(String, searched: [String])

    /// One line with the remedy.
    public var description: String {
      switch self {
      case .notBuilt(let name, let searched):
        "\(name) is not built: run 'make' or set LLAMA2_BIN (searched \(searched.joined(separator: ", ")))"
      }
    }
  }

  /// Where the program is.
  public let url: URL

  /// A program at a known place, such as a shell.
  public init(url: URL) { self.url = url }

  /// Finds a program: in the folder that `LLAMA2_BIN` names, else in the repository's `bin`, else beside the tests.
  ///
  /// When `LLAMA2_BIN` is set no other folder is searched, so that a test never runs another build by accident.
  public init(_ name: String) throws {
    let folders = Self.folders
    let candidates = folders.map { $0.appendingPathComponent(name) }
    guard let url = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
      throw Failure.notBuilt(name, searched: folders.map(\.path))
    }
    self.url = url
  }

  /// The top folder of the repository.
  public static let repository: URL = {
    var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    while folder.path != "/" {
      if FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) { return folder }
      folder.deleteLastPathComponent()
    }
    return URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
  }()

  private static var folders: [URL] {
    if let folder = ProcessInfo.processInfo.environment["LLAMA2_BIN"], !folder.isEmpty {
      return [URL(fileURLWithPath: folder)]
    }
    let besideTests = URL(fileURLWithPath: CommandLine.arguments.first ?? "").deletingLastPathComponent()
    let bundles = Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    return [repository.appendingPathComponent("bin"), besideTests] + bundles
  }

  /// Runs the program and waits for its end. Both of its outputs are read while it runs, so none of them can block it.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - stdin: bytes of standard input.
  ///   - cwd: working folder; the current one by default.
  ///   - environment: variables set on top of the current ones.
  public func run(
    _ arguments: [String], stdin: [UInt8] = [], cwd: URL? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    if let cwd { process.currentDirectoryURL = cwd }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    // A program that ends without reading its input must not end the tests.
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    let group = DispatchGroup()
    let collected = (output: Collected(), errors: Collected())
    for (pipe, bytes) in [(output, collected.output), (errors, collected.errors)] {
      let handle = pipe.fileHandleForReading
      DispatchQueue.global().async(group: group) { bytes.store(handle.readDataToEndOfFile()) }
    }
    try? input.fileHandleForWriting.write(contentsOf: Data(stdin))
    try? input.fileHandleForWriting.close()
    group.wait()
    process.waitUntilExit()
    let status = process.terminationStatus
    return Outcome(
      status: process.terminationReason == .uncaughtSignal ? -status : status,
      standardOutput: collected.output.bytes, standardError: collected.errors.bytes)
  }

  #if os(Linux)
    /// Runs the program, without its output, and watches how much memory it holds itself, mapped files apart. On a busy
    /// machine it may end before anybody has looked; then it is run again, unless it has read a pipe.
    ///
    /// - Parameter standardInput: what the program reads; the tests' own standard input by default.
    /// - Returns: the greatest value seen, in bytes.
    public func peakAnonymousMemory(_ arguments: [String], cwd: URL, standardInput: Pipe? = nil) throws -> Int {
      var peak = 0
      for _ in 0..<(standardInput == nil ? 10 : 1) where peak == 0 {
        peak = try watchedMemory(arguments, cwd: cwd, standardInput)
      }
      return peak
    }

    private func watchedMemory(_ arguments: [String], cwd: URL, _ standardInput: Pipe?) throws -> Int {
      let process = Process()
      process.executableURL = url
      process.arguments = arguments
      process.currentDirectoryURL = cwd
      if let standardInput { process.standardInput = standardInput }
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      var peak = 0
      while process.isRunning {
        let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        peak = max(peak, kilobytes * 1024)
        usleep(500)
      }
      return peak
    }
  #endif

  /// Finds a program and runs it.
  public static func run(
    _ name: String, _ arguments: [String], stdin: [UInt8] = [], cwd: URL? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    try BuiltProgram(name).run(arguments, stdin: stdin, cwd: cwd, environment: environment)
  }

  /// Bytes handed from a reading thread to the one that waits for it.
  private final class Collected: @unchecked Sendable {
    private let lock = NSLock()
    private var data = Data()

    func store(_ data: Data) { lock.withLock { self.data = data } }

    var bytes: [UInt8] { lock.withLock { Array(data) } }
  }
}
