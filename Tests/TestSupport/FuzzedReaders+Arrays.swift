import TensorArchives
import TraceFormat

extension FuzzedReaders {
  /// Reads bytes as an .npz archive, and once more with the checksums of its members made right.
  package static func npz(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let outcome = try arrays(bytes)
    let repaired = withRightMemberChecksums(bytes)
    if repaired != bytes { _ = try arrays(repaired) }
    return outcome
  }

  /// Reads bytes as a .safetensors file.
  package static func safetensors(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome { try arrays(bytes) }

  /// Reads bytes as a mapping, and some arrays through it.
  package static func mapping(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let mapping: ArrayMapping
    do throws(ArchiveError) { mapping = try ArrayMapping(bytes, file: "map") } catch {
      return .refused(try message(of: error))
    }
    let archive: TensorArchive
    do throws(ArchiveError) { archive = try open(sampleTensors) } catch {
      throw BrokenInvariant("the arrays of the sample are good: \(error)")
    }
    return try visit(archive, mapping)
  }

  /// Reads bytes as a set of arrays: as an export, and through mappings that fit many.
  private static func arrays(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let archive: TensorArchive
    do throws(ArchiveError) { archive = try open(bytes) } catch { return .refused(try message(of: error)) }
    var names: Set<[UInt8]> = []
    for array in archive.arrays {
      try require(names.insert(Array(array.name.utf8)).inserted, "every array has a name of its own")
      let (elements, layout) = (array.elements, try? array.layout.get())
      try require(elements.lowerBound >= 0 && elements.upperBound <= bytes.count, "arrays lie inside the file")
      try require(layout.map { $0.byteCount == elements.count } ?? true, "an array has as many bytes as its shape says")
    }
    for lines in sampleMappings {
      let mapping: ArrayMapping
      do throws(ArchiveError) { mapping = try ArrayMapping(Array(lines.utf8), file: "map") } catch {
        throw BrokenInvariant("the mapping of the sample is good: \(error)")
      }
      _ = try visit(archive, mapping)
    }
    return try visit(archive, nil)
  }

  private static func open(_ bytes: [UInt8]) throws(ArchiveError) -> TensorArchive {
    let mapped: MappedFile
    do throws(FileError) { mapped = try MappedFile(copying: bytes, name: "input") } catch {
      throw ArchiveError("input", .file, .system(error))
    }
    return try TensorArchive(files: [ArchiveFile(mapped)])
  }

  /// Visits every record of arrays.
  private static func visit(
    _ archive: TensorArchive, _ mapping: ArrayMapping?
  ) throws(BrokenInvariant) -> Outcome {
    var trace: ArrayTrace
    do throws(ArchiveError) { trace = try ArrayTrace(archive, mapping: mapping) } catch {
      return .refused(try message(of: error))
    }
    var messages: [String] = []
    for problem in trace.problems { messages.append(try message(of: problem)) }
    var last: RecordKey?
    var count = 0
    while let key = trace.next() {
      try require(last.map { $0 < key } ?? true, "keys ascend: \(key)")
      let (isThere, isSame) = (trace.contains(key), trace.key(at: count) == key)
      try require(isThere && isSame, "\(key) is found by key and by place")
      last = key
      count += 1
      var checked: Result<Void, BrokenInvariant>?
      do throws(TraceError) {
        checked = try trace.withRecord(key) { record in
          Result { () throws(BrokenInvariant) in try check(record, key) }
        }
      } catch {
        messages.append(try message(of: error))
        continue
      }
      guard let checked else { throw BrokenInvariant("\(key) is found by its key") }
      try checked.get()
    }
    let recordCount = trace.recordCount
    try require(count == recordCount && count > 0, "next() names \(recordCount) records: \(count)")
    return messages.isEmpty ? .accepted : .damaged(messages)
  }

  private static func check(_ record: RecordView, _ key: RecordKey) throws(BrokenInvariant) {
    let (count, shape, byteCount) = (record.elementCount, record.shape, record.payload.byteCount)
    try require(
      record.key == key && shape.elementCount == count && byteCount == count * record.elementType.size,
      "\(key): \(byteCount) bytes hold \(count) elements of \(shape)")
    for index in Set([0, count / 2, count - 1]) where index >= 0 && index < count { _ = record.element(index) }
  }

  /// The checksums in the directory and the local headers of a zip archive made right, as far as members can be found.
  private static func withRightMemberChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    guard bytes.count >= 46 else { return result }
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(result[offset + $1]) << (8 * $1) }
    }
    for entry in 0..<(bytes.count - 45) where result[entry..<(entry + 4)].elementsEqual([0x50, 0x4B, 1, 2]) {
      let (size, local) = (number(entry + 24, 4), number(entry + 42, 4))
      guard local + 30 <= bytes.count else { continue }
      let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
      guard start + size <= bytes.count else { continue }
      let checksum = crc(result[start..<(start + size)])
      let field = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt32($0))) }
      result.replaceSubrange((entry + 16)..<(entry + 20), with: field)
      if number(local + 14, 4) != 0 { result.replaceSubrange((local + 14)..<(local + 18), with: field) }
    }
    return result
  }

  private static func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var state: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      state ^= UInt32(byte)
      for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0xEDB8_8320 : state >> 1 }
    }
    return ~state
  }

  private static let sampleMappings = [
    "tensor * -> mine axes=position,feature", "tensor * -> mine axes=layer,position,key positions=-1",
    "tensor {site}{position} -> {site}", "tensor {site}/layer{layer}/pos{position} -> {site} rope=halves:2\nignore *",
    "tensor a -> att.scores axes=head,position,key,layer\ntokens * axes=batch,position batch=0",
    "tensor * -> mine axes=position,head,element rope=halves dtype=bfloat16",
  ]

  /// A .safetensors file of arrays of several layouts and types.
  private static let sampleTensors: [UInt8] = {
    let tensors = [
      ("q", "F32", [2, 3, 2, 4], 4), ("h.1", "F16", [3, 8], 2), ("h.2", "BF16", [3, 8], 2), ("s", "F64", [2, 3, 3], 8),
      ("x 0", "I8", [8], 1), ("ids", "I64", [1, 3], 8), ("raw", "U16", [3, 2], 2),
      ("q.rope/layer0/pos0", "F32", [8], 4),
    ]
    var offset = 0
    let entries = tensors.map { name, type, shape, size in
      let end = offset + shape.reduce(size, *)
      defer { offset = end }
      return #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(offset),\#(end)]}"#
    }
    let header = "{\(entries.joined(separator: ","))}"
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    return length + Array(header.utf8) + [UInt8](repeating: 0, count: offset)
  }()
}
