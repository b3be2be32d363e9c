import PlatformLibc
import TraceFormat

/// One argument of the command line, as the bytes that the system handed over; a prompt need not be UTF-8.
package struct Argument: Equatable, Sendable {
  /// The bytes, without the zero at their end.
  package var bytes: [UInt8]

  /// An argument of given bytes.
  package init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  /// An argument of given text.
  package init(_ text: String) { bytes = Array(text.utf8) }

  /// The text; nil where the bytes are not UTF-8.
  package var text: String? { String(validating: bytes, as: UTF8.self) }

  /// A path for the system's calls; what is not UTF-8 in it is replaced.
  package var path: String { String(decoding: bytes, as: UTF8.self) }

  /// The text as it is shown in messages.
  package var visible: String { visibleText(bytes) }

  /// The arguments of this process, without the program's name.
  package static var ofProcess: [Argument] {
    let values = CommandLine.unsafeArgv
    return (0..<Int(CommandLine.argc)).dropFirst().compactMap { index in
      guard let start = values[index] else { return nil }
      return Argument(bytes: UnsafeRawBufferPointer(start: start, count: strlen(start)))
    }
  }
}
