import Foundation
import Synchronization
public import TraceFormat

/// Records tensors while a test runs, into a temporary trace that `expectTrace` then compares.
///
/// Tensors have a name (a site such as `q.rope`, or any other), a layer if they belong to one, and a position: a
/// model's input position, or simply the number of the case. No tensor can be recorded twice. Nothing throws, so that
/// kernels need no `try`: the first thing that goes wrong fails the check. The file is removed with the recording.
public final class TraceRecording: Sendable {
  /// Where the finished trace is.
  let path: String
  private let state: Mutex<State>

  /// What has been recorded so far.
  private struct State: ~Copyable {
    var writer: TraceWriter?
    var keys: Set<RecordKey> = []
    var positions: Set<Int> = []
    var failure: String?
  }

  /// An empty recording.
  ///
  /// - Parameter header: what is known of the run; it is compared as far as both sides know it.
  public init(header: TraceHeader = TraceHeader(producer: "TraceTesting")) {
    let name = "recording-\(UUID().uuidString).trace"
    path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    state = Mutex(Self.open(path, header))
  }

  private static func open(_ path: String, _ header: TraceHeader) -> sending State {
    do throws(TraceError) { return State(writer: try TraceWriter(path: path, header: header)) } catch {
      return State(writer: nil, failure: "\(error)")
    }
  }

  deinit {
    for name in [path, path + ".partial"] { try? FileManager.default.removeItem(atPath: name) }
  }

  /// Records the input token of a position, which must come before the position's first tensor. Positions for which
  /// there is none get token 0.
  ///
  /// - Parameters:
  ///   - id: the token's number in the vocabulary.
  ///   - position: from 0.
  public func token(_ id: Int, position: Int) {
    perform("token of position \(position)") { state throws(TraceError) in
      state.positions.insert(position)
      try state.writer?.token(TraceToken(id: id), position: position)
    }
  }

  /// Records a tensor.
  ///
  /// - Parameters:
  ///   - name: a site's name or any other: up to 255 printable ASCII characters without blanks and `, * ? =`.
  ///   - layer: from 0; nil outside the layers.
  ///   - position: from 0.
  ///   - shape: up to four dimensions, slowest first; by default that of a vector.
  ///   - values: the elements, row-major.
  public func record<Element: TraceElement>(
    _ name: String, layer: Int? = nil, position: Int = 0, shape: [Int]? = nil, _ values: [Element]
  ) {
    // Without this, release builds of Swift 6.3 free a caller's temporary array before its span is read.
    withExtendedLifetime(values) {
      record(name, layer: layer, position: position, shape: shape, values.span)
    }
  }

  /// Records a tensor that lies in memory, without copying it.
  public func record<Element: TraceElement>(
    _ name: String, layer: Int? = nil, position: Int = 0, shape: [Int]? = nil, _ values: Span<Element>
  ) {
    record(
      name, layer: layer, position: position, shape: shape ?? [values.count], type: Element.elementType,
      bytes: values.bytes)
  }

  /// Records a tensor of a site.
  public func record<Element: TraceElement>(
    _ site: Site, layer: Int? = nil, position: Int = 0, shape: [Int]? = nil, _ values: [Element]
  ) {
    record(site.rawValue, layer: layer, position: position, shape: shape, values)
  }

  /// Records a tensor of any format, such as bfloat16, which Swift has no type for.
  ///
  /// - Parameter bytes: the elements, row-major, little-endian; exactly as many as shape and type make.
  public func record(
    _ name: String, layer: Int? = nil, position: Int = 0, shape: [Int], type: ElementType, bytes: RawSpan
  ) {
    let key = RecordKey(TensorName(name), layer: layer, position: position)
    perform("\(key)") { state throws(TraceError) in
      guard let dimensions = TensorShape(shape) else {
        throw .cannotRecord("\(shape) is no shape: expected up to four dimensions of up to 32 bits")
      }
      guard state.keys.insert(key).inserted else { throw .cannotRecord("it was recorded before") }
      if state.positions.insert(position).inserted {
        try state.writer?.token(TraceToken(id: 0), position: position)
      }
      try state.writer?.record(key, type: type, shape: dimensions, payload: bytes)
    }
  }

  /// Does something unless something went wrong before; what goes wrong is kept.
  private func perform(_ what: String, _ body: (inout State) throws(TraceError) -> Void) {
    state.withLock { state in
      guard state.failure == nil else { return }
      guard state.writer != nil else {
        state.failure = "\(what): the recording was checked before, which ends it"
        return
      }
      do throws(TraceError) { try body(&state) } catch {
        let message = "\(error)"
        state.failure = message.hasPrefix(what) ? message : "\(what): \(message)"
      }
    }
  }

  /// Completes the trace; nothing can be recorded after that.
  ///
  /// - Returns: the path of the trace.
  /// - Throws: `ExpectationError.invalidRecording` for the first thing that went wrong.
  func finish() throws(ExpectationError) -> String {
    try state.withLock { state throws(ExpectationError) in
      if let failure = state.failure { throw .invalidRecording(failure) }
      guard !state.keys.isEmpty else { throw .invalidRecording("the recording holds none") }
      guard let writer = state.writer.take() else { return path }
      do throws(TraceError) { try writer.finish() } catch {
        state.failure = "\(error)"
        throw .invalidRecording("\(error)")
      }
      return path
    }
  }
}
