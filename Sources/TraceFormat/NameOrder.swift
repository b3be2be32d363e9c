/// Numbers names in the order in which they first occur.
struct NameOrder {
  private(set) var names: [TensorName] = []
  private var numbers: [TensorName: UInt32] = [:]

  mutating func number(of name: TensorName) -> UInt32 {
    if let number = numbers[name] { return number }
    let number = UInt32(names.count)
    numbers[name] = number
    names.append(name)
    return number
  }
}
