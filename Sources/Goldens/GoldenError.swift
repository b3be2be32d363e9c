package import TraceFormat

/// What is wrong with a golden: a case per broken rule of `docs/goldens.md`, with the line, what was expected and what
/// was found.
package enum GoldenError: Error, Equatable, Sendable {
  /// A system call failed.
  case file(FileError)
  /// The first bytes are not a golden's.
  case notAGolden(found: [UInt8])
  /// The version is one that this reader does not know.
  case unknownVersion(String)
  /// A line is not what must stand there.
  case invalidLine(Int, expected: String, found: String)
  /// A line says again what an earlier one has said.
  case repeated(line: Int, what: String)
  /// A line stands behind one that must follow it.
  case outOfOrder(line: Int, what: String, after: String)
  /// A digest is not that of the lines it stands for.
  case wrongDigest(line: Int, of: String, expected: String, found: String)
  /// Records are missing that the header says were recorded.
  case lacksRecords(String)
  /// The file ends too early.
  case cutShort(line: Int, expected: String)
  /// A trace cannot become a golden.
  case cannotRecord(String)
}

extension GoldenError: CustomStringConvertible {
  /// One line in lower case, without the file's name.
  package var description: String {
    switch self {
    case .file(let error): error.description
    case .notAGolden(let found):
      "not a golden\(Self.kind(found)): line 1 expected '\(Golden.magic)\(Golden.version)', found "
        + "'\(visibleText(found.prefix { $0 != 0x0A }))'"
    case .unknownVersion(let version):
      "golden version \(Self.quoted(version)) in line 1 is not known; expected version \(Golden.version)"
    case .invalidLine(let line, let expected, let found):
      "line \(line): expected \(expected), found \(Self.quoted(found)); \(Self.remedy)"
    case .repeated(let line, let what): "line \(line): \(what) is given twice"
    case .outOfOrder(let line, let what, let after): "line \(line): \(what) stands after \(after)"
    case .wrongDigest(let line, let what, let expected, let found):
      "line \(line): \(what) changed after the recording: expected the digest \(expected), found \(found); "
        + Self.remedy
    case .lacksRecords(let lack): "the golden lacks \(lack); \(Self.remedy)"
    case .cutShort(let line, let expected):
      "the golden is cut short: line \(line) expected \(expected), found the end; \(Self.remedy)"
    case .cannotRecord(let reason): reason
    }
  }

  private static let remedy = "take the golden whole from one commit, or record it anew"

  /// What the file is instead, where that is known.
  private static func kind(_ start: [UInt8]) -> String {
    guard let kind = FileKind(firstBytes: Array(start.prefix(8))), kind != .golden else { return "" }
    return " but \(kind.rawValue)"
  }

  private static func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(80)
    let rest = shown.count < text.unicodeScalars.count ? "..." : ""
    return "'\(visibleText(String(shown).utf8))\(rest)'"
  }
}

extension GoldenError: FileErrorCarrier {
  package var fileError: FileError? { if case .file(let error) = self { error } else { nil } }
}
