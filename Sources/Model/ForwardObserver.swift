public import TraceFormat

/// Sees every intermediate tensor of a forward pass.
///
/// A forward pass without an observer is compiled with `NoObserver`, whose answers are constants, so it pays nothing.
public protocol ForwardObserver: ~Copyable {
  /// What `begin` and `observe` can throw; it ends the run.
  associatedtype Failure: Error

  /// A position begins: called before the first tensor of its block, for one position of the block after the other.
  mutating func begin(position: Int, token: Int) throws(Failure)

  /// Whether a tensor is wanted; asked before `observe` is called.
  func wants(_ site: Site, layer: Int?, position: Int) -> Bool

  /// A tensor has been computed, and no later operation has read it.
  ///
  /// - Parameters:
  ///   - layer: nil outside the layers.
  ///   - positions: the positions of the rows.
  ///   - values: one row per position; for `att.*`, n_heads * (pos + 1) elements, head by head.
  mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) throws(Failure)

  /// All tensors of the positions that began have been computed.
  mutating func endBlock() throws(Failure)

  /// Every position below is settled: what was observed of it is where it is to go, whatever becomes of this process.
  var settledPositions: Int { get }

  /// Settles every position of the blocks that ended.
  mutating func settle() throws(Failure)
}

/// An observer that holds nothing and puts nothing off.
extension ForwardObserver where Self: ~Copyable {
  /// Does nothing.
  public mutating func endBlock() throws(Failure) {}
  /// All.
  public var settledPositions: Int { .max }
  /// Does nothing.
  public mutating func settle() throws(Failure) {}
}

/// The observer of a run that nobody observes.
public struct NoObserver: ForwardObserver {
  /// An observer that wants nothing.
  public init() {}
  /// Does nothing.
  public mutating func begin(position: Int, token: Int) {}
  /// Never.
  public func wants(_ site: Site, layer: Int?, position: Int) -> Bool { false }
  /// Does nothing.
  public mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) {}
}
