import Foundation
import Model
import Synthesis
import Testing
import TraceFormat

/// Sums up what a run looks like, layer by layer.
private struct Statistics: ForwardObserver {
  /// Per layer: x after the layer, mean square at each position.
  var meanSquares: [[Double]]
  /// Per layer: entropy of the attention weights over the greatest that is possible, each head at each position but 0.
  var evenness: [[Double]]
  /// Per layer: standard deviation of the scores of each position but 0.
  var scoreDeviations: [[Double]]
  let headCount: Int

  init(_ configuration: Configuration) {
    meanSquares = Array(repeating: [], count: configuration.layerCount)
    evenness = meanSquares
    scoreDeviations = meanSquares
    headCount = configuration.headCount
  }

  mutating func begin(position: Int, token: Int) {}

  func wants(_ site: Site, layer: Int?, position: Int) -> Bool {
    [.ffnResidual, .attentionScores, .attentionWeights].contains(site)
  }

  mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) {
    guard let layer else { return }
    var row: [Double] = []
    for index in 0..<values.elements.count {
      if let value = values.elements[index] as? Float { row.append(Double(value)) }
    }
    let length = positions.lowerBound + 1
    switch site {
    case .ffnResidual: meanSquares[layer].append(row.reduce(0) { $0 + $1 * $1 } / Double(row.count))
    case .attentionScores where length > 1:
      let mean = row.reduce(0, +) / Double(row.count)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
      scoreDeviations[layer].append(variance.squareRoot())
    case .attentionWeights where length > 1:
      for head in 0..<headCount {
        let weights = row[(head * length)..<((head + 1) * length)]
        evenness[layer].append(-weights.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) } / log(Double(length)))
      }
    default: break
    }
  }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

@Suite struct SynthesisStatisticsTests {
  /// Shapes of several widths and depths.
  private static func shapes() throws -> [Configuration] {
    var deep = ModelPreset.tiny.sizes
    deep.layerCount = 12
    var wide = ModelPreset.tiny.sizes
    wide.dim = 128
    wide.hiddenDim = 344
    wide.headCount = 8
    wide.keyValueHeadCount = 8
    wide.vocabularySize = 512
    wide.sharesClassifier = true
    return try [ModelPreset.tiny.sizes, deep, wide].map { sizes in try sizes.configuration() }
  }

  @Test(arguments: try shapes(), [UInt64(1), 2]) func valuesAreRealistic(_ c: Configuration, _ seed: UInt64) throws {
    let bytes = try SyntheticModel(configuration: c, seed: seed).checkpointBytes()
    let model = try Checkpoint(try MappedFile(copying: bytes, name: "synthetic"))
    let steps = 64
    var transformer = Transformer(model, operations: Llama2Operations<Float>(), capacity: steps, quantized: false)
    var statistics = Statistics(c)
    var token = Tokenizer.beginning
    var tokens: [Int] = []
    var logitDeviation = 0.0
    for position in 0..<steps {
      transformer.forward([token], at: position, model: model, observer: &statistics)
      let span = transformer.state.logits.row(0)
      let logits = (0..<span.count).map { Double(span[$0]) }
      logitDeviation = mean(logits.map { $0 * $0 }).squareRoot()
      token = logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
      tokens.append(token)
    }

    for layer in 0..<c.layerCount {
      // Neither explodes nor vanishes, at any depth.
      #expect(statistics.meanSquares[layer].allSatisfy { (0.05...20).contains($0) }, "layer \(layer)")
      // Even attention would be 1, attention to one position 0.
      #expect((0.3...0.85).contains(mean(statistics.evenness[layer])), "layer \(layer)")
      #expect((1.2...3).contains(mean(statistics.scoreDeviations[layer])), "layer \(layer)")
    }
    #expect((0.4...4).contains(logitDeviation))
    // Greedy decoding goes on, and does not say the same for ever.
    #expect(!tokens.contains(Tokenizer.beginning))
    #expect(Set(tokens).count >= 12, "\(tokens)")
    #expect(Set(tokens.suffix(16)).count >= 4, "\(tokens)")
  }
}
