import TestSupport

/// What libFuzzer calls with every input: traps where the reader of goldens does what it must not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGolden(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try FuzzedReaders.golden(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch { fatalError("\(error)") }
  return 0
}
