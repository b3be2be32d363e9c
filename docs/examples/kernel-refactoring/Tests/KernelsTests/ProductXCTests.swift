import Kernels
import TraceTesting
import XCTest

final class ProductXCTests: XCTestCase {
  func testProductKeepsItsNumbers() {
    let trace = TraceRecording()
    for position in 0..<4 {
      trace.record("product", position: position, product(network.down, numbers(66, seed: UInt64(20 + position))))
    }
    expectTrace(trace, matches: "Goldens/product.golden", tolerance: .init(rtol: 1e-6))
  }
}
