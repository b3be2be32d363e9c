import Foundation
import TestSupport
import Testing
import TraceFormat

@testable import TraceTesting

@Suite struct TraceRecordingTests {
  /// All elements of a record.
  private func values(_ trace: borrowing TraceFile, _ key: RecordKey) throws -> [Double]? {
    try trace.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
  }

  @Test func everyFormat() throws {
    let recording = TraceRecording()
    recording.token(7, position: 1)
    recording.record("q.rope", layer: 2, position: 1, [1, -2.5] as [Float])
    recording.record(.logits, position: 1, shape: [2, 2], [1, 2, 3, 4e300])
    recording.record("mine", [-128, 127] as [Int8])
    recording.record("span", ([0.25, 4] as [Double]).span)
    let halves: [UInt16] = [0x3F80, 0xC000]
    recording.record("brain", shape: [2], type: .bfloat16, bytes: halves.span.bytes)
    #if !((os(macOS) || targetEnvironment(macCatalyst)) && arch(x86_64))
      recording.record("half", [1.5, -0.25] as [Float16])
    #endif
    let trace = try TraceFile(path: recording.finish())
    #expect(trace.isComplete && trace.problems.isEmpty)
    #expect(trace.tokens == [0: TraceToken(id: 0), 1: TraceToken(id: 7)])
    #expect(try values(trace, RecordKey(.queryRotation, layer: 2, position: 1)) == [1, -2.5])
    #expect(try values(trace, RecordKey(.logits, layer: nil, position: 1)) == [1, 2, 3, 4e300])
    #expect(try values(trace, RecordKey(.other("mine"), layer: nil, position: 0)) == [-128, 127])
    #expect(try values(trace, RecordKey(.other("span"), layer: nil, position: 0)) == [0.25, 4])
    #expect(try values(trace, RecordKey(.other("brain"), layer: nil, position: 0)) == [1, -2])
    #if !((os(macOS) || targetEnvironment(macCatalyst)) && arch(x86_64))
      #expect(try values(trace, RecordKey(.other("half"), layer: nil, position: 0)) == [1.5, -0.25])
    #endif
    let shape = try trace.withRecord(RecordKey(.logits, layer: nil, position: 1)) { $0.shape.dimensions }
    #expect(shape == [2, 2])
  }

  /// A mistake of the user and the message of the check.
  struct Mistake: Sendable, CustomTestStringConvertible {
    let message: String
    let make: @Sendable (TraceRecording) -> Void
    var testDescription: String { message }
  }

  static let mistakes = [
    Mistake(message: "q, position 0: it was recorded before") { $0.record("q", [1.0]) },
    Mistake(
      message: "two words, position 0: a name must have 1 to 255 printable ASCII characters without , * ? =: two words",
      make: { $0.record("two words", [1.0]) }),
    Mistake(message: "k, position 0: 8 bytes are not 3 of float64") { $0.record("k", shape: [3], [1.0]) },
    Mistake(message: "k, position 0: [1, 1, 1, 1, 1] is no shape: expected up to four dimensions of up to 32 bits") {
      $0.record("k", shape: [1, 1, 1, 1, 1], [1.0])
    },
    Mistake(message: "k, position 0: [-1] is no shape: expected up to four dimensions of up to 32 bits") {
      $0.record("k", shape: [-1], [1.0])
    },
    Mistake(message: "token of position 0: position 0 has its token already") { $0.token(5, position: 0) },
  ]

  /// The first mistake fails the check, and nothing is recorded from it on.
  @Test(arguments: mistakes)
  func mistakesFailTheCheck(_ mistake: Mistake) throws {
    let recording = TraceRecording()
    recording.record("q", [1.0])
    mistake.make(recording)
    recording.record("q", [2.0])
    #expect(throws: ExpectationError.invalidRecording(mistake.message)) { try recording.finish() }
    #expect(throws: ExpectationError.invalidRecording(mistake.message)) { try recording.finish() }
  }

  @Test func aHeaderThatCannotBeWritten() throws {
    let recording = TraceRecording(header: .init(producer: ""))
    recording.record("q", [1.0])
    #expect(throws: ExpectationError.self) { try recording.finish() }
  }

  @Test func aCheckEndsIt() throws {
    let recording = TraceRecording()
    recording.record("q", [1.0])
    let path = try recording.finish()
    #expect(try recording.finish() == path)
    recording.record("k", [1.0])
    let message = "k, position 0: the recording was checked before, which ends it"
    #expect(throws: ExpectationError.invalidRecording(message)) { try recording.finish() }
  }

  @Test(arguments: [true, false])
  func theFileGoesWithIt(_ isFinished: Bool) throws {
    var path = ""
    do {
      let recording = TraceRecording()
      recording.record("q", [1.0])
      path = isFinished ? try recording.finish() : recording.path + ".partial"
      #expect(FileManager.default.fileExists(atPath: path))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func nothingRecorded() throws {
    let folder = try TemporaryFolder()
    let reference = folder.path("some.golden")
    withKnownIssue {
      expectTrace(TraceRecording(), matches: reference, recording: .missing)
    } matching: {
      $0.comments.first?.rawValue == "the tensors were not recorded: the recording holds none"
    }
  }

  /// Arrays that live no longer than the call: a release build must not free them before they are written.
  @Test(arguments: ["array", "site", "span"])
  func temporaryArrays(_ kind: String) throws {
    let recording = TraceRecording()
    for position in 0..<50 {
      switch kind {
      case "array": recording.record("logits", position: position, numbers(position))
      case "site": recording.record(.logits, position: position, numbers(position))
      default: recording.record("logits", position: position, numbers(position).span)
      }
    }
    try expectNumbers(recording, RecordKey(.logits, layer: nil, position: 0))
  }

  private func numbers(_ position: Int) -> [Float] { [Float(position), 2 * Float(position)] }

  /// Expects the numbers of 50 positions.
  private func expectNumbers(_ recording: TraceRecording, _ first: RecordKey) throws {
    let trace = try TraceFile(path: recording.finish())
    #expect(trace.recordCount == 50 && trace.problems.isEmpty)
    for position in 0..<50 {
      let key = RecordKey(first.name, layer: first.layer, position: position)
      #expect(try values(trace, key) == numbers(position).map { Double($0) })
    }
  }

  /// Tasks may record at the same time.
  @Test func manyTasks() async throws {
    let recording = TraceRecording()
    await withTaskGroup(of: Void.self) { group in
      for position in 0..<50 {
        group.addTask { recording.record("q", position: position, [Float(position), 2 * Float(position)]) }
      }
    }
    try expectNumbers(recording, RecordKey(.other("q"), layer: nil, position: 0))
  }
}
