/// What a file seems to be by its first bytes, for messages about a file that was given in the place of another.
public enum FileKind: String, Sendable {
  /// Ours.
  case trace = "a trace"
  /// llama2.c's weights.
  case checkpoint = "a checkpoint"
  /// llama2.c's vocabulary.
  case tokenizer = "a tokenizer"
  /// What is kept of a trace in a repository.
  case golden = "a golden"
  /// Arrays of other programs, as numpy.savez writes them; other zip archives begin alike.
  case zip = "a zip archive, as .npz files are"
  /// One array, as numpy.save writes it.
  case npy = "an array (.npy)"
  /// Something for people.
  case text = "text"

  /// Guesses from the first eight bytes; nil where they are nothing known.
  package init?(firstBytes bytes: [UInt8]) {
    if bytes == TraceHeader.magic {
      self = .trace
      return
    }
    if bytes.elementsEqual("tracedif".utf8) {
      self = .golden
      return
    }
    let arrays: [([UInt8], FileKind)] = [([0x50, 0x4B, 3, 4], .zip), ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], .npy)]
    if let found = arrays.first(where: { bytes.starts(with: $0.0) }) {
      self = found.1
      return
    }
    guard bytes.count == 8 else { return nil }
    let words = [bytes.span.bytes.integer(at: 0, as: Int32.self), bytes.span.bytes.integer(at: 4, as: Int32.self)]
    let isPrintable = bytes.allSatisfy { (0x20...0x7E).contains($0) || (0x09...0x0D).contains($0) }
    // Magic ak42; without it, two sizes, of which the first is the model's width.
    if words[0] == 0x616B_3432 || words.allSatisfy({ (1..<(1 << 24)).contains($0) }) {
      self = .checkpoint
    } else if (1..<(1 << 16)).contains(words[0]), words[1] == 0 {
      // The longest piece, and the score of the first one.
      self = .tokenizer
    } else if isPrintable {
      self = .text
    } else {
      return nil
    }
  }
}
