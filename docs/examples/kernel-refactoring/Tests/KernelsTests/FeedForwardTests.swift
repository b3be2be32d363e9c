import Kernels
import Testing
import TraceTesting

@Test func feedForwardKeepsItsNumbers() {
  let trace = TraceRecording()
  for position in 0..<4 {
    _ = network.run(numbers(24, seed: UInt64(10 + position))) { site, values in
      trace.record(site, layer: 0, position: position, values)
    }
  }
  expectTrace(trace, matches: "Goldens/feed-forward.golden", tolerance: .init(rtol: 1e-6))
}
