import JSONText
package import TraceFormat

/// What is wrong with a file of arrays, with an array or with a mapping: which rule is broken, and where.
package struct ArchiveError: Error, Equatable, Sendable {
  /// Where in a file something is wrong.
  package enum Place: Equatable, Sendable {
    /// Nowhere in particular.
    case file
    /// At a byte, counted from 0.
    case offset(Int)
    /// In a line of text, counted from 1.
    case line(Int)
    /// In an array of this name.
    case array(String)
  }

  /// The file, as it was named.
  package let file: String
  /// Where in it.
  package let place: Place
  /// What is wrong.
  package let rule: ArchiveRule

  /// An error.
  package init(_ file: String, _ place: Place = .file, _ rule: ArchiveRule) {
    self.file = file
    self.place = place
    self.rule = rule
  }
}

extension ArchiveError {
  /// What is wrong with JSON in a file.
  init(_ file: String, _ error: JSONError) {
    self.init(
      file, .offset(error.offset), .invalid(error.what, expected: error.expected, found: error.found))
  }
}

extension ArchiveError: CustomStringConvertible {
  /// One line in lower case that begins with the file's name. Control characters in names are made visible.
  package var description: String {
    if case .system(let error) = rule { return error.description }
    let place: String
    switch self.place {
    case .file: place = ""
    case .offset(let offset): place = " at offset \(offset)"
    case .line(let line): place = " line \(line)"
    case .array(let name): place = " array '\(name)'"
    }
    return visibleText("\(file):\(place)\(place.isEmpty ? "" : ":") \(rule)".utf8)
  }
}

extension ArchiveError: FileErrorCarrier {
  /// The failed call, if it was one.
  package var fileError: FileError? { if case .system(let error) = rule { error } else { nil } }
}
