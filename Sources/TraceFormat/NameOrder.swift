/// Numbers names in the order in which they first occur.
struct NameOrder {
  private(set) var names: [TensorName] = []
  private var numbers: [TensorName: UInt32] = [:]
  /// By rank, so that a site is found without hashing its name.
  private var siteNumbers = [UInt32?](repeating: nil, count: Site.allCases.count)

  mutating func number(of site: Site) -> UInt32 {
    if let number = siteNumbers[site.rank] { return number }
    let number = number(of: TensorName.site(site))
    siteNumbers[site.rank] = number
    return number
  }

  mutating func number(of name: TensorName) -> UInt32 {
    if let number = numbers[name] { return number }
    let number = UInt32(names.count)
    numbers[name] = number
    names.append(name)
    return number
  }
}
