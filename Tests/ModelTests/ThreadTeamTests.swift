import Dispatch
import Synchronization
import Testing

@testable import Model

@Suite struct ThreadTeamTests {
  /// Every item is computed exactly once, in region after region, with more threads than processors, and when the
  /// threads have gone to sleep between regions.
  @Test(arguments: [1, 2, 3, 8])
  func everyItemOnce(threads: Int) {
    let team = ThreadTeam(threads: threads)
    for region in 0..<400 {
      let count = region % 97
      let counts = (0..<count).map { _ in Counter() }
      team.share(count, costPerItem: 1 << 15, multiple: 1 + region % 3) { part in
        for item in part { counts[item].value.add(1, ordering: .relaxed) }
      }
      let isOnce = counts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 }
      #expect(isOnce, "region \(region) of \(count) items")
      if region % 100 == 99 {
        let end = ContinuousClock.now + .milliseconds(2)
        while ContinuousClock.now < end {}
      }
    }
  }

  /// A team that is at work already, for another thread or for a part of this one, is not disturbed.
  @Test func whoComesMeanwhileComputesAlone() {
    let team = ThreadTeam(threads: 3)
    let counts = (0..<64).map { _ in Counter() }
    DispatchQueue.concurrentPerform(iterations: 4) { number in
      for _ in 0..<200 {
        team.share(4, costPerItem: 1 << 20) { outer in
          for i in outer {
            team.share(4, costPerItem: 1 << 20) { inner in
              for j in inner { counts[number * 16 + i * 4 + j].value.add(1, ordering: .relaxed) }
            }
          }
        }
      }
    }
    #expect(counts.allSatisfy { $0.value.load(ordering: .relaxed) == 200 })
  }

  private final class Counter: Sendable { let value = Atomic<Int>(0) }

  /// Parts begin at multiples, cover everything and are not empty.
  @Test(arguments: [1, 15, 16, 17, 500], [1, 16])
  func partsAreMultiples(count: Int, multiple: Int) {
    let parts = Mutex<[Range<Int>]>([])
    ThreadTeam(threads: 4).share(count, costPerItem: 1 << 16, multiple: multiple) { part in
      parts.withLock { $0.append(part) }
    }
    let sorted = parts.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
    #expect(sorted.first?.lowerBound == 0 && sorted.last?.upperBound == count)
    #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    #expect(sorted.allSatisfy { !$0.isEmpty && $0.lowerBound % multiple == 0 })
  }

  /// Little work stays on the calling thread.
  @Test func littleWorkIsOnePart() {
    let parts = Mutex(0)
    ThreadTeam(threads: 4).share(100, costPerItem: 10) { _ in parts.withLock { $0 += 1 } }
    #expect(parts.withLock { $0 } == 1)
  }
}
