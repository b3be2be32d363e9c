import Model
import Synthesis
import Testing
import TraceFormat

@Suite struct SynthesisTokenizerTests {
  /// The entries of a tokenizer file, read here from its bytes.
  private func entries(_ vocabularySize: Int) -> [(piece: [UInt8], score: Float)] {
    let file = CheckpointBytes(bytes: SyntheticTokenizer(vocabularySize: vocabularySize).bytes)
    var offset = 4
    var entries: [(piece: [UInt8], score: Float)] = []
    for _ in 0..<vocabularySize {
      let length = file.int32(at: offset + 4)
      entries.append((Array(file.bytes[(offset + 8)..<(offset + 8 + length)]), file.floats(at: offset, count: 1)[0]))
      offset += 8 + length
    }
    #expect(offset == file.bytes.count)
    #expect(file.int32(at: 0) == entries.map(\.piece.count).max() ?? 0)
    return entries
  }

  @Test func beginsWithControlAndByteTokens() {
    let entries = entries(260)
    #expect(entries[0].piece == Array("<unk>".utf8))
    #expect(entries[1].piece == Array("\n<s>\n".utf8))
    #expect(entries[2].piece == Array("\n</s>\n".utf8))
    #expect(entries[3].piece == Array("<0x00>".utf8))
    #expect(entries[3 + 0xAB].piece == Array("<0xAB>".utf8))
    #expect(entries[258].piece == Array("<0xFF>".utf8))
    #expect(entries[259].piece == [0x20])
  }

  @Test(arguments: [0, 1, 5, 258, 259, 320, 512]) func isTheBeginningOfALargerOne(_ size: Int) {
    let small = entries(size)
    #expect(small.count == size)
    for (left, right) in zip(small, entries(1000)) {
      #expect(left.piece == right.piece)
      #expect(left.score == right.score)
    }
  }

  @Test func piecesAreUniqueAndMergesHaveEarlierHalves() {
    let entries = entries(32000)
    var ids: [[UInt8]: Int] = [:]
    var faults: [String] = []
    for (id, entry) in entries.enumerated() {
      let piece = entry.piece
      let text = String(decoding: piece, as: UTF8.self)
      if ids.updateValue(id, forKey: piece) != nil { faults.append("'\(text)' occurs twice") }
      guard id > 259 else { continue }
      if entry.score != entries[id - 1].score - 1 { faults.append("the score of '\(text)'") }
      let isMerge = (1..<piece.count).contains { cut in
        guard let left = ids[Array(piece[..<cut])], let right = ids[Array(piece[cut...])] else { return false }
        return left >= 259 && right >= 259
      }
      if !isMerge && text.unicodeScalars.count != 1 { faults.append("'\(text)' cannot be merged") }
    }
    #expect(faults.isEmpty)
  }

  @Test(arguments: [320, 512, 4000]) func piecesWithASpaceAreOneTokenAgain(_ size: Int) throws {
    let tokenizer = try Tokenizer(SyntheticTokenizer(vocabularySize: size).bytes.span.bytes, vocabularySize: size)
    let spaced = tokenizer.pieces.enumerated().filter { id, piece in id > 259 && piece.first == 0x20 }
    #expect(!spaced.isEmpty)
    for (id, piece) in spaced {
      #expect(try tokenizer.encode(Array(piece.dropFirst())) == [1, id])
    }
  }

  @Test func textReadsBackAndIsShort() throws {
    let tokenizer = try Tokenizer(
      SyntheticTokenizer(vocabularySize: 2000).bytes.span.bytes, vocabularySize: 2000)
    let text = "Once upon a time, there was a little girl named Zo\u{EB} \u{2014} she said: 'Stop!' \u{1F600}\n"
    let ids = try tokenizer.encode(Array(text.utf8))
    #expect(ids.count < text.utf8.count / 2)
    var previous = 1
    var bytes: [UInt8] = []
    for id in ids.dropFirst() {
      let piece = tokenizer.pieces[id]
      if (3..<259).contains(id) {
        bytes.append(UInt8(id - 3))
      } else {
        bytes += previous == 1 ? piece.dropFirst() : piece
      }
      previous = id
    }
    #expect(bytes == Array(text.utf8))
  }
}
