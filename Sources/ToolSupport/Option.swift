/// One option of a program: its names, its help and its effect, which stand together.
package struct Option<Target> {
  /// The long name, without dashes.
  package let name: String
  /// Other long names for the same.
  package let aliases: [String]
  /// The short name, without the dash.
  package let short: Character?
  /// What stands for the value in the help; nil where the option takes none.
  package let valueName: String?
  /// One or more sentences.
  package let help: String
  private let effect: (inout Target, OptionValue) throws(UsageError) -> Void

  /// An option that takes a value. Given several times, the effects happen in order, so that the last one counts for
  /// a single value and a list collects all.
  package init(
    _ name: String, aliases: [String] = [], short: Character? = nil, value: String, help: String,
    effect: @escaping (inout Target, OptionValue) throws(UsageError) -> Void
  ) {
    self.name = name
    self.aliases = aliases
    self.short = short
    valueName = value
    self.help = help
    self.effect = effect
  }

  /// An option without a value.
  package init(
    _ name: String, short: Character? = nil, help: String, effect: @escaping (inout Target) -> Void
  ) {
    self.name = name
    aliases = []
    self.short = short
    valueName = nil
    self.help = help
    self.effect = { (target: inout Target, _: OptionValue) throws(UsageError) in effect(&target) }
  }

  /// Whether this is its long name or another of its names.
  func isNamed(_ bytes: some Sequence<UInt8>) -> Bool {
    ([name] + aliases).contains { bytes.elementsEqual($0.utf8) }
  }

  /// Carries out what the option asks for.
  func apply(to target: inout Target, _ value: OptionValue) throws(UsageError) { try effect(&target, value) }
}
