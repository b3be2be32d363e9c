import PlatformLibc

/// A regular file's bytes, mapped read-only and lent as spans for as long as this value lives.
///
/// Only the pages that are looked at occupy memory, and the system can drop them at any time.
@safe
public struct MappedFile: ~Copyable, @unchecked Sendable {
  /// The path it was opened by.
  public let path: String
  /// Length of the file in bytes.
  public let byteCount: Int
  private let base: UnsafeRawPointer?

  /// Maps a file.
  ///
  /// - Throws: `FileError` when the file cannot be opened or mapped, or is not a regular file.
  public init(path: String) throws(FileError) {
    self.path = path
    (base, byteCount) = try Self.map(path)
  }

  /// Private memory with the given contents, for parsing bytes that are in no file.
  public init(copying bytes: [UInt8], name: String) throws(FileError) {
    path = name
    base = try Self.copy(bytes, name)
    byteCount = bytes.count
  }

  private static func map(_ path: String) throws(FileError) -> (base: UnsafeRawPointer?, byteCount: Int) {
    let descriptor = Int32(retrying { Int(open(path, O_RDONLY | O_CLOEXEC)) })
    guard descriptor >= 0 else { throw .last("open", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("examine", path) }
    let kind = status.st_mode & S_IFMT
    guard kind != S_IFDIR else { throw FileError("read", path, reason: "it is a directory") }
    guard kind == S_IFREG else { throw FileError("map", path, reason: "it is not a regular file") }
    guard let byteCount = Int(exactly: status.st_size) else {
      throw FileError("map", path, reason: "it is too large")
    }
    guard byteCount > 0 else { return (nil, 0) }
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw .last("map", path)
    }
    return (UnsafeRawPointer(address), byteCount)
  }

  private static func copy(_ bytes: [UInt8], _ name: String) throws(FileError) -> UnsafeRawPointer? {
    guard !bytes.isEmpty else { return nil }
    let access = PROT_READ | PROT_WRITE
    guard let address = mmap(nil, bytes.count, access, MAP_PRIVATE | MAP_ANON, -1, 0), address != MAP_FAILED else {
      throw .last("allocate memory for", name)
    }
    address.copyMemory(from: bytes, byteCount: bytes.count)
    return UnsafeRawPointer(address)
  }

  /// All bytes.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get { _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: byteCount), borrowing: self) }
  }

  /// `count` elements from a byte offset on, used in place.
  ///
  /// The elements must lie inside the file and be aligned: both are checked, and a violation traps, since the
  /// caller has validated the layout.
  @_lifetime(borrow self)
  package borrowing func elements<Element: BitwiseCopyable>(
    at offset: Int, count: Int, as type: Element.Type
  ) -> Span<Element> {
    let size = MemoryLayout<Element>.stride
    precondition(offset >= 0 && count >= 0 && offset <= byteCount && count <= (byteCount - offset) / size)
    let address = start + offset
    precondition(UInt(bitPattern: address) % UInt(MemoryLayout<Element>.alignment) == 0)
    let span = Span<Element>(_unsafeStart: address.assumingMemoryBound(to: Element.self), count: count)
    return _overrideLifetime(span, borrowing: self)
  }

  /// `count` bytes from an offset on; the same checks as `elements(at:count:as:)`.
  @_lifetime(borrow self)
  package borrowing func bytes(at offset: Int, count: Int) -> RawSpan {
    precondition(offset >= 0 && count >= 0 && offset <= byteCount && count <= byteCount - offset)
    return _overrideLifetime(RawSpan(_unsafeStart: start + offset, byteCount: count), borrowing: self)
  }

  /// The first byte; some readable address, never read, where the file is empty.
  private var start: UnsafeRawPointer { base ?? UnsafeRawPointer(bitPattern: 64).unsafelyUnwrapped }

  deinit {
    if let base { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
  }
}
