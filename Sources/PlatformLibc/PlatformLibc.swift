/// The C library of the platform, chosen in this one place; every other file says `import PlatformLibc`.
#if canImport(Glibc)
  @_exported public import Glibc
#elseif canImport(Musl)
  @_exported public import Musl
#elseif canImport(Darwin)
  @_exported public import Darwin
#else
  #error("unsupported platform: a POSIX C library is needed")
#endif

#if !_endian(little)
  #error("unsupported platform: traces and checkpoints are mapped in place, so memory must be little-endian")
#endif
