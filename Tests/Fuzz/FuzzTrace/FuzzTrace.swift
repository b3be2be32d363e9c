import TestSupport

/// What libFuzzer calls with every input: traps where the trace reader does what it must not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTrace(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try FuzzedReaders.trace(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch { fatalError("\(error)") }
  return 0
}
