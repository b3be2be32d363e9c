import TestSupport

/// What libFuzzer calls with every input: traps where the tokenizer reader does what it must not.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokenizer(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try FuzzedReaders.tokenizer(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch { fatalError("\(error)") }
  return 0
}
