import Dispatch
import PlatformLibc
import Synchronization
import TraceFormat
package import VectorKernels

/// Threads that wait for work and share it: the calling thread and `threads - 1` others.
///
/// A forward pass is cut into hundreds of short parallel regions, each over in some microseconds; waking threads for
/// each would take longer than the regions do. So the others look for work without sleeping for a while after each
/// region, and sleep when there has been none. Whoever shares something while the team is at work computes it alone.
package final class ThreadTeam: Sendable {
  /// Number of threads, the calling one included.
  package let threads: Int
  /// The vector unit they compute with; the bits do not depend on it.
  package let unit: VectorUnit
  private let crew: Crew?

  /// A team; its other threads end with it.
  package init(threads: Int, unit: VectorUnit = .widest) {
    precondition(vector_unit_is_available(unit))
    self.threads = max(1, threads)
    self.unit = unit
    crew = threads > 1 ? Crew(count: threads - 1) : nil
  }

  deinit { crew?.dismiss() }

  /// Calls `body` for consecutive parts of 0..<count that together cover it, on several threads where it is worth it.
  ///
  /// - Parameters:
  ///   - costPerItem: about how many multiply-adds an item takes.
  ///   - multiple: parts begin at multiples of this.
  ///   - body: computes the items of a part; what it writes must not overlap with other parts.
  package func share(_ count: Int, costPerItem: Int, multiple: Int = 1, _ body: (Range<Int>) -> Void) {
    let units = (count + multiple - 1) / multiple
    let parts = min(units, threads * Self.partsPerThread, count * max(1, costPerItem) / Self.leastWork)
    // Who comes while the threads are at work for another, or from a part of it, computes alone.
    guard let crew, parts > 1, crew.claim() else {
      if count > 0 { body(0..<count) }
      return
    }
    defer { crew.release() }
    crew.run(parts) { part in
      body((units * part / parts * multiple)..<min(count, units * (part + 1) / parts * multiple))
    }
  }

  /// More parts than threads, so that a thread that the system takes away holds up little.
  private static let partsPerThread = 2
  /// Multiply-adds below which a part is not worth handing to another thread: from a microsecond where weights are in a
  /// cache to five where they come from memory, and then a part needs its time to get a stream of them going.
  private static let leastWork = 1 << 15
}

/// What the threads of a team share.
private final class Crew: Sendable {
  /// Number of the region in the upper 32 bits, parts not yet taken in the lower. One word, so that a thread that comes
  /// late cannot take a part of another region than it saw.
  private let ticket = Atomic<UInt64>(0)
  /// Parts that are done.
  private let finished = Atomic<Int>(0)
  private let isDismissed = Atomic<Bool>(false)
  private let isClaimed = Atomic<Bool>(false)
  private let parts = Atomic<Int>(0)
  private let sleepers: [Sleeper]
  /// The region's work. It is written only while every part is done, and read only by who holds a part.
  private nonisolated(unsafe) var body: ((Int) -> Void)?

  /// A thread's bed.
  private final class Sleeper: Sendable {
    let isAsleep = Atomic<Bool>(false)
    let bell = DispatchSemaphore(value: 0)

    /// Wakes the thread if it sleeps.
    func wake() { if isAsleep.exchange(false, ordering: .sequentiallyConsistent) { bell.signal() } }
  }

  init(count: Int) {
    sleepers = (0..<count).map { _ in Sleeper() }
    for (index, sleeper) in sleepers.enumerated() {
      // A queue of its own is a thread of its own.
      DispatchQueue(label: "reference-parity.worker.\(index)").async { self.serve(sleeper) }
    }
  }

  /// Whether the caller may call `run`, until it calls `release`: one at a time.
  func claim() -> Bool { !isClaimed.exchange(true, ordering: .acquiring) }

  func release() { isClaimed.store(false, ordering: .releasing) }

  func dismiss() {
    isDismissed.store(true, ordering: .sequentiallyConsistent)
    for sleeper in sleepers { sleeper.wake() }
  }

  /// Computes all parts; returns when they are done.
  func run(_ count: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      self.body = body
      finished.store(0, ordering: .relaxed)
      parts.store(count, ordering: .relaxed)
      let region = (ticket.load(ordering: .relaxed) >> 32) &+ 1
      ticket.store(region << 32 | UInt64(count), ordering: .sequentiallyConsistent)
      for sleeper in sleepers { sleeper.wake() }
      while takePart() {}
      var rounds = 0
      while finished.load(ordering: .acquiring) < count {
        spin_pause()
        rounds += 1
        // The thread that holds the last part may need this processor.
        if rounds > Self.patience { sched_yield() }
      }
      self.body = nil
    }
  }

  /// Takes a part, if one is left, and computes it.
  private func takePart() -> Bool {
    var seen = ticket.load(ordering: .acquiring)
    while seen & 0xFFFF_FFFF > 0 {
      let (taken, current) = ticket.weakCompareExchange(
        expected: seen, desired: seen - 1, ordering: .acquiringAndReleasing)
      if taken {
        compute(parts.load(ordering: .relaxed) - Int(seen & 0xFFFF_FFFF))
        finished.add(1, ordering: .releasing)
        return true
      }
      seen = current
    }
    return false
  }

  /// Not inlined: every reference to the closure must be given up before the part counts as finished.
  @inline(never) private func compute(_ part: Int) { body?(part) }

  private func serve(_ sleeper: Sleeper) {
    var rounds = 0
    while !isDismissed.load(ordering: .relaxed) {
      if takePart() {
        rounds = 0
        continue
      }
      spin_pause()
      rounds += 1
      guard rounds > Self.watchfulness else { continue }
      rounds = 0
      sleeper.isAsleep.store(true, ordering: .sequentiallyConsistent)
      // Work that came before the thread counted as asleep would not wake it.
      let hasWork = ticket.load(ordering: .sequentiallyConsistent) & 0xFFFF_FFFF > 0
      if hasWork || isDismissed.load(ordering: .sequentiallyConsistent) {
        // Who has rung the bell meanwhile must not ring it for the next sleep.
        if !sleeper.isAsleep.exchange(false, ordering: .sequentiallyConsistent) { sleeper.bell.wait() }
      } else {
        sleeper.bell.wait()
      }
    }
  }

  /// Rounds of waiting for the last parts before a thread yields: about 30 microseconds.
  private static let patience = 2000
  /// Rounds of waiting for work before a thread sleeps: about 300 microseconds, more than one thread alone computes
  /// with between two regions. Waking it would take as long as the region.
  private static let watchfulness = 20000
}
