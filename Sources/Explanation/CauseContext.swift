import Model
import TraceFormat

/// What a cause can look at: one record, the inputs of its operation, and everything else that the trace and the model
/// hold.
struct CauseContext: Sendable {
  let replay: ReplayModel
  let site: Site
  let layer: Int?
  let position: Int
  /// The inputs of the operation, as the dataflow table lists them; of cached inputs, nothing (see `cache`).
  let inputs: [Estimate]
  /// The recorded tensor.
  let actual: RecordedTensor
  /// What the operation should have given.
  let expected: Estimate
  /// The rows of the operation's cached input, up to this position.
  let cache: [Estimate]

  var operation: SiteOperation { site.operation(quantized: replay.isQuantized) }
  var sizes: Configuration { replay.sizes }
  var weights: ModelWeights { replay.weights }

  /// A recorded tensor at this or another place; nil where it was not recorded.
  func recorded(_ site: Site, layer: Int?, position: Int) -> Estimate? {
    replay.tensors.values(site, layer: site.scope == .layer ? layer : nil, position: position)
  }

  /// The record of this site at an earlier or later position of the same layer.
  func recordedHere(position: Int) -> Estimate? { recorded(site, layer: layer, position: position) }
}

/// What a replay computes from: the trace, the checkpoint and the constants.
struct ReplayModel: Sendable {
  let tensors: RecordedTensors
  let weights: ModelWeights
  let isQuantized: Bool
  /// RMSNorm's epsilon: the trace's, or llama2.c's.
  let epsilon: Double
  /// RoPE's base: the trace's, or llama2.c's.
  let base: Double
  /// The input tokens by position.
  let tokens: [Int: Int]

  var sizes: Configuration { weights.configuration }
  /// Quantization group size; 1 where nothing is quantized.
  var groupSize: Int { weights.groupSize ?? 1 }

  var rotation: Replay.RotationRecipe { Replay.RotationRecipe(headSize: sizes.headSize, base: base) }
  var norm: Replay.NormRecipe { Replay.NormRecipe(epsilon: epsilon) }

  /// The layer whose weights an operation uses.
  func weightLayer(_ layer: Int?) -> Int { layer ?? 0 }

  /// The rows of a weight matrix as the run's products read them.
  func matrix(_ name: WeightName, layer: Int) -> WeightSource {
    guard isQuantized else { return weights.matrix(name, layer: layer) }
    let (rows, columns) = weights.shape(name)
    let weights = weights
    return WeightSource(rows: rows, columns: columns) { row, buffer in
      weights.fillGrouped(name, layer, row, &buffer)
    }
  }

  /// The group size of the run's products; nil where they are float products.
  var productGroupSize: Int? { isQuantized ? groupSize : nil }

  /// The activation that goes into a product: dequantized in an int8 run.
  func activation(_ inputs: [Estimate]) -> Estimate {
    isQuantized && inputs.count == 2
      ? Replay.dequantized(inputs[0], scales: inputs[1], groupSize: groupSize) : inputs[0]
  }

  /// Scores of all heads, one row of the result per head.
  ///
  /// - Parameter keyHead: the key head that a query head reads.
  func scores(_ query: Estimate, _ keys: [Estimate], divisor: Double, keyHead: (Int) -> Int) -> Estimate {
    let size = sizes.headSize
    return Estimate.joined(
      (0..<sizes.headCount).map { head in
        Replay.scores(
          query, from: head * size, keys: keys, from: keyHead(head) * size, headSize: size, divisor: divisor)
      })
  }

  /// Weighted sums of all heads.
  func weightedSum(_ weights: Estimate, _ values: [Estimate], valueHead: (Int) -> Int) -> Estimate {
    let (size, length) = (sizes.headSize, values.count)
    return Estimate.joined(
      (0..<sizes.headCount).map { head in
        Replay.weightedSum(
          weights, from: head * length, values: values, from: valueHead(head) * size, headSize: size)
      })
  }

  /// The key and value head of a query head.
  func keyHead(_ head: Int) -> Int { head / sizes.headsPerKeyValueHead }

  /// A row of the embedding table.
  func embedding(_ token: Int) -> Estimate {
    var row = [Double](repeating: 0, count: sizes.dim)
    weights.fill(.tokenEmbedding, 0, token, &row)
    guard weights.groupSize != nil else { return Estimate(row) }
    return Estimate(row, errors: row.map { Rounding.once * abs($0) + 128 * Rounding.eta })
  }
}

extension Estimate {
  /// Parts one after the other.
  static func joined(_ parts: [Estimate]) -> Estimate {
    let values = parts.flatMap(\.values)
    guard parts.contains(where: { !$0.isExact }) else { return Estimate(values) }
    return Estimate(values, errors: parts.flatMap { $0.isExact ? Array(repeating: 0, count: $0.count) : $0.errors })
  }
}
