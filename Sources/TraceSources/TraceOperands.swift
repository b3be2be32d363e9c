package import TensorArchives
import TraceFormat

/// The operands of a command line that name one trace, and what they turn out to be. Nothing is opened for reading yet
/// but for a look at the first bytes of regular files.
package struct TraceOperands: Sendable, Equatable {
  /// What the operands are.
  package enum Content: Sendable, Equatable {
    /// One trace file.
    case file(String)
    /// One trace in these files; of a folder it may be a single one.
    case parts([String])
    /// A trace that can be read once: `-`, a pipe or a device.
    case stream(String)
    /// Arrays of another program: the operands as given, files and folders.
    case arrays([String])
  }

  /// What the operands are.
  package let content: Content
  /// What messages and reports call the trace: one operand, up to three of them, or the first and how many more.
  package let name: String
  /// The files that will be read, as far as they can be known; standard input is `/dev/stdin`.
  package let inputs: [String]
  /// The mapping file that says what arrays are; nil where they are named as exports name them.
  package var mapping: MappingFile?
  /// Those of the operands that are folders.
  package let folders: [String]

  /// Finds out what operands are.
  ///
  /// A file is what its first bytes say, whatever its name, and where they say nothing what its name says; one that
  /// cannot be looked at is taken for a trace, which then says why. Of a folder, the names decide: `*.trace` and
  /// `*.trace.partial` in it; where it has none, `*.npy`, `*.npz` and `*.safetensors` in it and its subfolders.
  ///
  /// - Parameter paths: at least one.
  package init(_ paths: [String]) throws(OperandError) {
    var traces: [(operand: String, files: [String])] = []
    var arrays: [(operand: String, files: [String])] = []
    var folders: [String] = []
    for path in paths {
      switch PathKind(path) {
      case .stream:
        guard paths.count == 1 else { throw .streamAmongParts(path) }
        (content, name, inputs) = (.stream(path), path, [path == "-" ? "/dev/stdin" : path])
        self.folders = []
        return
      case .folder:
        folders.append(path)
        let files = try Self.files(ofFolder: path).get()
        if files.areArrays { arrays.append((path, files.paths)) } else { traces.append((path, files.paths)) }
      case .file where Self.holdsArrays(path): arrays.append((path, [path]))
      case .file, .unknown: traces.append((path, [path]))
      }
    }
    if let trace = traces.first, let array = arrays.first {
      throw .mixture(trace: trace.operand, array: array.operand)
    }
    name = Self.name(of: paths)
    self.folders = folders
    inputs = (traces + arrays).flatMap(\.files)
    try Self.requireApart(inputs)
    if !arrays.isEmpty {
      content = .arrays(arrays.map(\.operand))
    } else if inputs.count == 1, folders.isEmpty {
      content = .file(inputs[0])
    } else {
      content = .parts(inputs)
    }
  }

  /// Whether they are arrays of another program.
  package var areArrays: Bool { if case .arrays = content { true } else { false } }

  /// Whether the trace can be read only once.
  package var isStream: Bool { if case .stream = content { true } else { false } }

  /// Whether both traces come through one pipe, however it is written, so that each would take bytes of the other.
  package func isSameStream(as other: TraceOperands) -> Bool {
    guard isStream, other.isStream else { return false }
    let identities = (FileIdentity(inputs[0]), FileIdentity(other.inputs[0]))
    return content == other.content || identities.0 != nil && identities.0 == identities.1
  }

  /// What messages and reports call a trace of these operands.
  package static func name(of paths: [String]) -> String {
    paths.count > 3 ? "\(paths[0]) and \(paths.count - 1) more" : paths.joined(separator: ", ")
  }

  /// The traces or the arrays of a folder.
  private static func files(ofFolder path: String) -> Result<(paths: [String], areArrays: Bool), OperandError> {
    do throws(FileError) {
      let folder = path.hasSuffix("/") ? path : path + "/"
      let names = try FolderListing.names(path)
      let traces = names.filter { $0.hasSuffix(".trace") || $0.hasSuffix(".trace.partial") }
      if let trace = traces.first {
        if let array = names.first(where: isArray) {
          return .failure(.mixedFolder(path, trace: folder + trace, array: folder + array))
        }
        return .success((traces.map { folder + $0 }, false))
      }
      return arrays(ofFolder: path).map { ($0, true) }
    } catch { return .failure(.folder(error)) }
  }

  /// The arrays of a folder and its subfolders: those that will be read.
  private static func arrays(ofFolder path: String) -> Result<[String], OperandError> {
    do throws(ArchiveError) {
      let files = try ArchiveFolder.files(in: path)
      let folder = path.hasSuffix("/") ? path : path + "/"
      return files.isEmpty ? .failure(.emptyFolder(path)) : .success(files.map { folder + $0 })
    } catch { return .failure(.arrays(error)) }
  }

  /// Whether a file has the name of arrays.
  private static func isArray(_ name: String) -> Bool {
    ArchiveKind(path: name) != nil
  }

  /// Whether a file begins as a zip archive, an array of numpy or a safetensors file does, or is called as one and is
  /// no trace.
  private static func holdsArrays(_ path: String) -> Bool {
    guard let file = try? MappedFile(path: path) else { return false }
    let kind = ArchiveKind(file.bytes)
    let start = file.bytes.byteArray(0..<min(8, file.byteCount))
    return kind != nil || (isArray(path) && FileKind(firstBytes: start) != .trace)
  }

  /// Checks that no file is named twice, however the paths are written.
  private static func requireApart(_ paths: [String]) throws(OperandError) {
    var known: Set<FileIdentity> = []
    for path in paths {
      if let identity = FileIdentity(path), !known.insert(identity).inserted { throw .repeated(path) }
    }
  }
}
