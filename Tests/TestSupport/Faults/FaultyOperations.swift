package import Model
import Synchronization
package import TraceFormat

/// llama2.c's arithmetic with mistakes in it, for blocks of one position.
///
/// Some mistakes remember earlier positions: a value of this type computes one run.
package struct FaultyOperations: Operations {
  private let faults: [Fault]
  private let isQuantized: Bool
  private let memory = FaultMemory()

  /// Operations with faults, in float32 or int8. Where two share a site, the first may hide the second.
  package init(_ faults: [Fault], quantized: Bool = false) {
    self.faults = faults
    isQuantized = quantized
  }

  /// Operations with one fault.
  package init(_ fault: Fault, quantized: Bool = false) { self.init([fault], quantized: quantized) }

  /// Computes a site, wrongly where a fault is.
  package func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    precondition(s.count == 1, "faults are computed position by position")
    let position = s.positions.lowerBound
    let step = FaultyStep(
      site: site, layer: layer, position: position, isQuantized: isQuantized, memory: memory,
      faults: faults.filter { $0.sites.contains(site) }[...])
    step.proceed(&s, model)
    if faults.contains(where: { $0.remembers.contains(site) }) { step.remember(site.rawValue, s[site]) }
  }
}

/// One site of one layer at one position, as a fault sees it.
struct FaultyStep {
  let site: Site
  let layer: Int
  let position: Int
  let isQuantized: Bool
  let memory: FaultMemory
  /// The faults at this site that have not computed yet.
  private(set) var faults: ArraySlice<Fault>

  init(
    site: Site, layer: Int, position: Int, isQuantized: Bool, memory: FaultMemory, faults: ArraySlice<Fault>
  ) {
    self.site = site
    self.layer = layer
    self.position = position
    self.isQuantized = isQuantized
    self.memory = memory
    self.faults = faults
  }

  /// Computes the site: the next fault's way, or llama2.c's when none is left.
  func proceed(_ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    proceed(layer: layer, &s, model)
  }

  /// Computes the site with the weights of another layer.
  func proceed(layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    if let fault = faults.first {
      var rest = self
      rest.faults = faults.dropFirst()
      fault.compute(rest, &s, model)
    } else if isQuantized {
      QuantizedOperations().perform(site, layer: layer, &s, model)
    } else {
      Llama2Operations<Float>().perform(site, layer: layer, &s, model)
    }
  }

  /// Keeps values of this layer and position under a label.
  func remember(_ label: String, _ values: [Float]) {
    memory.store(values, FaultMemory.Key(label: label, layer: layer, position: position))
  }

  /// What was kept under a label; nil when nothing was.
  func recall(_ label: String, layer: Int? = nil, position: Int) -> [Float]? {
    memory.load(FaultMemory.Key(label: label, layer: layer ?? self.layer, position: position))
  }

  /// The result of a site that the fault remembers; nil when it has not been computed.
  func recall(_ site: Site, layer: Int? = nil, position: Int) -> [Float]? {
    recall(site.rawValue, layer: layer, position: position)
  }
}

/// What a run's faults keep from one step to another.
final class FaultMemory: Sendable {
  struct Key: Hashable {
    let label: String
    let layer: Int
    let position: Int
  }

  private let rows = Mutex<[Key: [Float]]>([:])

  func store(_ values: [Float], _ key: Key) { rows.withLock { $0[key] = values } }

  func load(_ key: Key) -> [Float]? { rows.withLock { $0[key] } }
}
