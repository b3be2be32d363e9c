import TestSupport

/// Small files of arrays, for the built programs.
enum ArrayFiles {
  /// What numpy.save writes of an array, given its dictionary's type and shape and its elements.
  static func npy(_ type: String, _ shape: String, _ elements: [UInt8]) -> [UInt8] {
    let text = "{'descr': \(type), 'fortran_order': False, 'shape': \(shape), }"
    let padding = [UInt8](repeating: 0x20, count: 117 - text.utf8.count)
    return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0] + Array(text.utf8) + padding + [0x0A] + elements
  }

  /// A .safetensors file of vectors of one element each, all zero.
  ///
  /// - Parameter names: written into the JSON text as they are.
  static func safetensors(_ names: [String], type: String = "F32", size: Int = 4) -> [UInt8] {
    let entries = names.enumerated().map { number, name in
      "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[1],\"data_offsets\":[\(number * size),\((number + 1) * size)]}"
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    return length + header + [UInt8](repeating: 0, count: names.count * size)
  }
}
