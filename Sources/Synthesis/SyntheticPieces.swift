/// The pieces of a synthetic vocabulary in the order of their ids, without end.
struct SyntheticPieces {
  private let listed: [[UInt8]]
  private let taken: Set<[UInt8]>
  private var invented = InventedWords()
  private var id = 0

  init() {
    listed = Self.listedPieces()
    taken = Set(listed)
  }

  /// The piece of the next id.
  mutating func next() -> [UInt8] {
    defer { id += 1 }
    if id < listed.count { return listed[id] }
    while true {
      let word = invented.next()
      if !taken.contains(word) { return word }
    }
  }

  /// Control tokens, byte tokens and all pieces that come from the lists below.
  private static func listedPieces() -> [[UInt8]] {
    var pieces = ["<unk>", "\n<s>\n", "\n</s>\n"].map { Array($0.utf8) }
    pieces += (0...255).map { Array("<0x\(hexadecimal($0))>".utf8) }
    var taken = Set(pieces)
    func add(_ piece: [UInt8]) {
      if taken.insert(piece).inserted { pieces.append(piece) }
    }
    /// All prefixes of the words with a leading space.
    func add(words: String) {
      for word in words.split(separator: " ") {
        let piece = Array(" \(word)".utf8)
        for length in 2...piece.count { add(Array(piece[..<length])) }
      }
    }
    func add(syllables: String) {
      for syllable in syllables.split(separator: " ") { add(Array(syllable.utf8)) }
    }
    for character in Vocabulary.firstCharacters { add(Array(String(character).utf8)) }
    add(syllables: Vocabulary.firstSyllables)
    add(words: Vocabulary.firstWords)
    for code in UInt8(0x20)...0x7E { add([code]) }
    for character in Vocabulary.otherCharacters.unicodeScalars { add(Array(String(character).utf8)) }
    add(syllables: Vocabulary.syllables)
    add(words: Vocabulary.words)
    return pieces
  }

  private static func hexadecimal(_ byte: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count == 1 ? "0" + digits : digits
  }
}

/// The lists that a synthetic vocabulary begins with; the first ones fill the smallest vocabularies.
private enum Vocabulary {
  static let firstCharacters = " abcdefghijklmnopqrstuvwxyz.,!?'"
  static let firstSyllables = "th he in er an re on"
  static let firstWords = "the and to in it he was is of on she had my"
  /// Of two, three and four bytes.
  static let otherCharacters = "\u{E9}\u{F6}\u{FC}\u{DF}\u{F1}\u{2014}\u{2019}\u{20AC}\u{65E5}\u{1F600}"
  /// Letters, and pieces made of two earlier ones.
  static let syllables =
    "at en nd or es ed st ar ou it al ll ea is ch gh ck oo ing and ent ion ter ver ever tion igh ight ough ell ess est ick ook"
  static let words = """
    a I One The She He They We You once upon time there a little girl boy who lived with her his mother father one day \
    they went out into big green garden where saw small bird that could not fly because wing hurt said we must help \
    you poor thing took home gave some bread water after many days better flew away but came back every morning sing \
    song for them all sun rain wind snow tree river hill stone house door window table bed light dark night moon star \
    sky sea boat fish dog cat horse cow sheep hen duck mouse bear wolf fox lion king queen old young good bad happy sad \
    warm cold new red blue white black yellow long short high low fast slow first last next then now here again never \
    always together friend friends play played ran run walk walked jump jumped laugh laughed cry cried sleep slept woke \
    eat ate drink drank find found look looked see hear heard know knew think thought want wanted like liked love \
    loved make made give take tell told ask asked answer say come go going gone stay left right up down over under \
    through between from about what when why how which their this these those would should can may might will shall \
    have has been being were are am do does did done very much more most less than too also only just even still \
    until while before soon later story book word letter name road town market school teacher child children man woman \
    people world year week hour apple cake honey egg milk flower grass leaf ball box bag hat coat shoe hand head eye \
    ear nose mouth heart voice smile face
    """
}

/// Invented words: a space, then consonants and vowels in turn, without end; all of one length before the first of the
/// next, so that they are closed under prefixes.
private struct InventedWords {
  private static let consonants = Array("bcdfghjklmnprstvwxyz".utf8)
  private static let vowels = Array("aeiou".utf8)
  /// Has no common factor with the number of words of any length, so it visits them all, scattered.
  private static let stride = 7919

  private var length = 1
  private var count = consonants.count
  private var index = 0

  mutating func next() -> [UInt8] {
    if index == count {
      length += 1
      count *= letters(at: length - 1).count
      index = 0
    }
    var rest = index * Self.stride % count
    index += 1
    var word: [UInt8] = []
    for place in 0..<length {
      let choices = letters(at: place)
      word.append(choices[rest % choices.count])
      rest /= choices.count
    }
    return [0x20] + word
  }

  private func letters(at place: Int) -> [UInt8] { place % 2 == 0 ? Self.consonants : Self.vowels }
}
