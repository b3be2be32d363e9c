/// Options that stand together in the help.
package struct OptionGroup<Target> {
  /// The heading in the help.
  package let title: String
  /// The options in the order of the help.
  package let options: [Option<Target>]

  /// A group.
  package init(_ title: String, _ options: [Option<Target>]) {
    self.title = title
    self.options = options
  }
}
