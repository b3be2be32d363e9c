import TraceFormat

/// Collects the arrays of files.
struct ArchiveReader {
  private(set) var files: [ArchiveFile] = []
  /// By file: which operand it is, or is in.
  private var operandOfFile: [Int] = []
  /// By file: its path in the operand, without its extension; nil where it is the operand.
  private var pathsInFolder: [String?] = []
  /// The files and folders as they were named.
  private var operands: [String] = []
  private(set) var arrays: [StoredArray] = []
  private(set) var told = ToldParts()
  private var layouts: [ArrayLayout: ArrayLayout] = [:]

  /// The file of a folder that tells what the arrays themselves do not.
  static let metadataName = "trace.json"

  /// Takes in a file, or all arrays of a folder.
  mutating func open(_ path: String) throws(ArchiveError) {
    guard PathKind(path) == .folder else { return add(try ArchiveFile(path: path)) }
    let folder = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let names = try ArchiveFolder.files(in: folder)
    let first = files.count
    for (name, label) in zip(names, Self.labels(inFolder: names)) {
      files.append(try ArchiveFile(path: "\(folder)/\(name)"))
      operandOfFile.append(operands.count)
      pathsInFolder.append(label)
    }
    operands.append(path)
    let metadataPath = "\(folder)/\(Self.metadataName)"
    guard !names.isEmpty, PathKind(metadataPath) == .file else { return }
    let file: MappedFile
    do { file = try MappedFile(path: metadataPath) } catch { throw ArchiveError(metadataPath, .file, .system(error)) }
    let metadata = try TraceMetadata(file.bytes, 0..<file.byteCount, file: metadataPath)
    told.add(metadata, path: metadataPath, folder: first..<files.count)
  }

  /// Paths in a folder without their extensions, but where these alone tell two apart.
  private static func labels(inFolder names: [String]) -> [String] {
    func stem(_ name: String) -> String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }
    var counts: [[UInt8]: Int] = [:]
    for name in names { counts[Array(stem(name).utf8), default: 0] += 1 }
    return names.map { counts[Array(stem($0).utf8)] == 1 ? stem($0) : $0 }
  }

  /// Takes in a file.
  mutating func add(_ file: ArchiveFile) {
    files.append(file)
    operandOfFile.append(operands.count)
    pathsInFolder.append(nil)
    operands.append(file.path)
  }

  /// Reads what all files hold.
  mutating func read() throws(ArchiveError) {
    let labels = operands.count > 1 ? ArchiveLabels.distinct(operands) : operands.map { _ in "" }
    for number in files.indices {
      let place = place(of: number, label: labels[operandOfFile[number]])
      switch files[number].kind {
      case .npy: try readArray(number, place)
      case .npz: try readZip(number, place)
      case .safetensors: try readTensors(number, place)
      }
    }
    try requireDistinct()
  }

  /// What the arrays of a file are called before their names in it.
  private struct Place {
    /// The label of the operand, where there are several, and a slash.
    var folder = ""
    /// The same, and what the file is called.
    var file = ""
    /// The name of the array where the file is one and has no names in it.
    var array = ""
  }

  private func place(of number: Int, label: String) -> Place {
    let isAlone = files.count == 1
    let stem = ArchiveLabels.stem(of: operands[operandOfFile[number]].split(separator: "/").last.map(String.init) ?? "")
    guard let path = pathsInFolder[number] else {
      guard !isAlone else { return Place(array: stem) }
      let folder = label.hasSuffix(stem) ? String(label.dropLast(stem.count)) : ""
      return Place(folder: folder, file: label + "/", array: String(label.dropFirst(folder.count)))
    }
    let folder = label.isEmpty ? "" : label + "/"
    return Place(folder: folder, file: isAlone ? "" : folder + path + "/", array: path)
  }

  /// A name must lead to one array.
  private func requireDistinct() throws(ArchiveError) {
    var known: [[UInt8]: Int] = [:]
    for (number, array) in arrays.enumerated() {
      guard let other = known.updateValue(number, forKey: Array(array.name.utf8)) else { continue }
      throw ArchiveError(
        files[array.file].path, .array(array.name),
        .sameName(asInFile: files[arrays[other].file].path))
    }
  }

  private mutating func readArray(_ number: Int, _ place: Place) throws(ArchiveError) {
    let file = files[number]
    let header = try file.withBytes { (bytes) throws(ArchiveError) in
      try NpyHeader(bytes, 0..<bytes.byteCount, file: file.path)
    }
    let prefix = place.folder.utf8.count
    arrays.append(
      StoredArray(
        name: place.folder + place.array, prefixes: (prefix, prefix), file: number, layout: shared(header.layout),
        elements: header.length..<file.byteCount, checksum: nil, memberOffset: 0))
  }

  private mutating func readZip(_ number: Int, _ place: Place) throws(ArchiveError) {
    let file = files[number]
    try file.withBytes { (bytes) throws(ArchiveError) in
      for member in try ZipDirectory(bytes, name: file.path).members where !member.isFolder {
        if member.name == Self.metadataName {
          told.add(try Self.metadata(bytes, member, file.path), path: file.path, file: number)
        } else {
          try readMember(bytes, member, number, place)
        }
      }
    }
  }

  private mutating func readMember(
    _ bytes: RawSpan, _ member: ZipMember, _ number: Int, _ place: Place
  ) throws(ArchiveError) {
    let path = files[number].path
    guard member.name.hasSuffix(ArchiveKind.npy.rawValue) else {
      throw ArchiveError(path, .offset(member.headerOffset), .notAnArray(member.name))
    }
    let header = try NpyHeader(bytes, member.range, file: path)
    append(
      String(member.name.dropLast(ArchiveKind.npy.rawValue.count)), number, place, header.layout,
      elements: (member.range.lowerBound + header.length)..<member.range.upperBound, checksum: member.checksum,
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

  private mutating func readTensors(_ number: Int, _ place: Place) throws(ArchiveError) {
    let file = files[number]
    let header = try file.withBytes { (bytes) throws(ArchiveError) in
      try SafetensorsHeader(bytes, file: file.path)
    }
    for tensor in header.tensors {
      append(
        tensor.name, number, place, tensor.layout, elements: tensor.range, checksum: nil,
        memberOffset: tensor.range.lowerBound)
    }
    guard let text = header.metadata[TraceMetadata.safetensorsKey] else { return }
    let utf8 = Array(text.utf8)
    let metadata = try TraceMetadata(utf8.span.bytes, 0..<utf8.count, file: "\(file.path): metadata 'trace'")
    told.add(metadata, path: file.path, file: number)
  }

  private mutating func append(
    _ name: String, _ number: Int, _ place: Place, _ layout: Result<ArrayLayout, ArchiveRule>, elements: Range<Int>,
    checksum: UInt32?, memberOffset: Int
  ) {
    arrays.append(
      StoredArray(
        name: place.file + name, prefixes: (place.file.utf8.count, place.folder.utf8.count), file: number,
        layout: shared(layout), elements: elements, checksum: checksum, memberOffset: memberOffset))
  }

  /// Equal layouts share their memory.
  private mutating func shared(_ layout: Result<ArrayLayout, ArchiveRule>) -> Result<ArrayLayout, ArchiveRule> {
    guard case .success(let layout) = layout else { return layout }
    if let known = layouts[layout] { return .success(known) }
    layouts[layout] = layout
    return .success(layout)
  }

  /// What the files say together of the trace.
  var united: ToldParts.Union? {
    told.united(files: files.map(\.path), isFolder: pathsInFolder.contains { $0 != nil })
  }
}
