#if !((os(macOS) || targetEnvironment(macCatalyst)) && arch(x86_64))
  extension Float16: TraceElement {
    /// float16.
    public static var elementType: ElementType { .float16 }
  }
#endif
