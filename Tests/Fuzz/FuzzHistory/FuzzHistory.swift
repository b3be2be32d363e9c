import TestSupport

/// What libFuzzer calls with every input: traps where the reader of histories does what it must not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHistory(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try FuzzedReaders.history(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch { fatalError("\(error)") }
  return 0
}
