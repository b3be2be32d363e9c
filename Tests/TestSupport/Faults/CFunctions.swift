#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#else
  #error("unsupported platform: the variants need a C library's elementary functions")
#endif

/// `erff`.
func errorFunction(_ x: Float) -> Float { erff(x) }
/// `tanhf`.
func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
/// `exp2f`.
func powerOfTwo(_ x: Float) -> Float { exp2f(x) }
