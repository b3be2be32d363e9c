import TestSupport

/// What libFuzzer calls with every input: traps where the reader does what it must not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSafetensors(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try FuzzedReaders.safetensors(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch { fatalError("\(error)") }
  return 0
}
