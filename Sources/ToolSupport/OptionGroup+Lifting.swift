extension OptionGroup {
  /// The same options for a target that holds theirs as a part.
  package func lifted<Whole>(to part: WritableKeyPath<Whole, Target>) -> OptionGroup<Whole> {
    OptionGroup<Whole>(title, options.map { $0.lifted(to: part) })
  }
}

extension Option {
  /// The same option for a target that holds this one's as a part.
  package func lifted<Whole>(to part: WritableKeyPath<Whole, Target>) -> Option<Whole> {
    guard let valueName else {
      return Option<Whole>(name, short: short, help: help) { whole in
        // An option without a value cannot refuse one.
        try? self.apply(to: &whole[keyPath: part], OptionValue(option: "--\(name)", argument: Argument(bytes: [])))
      }
    }
    return Option<Whole>(name, aliases: aliases, short: short, value: valueName, help: help) {
      whole, value throws(UsageError) in try self.apply(to: &whole[keyPath: part], value)
    }
  }
}
