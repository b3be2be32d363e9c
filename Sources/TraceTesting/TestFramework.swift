import Foundation

#if canImport(Testing)
  import Testing
#endif
#if canImport(XCTest)
  import XCTest
#endif

/// The framework under which a check runs.
enum TestFramework {
  /// Makes the running test fail where a check failed.
  ///
  /// - Returns: whether the check passed.
  static func report(_ outcome: ExpectationOutcome, at place: SourcePlace) -> Bool {
    guard let message = outcome.failure else { return true }
    #if canImport(Testing)
      if Test.current != nil {
        recordIssue(message, outcome.keptTrace, place)
        return false
      }
    #endif
    #if canImport(XCTest)
      if let path = outcome.keptTrace { attach(path) }
      XCTFail(message, file: place.filePath, line: place.line)
    #endif
    // In a detached task Swift Testing knows no current test, but takes issues; outside of its runs nobody does.
    #if canImport(Testing)
      recordIssue(message, nil, place)
    #endif
    #if !canImport(Testing) && !canImport(XCTest)
      fatalError(message, file: place.filePath, line: place.line)
    #else
      return false
    #endif
  }

  #if canImport(Testing)
    private static func recordIssue(_ message: String, _ keptTrace: String?, _ place: SourcePlace) {
      let location = SourceLocation(
        fileID: "\(place.fileID)", filePath: "\(place.filePath)", line: Int(place.line), column: Int(place.column))
      if let keptTrace {
        let name = URL(fileURLWithPath: keptTrace).lastPathComponent
        Attachment.record(TraceAttachment(path: keptTrace), named: name, sourceLocation: location)
      }
      Issue.record(Comment(rawValue: message), sourceLocation: location)
    }
  #endif

  #if canImport(XCTest)
    /// XCTest has attachments on Apple's systems only, and takes them on the main thread.
    private static func attach(_ path: String) {
      #if canImport(Darwin)
        guard Thread.isMainThread else { return }
        MainActor.assumeIsolated {
          XCTContext.runActivity(named: "Trace of the failed check") { activity in
            let attachment = XCTAttachment(contentsOfFile: URL(fileURLWithPath: path))
            attachment.lifetime = .keepAlways
            activity.add(attachment)
          }
        }
      #endif
    }
  #endif
}
