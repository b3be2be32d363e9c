import TraceFormat

/// Collects the arrays of files.
struct ArchiveReader {
  private(set) var files: [ArchiveFile] = []
  /// By file: what it is called without its extension.
  private var names: [String] = []
  private(set) var arrays: [StoredArray] = []
  private var metadataFound: [(file: Int, metadata: TraceMetadata)] = []
  private var layouts: [ArrayLayout: ArrayLayout] = [:]

  /// The file of a folder that tells what the arrays themselves do not.
  static let metadataName = "trace.json"

  /// Takes in a file, or all arrays of a folder.
  mutating func open(_ path: String) throws(ArchiveError) {
    guard PathKind(path) == .folder else {
      add(try ArchiveFile(path: path), name: Self.stem(of: path))
      return
    }
    let names = try ArchiveFolder.files(in: path)
    for name in names {
      let dot = name.lastIndex(of: ".") ?? name.endIndex
      add(try ArchiveFile(path: "\(path)/\(name)"), name: String(name[..<dot]))
    }
    let metadataPath = "\(path)/\(Self.metadataName)"
    guard !names.isEmpty, PathKind(metadataPath) == .file else { return }
    let file: MappedFile
    do { file = try MappedFile(path: metadataPath) } catch { throw ArchiveError(metadataPath, .file, .system(error)) }
    metadataFound.append((files.count - 1, try TraceMetadata(file.bytes, 0..<file.byteCount, file: metadataPath)))
  }

  /// Takes in a file.
  mutating func add(_ file: ArchiveFile, name: String) {
    files.append(file)
    names.append(name)
  }

  /// A path's last part without the extension of an archive.
  static func stem(of path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    for kind in [ArchiveKind.npy, .npz, .safetensors] where name.hasSuffix(kind.rawValue) && name != kind.rawValue {
      return String(name.dropLast(kind.rawValue.count))
    }
    return name
  }

  /// Reads what all files hold.
  mutating func read() throws(ArchiveError) {
    for number in files.indices {
      switch files[number].kind {
      case .npy: try readArray(number)
      case .npz: try readZip(number)
      case .safetensors: try readTensors(number)
      }
    }
    var known: Set<String> = []
    for array in arrays where !known.insert(array.name).inserted {
      throw ArchiveError(files[array.file].path, .file, .duplicateName(array.name))
    }
  }

  private mutating func readArray(_ number: Int) throws(ArchiveError) {
    let file = files[number]
    let header = try file.withBytes { (bytes) throws(ArchiveError) in
      try NpyHeader(bytes, 0..<bytes.byteCount, file: file.path)
    }
    arrays.append(
      StoredArray(
        name: names[number], prefixLength: 0, file: number, layout: shared(header.layout), offset: header.length,
        checksum: nil, memberOffset: 0))
  }

  private mutating func readZip(_ number: Int) throws(ArchiveError) {
    let file = files[number]
    try file.withBytes { (bytes) throws(ArchiveError) in
      for member in try ZipDirectory(bytes, name: file.path).members where !member.isFolder {
        if member.name == Self.metadataName {
          metadataFound.append((number, try Self.metadata(bytes, member, file.path)))
        } else {
          try readMember(bytes, member, number)
        }
      }
    }
  }

  private mutating func readMember(_ bytes: RawSpan, _ member: ZipMember, _ number: Int) throws(ArchiveError) {
    let path = files[number].path
    guard member.name.hasSuffix(ArchiveKind.npy.rawValue) else {
      throw ArchiveError(path, .offset(member.headerOffset), .notAnArray(member.name))
    }
    let header = try NpyHeader(bytes, member.range, file: path)
    append(
      String(member.name.dropLast(ArchiveKind.npy.rawValue.count)), number, shared(header.layout),
      offset: member.range.lowerBound + header.length, checksum: member.checksum,
      memberOffset: member.range.lowerBound)
  }

  private static func metadata(
    _ bytes: RawSpan, _ member: ZipMember, _ path: String
  ) throws(ArchiveError) -> TraceMetadata {
    let found = CRC32.of(bytes.extracting(member.range))
    guard found == member.checksum else {
      throw ArchiveError(
        path, .offset(member.range.lowerBound),
        .wrongChecksum(member.name, expected: member.checksum, found: found))
    }
    return try TraceMetadata(bytes, member.range, file: path)
  }

  private mutating func readTensors(_ number: Int) throws(ArchiveError) {
    let file = files[number]
    let header = try file.withBytes { (bytes) throws(ArchiveError) in
      try SafetensorsHeader(bytes, file: file.path)
    }
    for tensor in header.tensors {
      append(
        tensor.name, number, tensor.layout, offset: tensor.range.lowerBound, checksum: nil,
        memberOffset: tensor.range.lowerBound)
    }
    guard let text = header.metadata[TraceMetadata.safetensorsKey] else { return }
    let utf8 = Array(text.utf8)
    metadataFound.append(
      (number, try TraceMetadata(utf8.span.bytes, 0..<utf8.count, file: "\(file.path): metadata 'trace'")))
  }

  private mutating func append(
    _ name: String, _ number: Int, _ layout: ArrayLayout, offset: Int, checksum: UInt32?, memberOffset: Int
  ) {
    let prefix = files.count > 1 ? "\(names[number])/" : ""
    arrays.append(
      StoredArray(
        name: prefix + name, prefixLength: prefix.utf8.count, file: number, layout: layout, offset: offset,
        checksum: checksum, memberOffset: memberOffset))
  }

  /// Equal layouts share their memory.
  private mutating func shared(_ layout: ArrayLayout) -> ArrayLayout {
    if let known = layouts[layout] { return known }
    layouts[layout] = layout
    return layout
  }

  /// What is wrong with the numbers of the parts that several exports say they are.
  var partProblems: [TraceError] {
    guard metadataFound.count > 1 else { return [] }
    let parts = metadataFound.map { (path: files[$0.file].path, header: $0.metadata.header) }
    let count = parts.compactMap { $0.header[integer: .parts] }.max()
    return TraceHeader.partNumberProblems(parts, count: count)
  }

  /// What the files say together of the trace, and what they disagree about.
  func metadata() -> (TraceMetadata?, [ArchiveError]) {
    guard var whole = metadataFound.first?.metadata else { return (nil, []) }
    var conflicts: [ArchiveError] = []
    for (file, other) in metadataFound.dropFirst() {
      conflicts += whole.unite(with: other).map { ArchiveError(files[file].path, .file, $0) }
    }
    return (whole, conflicts)
  }
}
