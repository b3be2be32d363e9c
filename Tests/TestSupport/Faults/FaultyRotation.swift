import Model
import TraceFormat

extension Fault {
  private static let both: [Site] = [.queryRotation, .keyRotation]

  /// A rotation of all heads of a vector.
  private typealias Rotation = @Sendable (_ vector: [Float], _ position: Int, _ sizes: Configuration) -> [Float]

  private static func rotation(
    _ id: String, _ cause: String, at sites: [Site] = both,
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true }, _ compute: @escaping Rotation
  ) -> Fault {
    Fault(id, cause: cause, at: sites, when: condition) { step, s, model in
      s[step.site] = compute(s[step.site], step.position, model.configuration)
    }
  }

  /// Mistakes in RoPE.
  static let rotations: [Fault] = [
    rotation("rope-split-half", "rope.split-half", when: hasSeveralPairs, splitHalves),
    rotation(
      "rope-split-half-keys", "rope.split-half", at: [.keyRotation], when: hasSeveralPairs, splitHalves),
    rotation("rope-base-500000", "rope.base", when: hasSeveralPairs) { vector, position, sizes in
      turned(vector) { Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize, base: 500_000) }
    },
    rotation("rope-base-1000", "rope.base", when: hasSeveralPairs) { vector, position, sizes in
      turned(vector) { Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize, base: 1000) }
    },
    rotation("rope-global-index", "rope.global-index", when: { $0.sizes.headCount > 1 }) { vector, position, sizes in
      turned(vector) { Float(position) * frequency($0, of: sizes.dim) }
    },
    rotation(
      "rope-global-index-over-head-size", "rope.global-index", when: { $0.sizes.keyValueHeadCount > 1 }
    ) { vector, position, sizes in turned(vector) { Float(position) * frequency($0, of: sizes.headSize) } },
    rotation("rope-position-plus-one", "rope.position-offset") { vector, position, sizes in
      turned(vector) { Float(position + 1) * frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    rotation("rope-position-minus-one", "rope.position-offset") { vector, position, sizes in
      turned(vector) { Float(position - 1) * frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    rotation("rope-position-plus-one-queries", "rope.position-offset", at: [.queryRotation]) {
      vector, position, sizes in
      turned(vector) { Float(position + 1) * frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    rotation("rope-inverse", "rope.inverse") { vector, position, sizes in
      turned(vector) { -Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    rotation("rope-missing-on-keys", "rope.missing", at: [.keyRotation]) { vector, _, _ in vector },
    rotation("rope-missing-on-queries", "rope.missing", at: [.queryRotation]) { vector, _, _ in vector },
    rotation("rope-missing", "rope.missing") { vector, _, _ in vector },
    rotation("rope-overwritten", "rope.overwritten", overwriting),
    rotation("rope-overwritten-queries", "rope.overwritten", at: [.queryRotation], overwriting),
    rotation("rope-sine-cosine-swapped", "rope.sine-cosine-swapped") { vector, position, sizes in
      var result = vector
      for i in stride(from: 0, to: vector.count, by: 2) {
        let angle = Float(position) * frequency(i % sizes.headSize, of: sizes.headSize)
        let (cosine, sine) = (Float.sine(angle), Float.cosine(angle))
        result[i] = vector[i] * cosine - vector[i + 1] * sine
        result[i + 1] = vector[i] * sine + vector[i + 1] * cosine
      }
      return result
    },
    rotation("rope-twice", "rope.twice") { vector, position, sizes in
      rotated(rotated(vector, position, sizes), position, sizes)
    },
    rotation("rope-frequency-integer-division", "rope.frequency-exponent", when: hasSeveralPairs) {
      vector, position, sizes in
      turned(vector) {
        let exponent = ($0 % sizes.headSize) / sizes.headSize
        return Float(position) / Float.power(10000, Float(exponent))
      }
    },
    rotation("rope-frequency-exponent-halved", "rope.frequency-exponent", when: hasSeveralPairs) {
      vector, position, sizes in
      // The number of the pair where its first index is meant.
      turned(vector) { Float(position) * frequency($0 % sizes.headSize / 2, of: sizes.headSize) }
    },
    rotation("rope-frequency-inverted", "rope.frequency-inverted", when: hasSeveralPairs) { vector, position, sizes in
      turned(vector) { Float(position) / frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    // A base that was stretched for a longer context.
    rotation("rope-base-stretched", "rope.base", when: hasSeveralPairs) { vector, position, sizes in
      let size = Float(sizes.headSize)
      let base = 10000 * Float.power(3, size / (size - 2))
      return turned(vector) { Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize, base: base) }
    },
    Fault(
      "rope-last-query-head-kept", cause: "rope.stale", at: [.queryRotation], remembering: [.queryRotation],
      when: { $0.sizes.headCount > 1 }
    ) { step, s, model in
      step.proceed(&s, model)
      guard let previous = step.recall(.queryRotation, position: step.position - 1) else { return }
      let size = model.configuration.headSize
      s[.queryRotation] = s[.queryRotation].dropLast(size) + previous.suffix(size)
    },
    rotation("rope-first-head-only", "rope.first-head-only", when: { $0.sizes.keyValueHeadCount > 1 }, firstHead),
    rotation(
      "rope-first-query-head-only", "rope.first-head-only", at: [.queryRotation], when: { $0.sizes.headCount > 1 },
      firstHead),

    // Values turned in place, so that both their record and the cache have them.
    Fault("rope-on-values", cause: "rope.on-values", at: [.valueProjection]) { step, s, model in
      step.proceed(&s, model)
      s[.valueProjection] = rotated(s[.valueProjection], step.position, model.configuration)
    },
    // Values turned on their way into the cache: what was recorded of them is right.
    Fault("rope-on-cached-values", cause: "rope.on-values", at: [.attention]) { step, s, model in
      let sizes = model.configuration
      var cache = CacheRows(s.valueCache, layer: step.layer, position: step.position, sizes)
      let width = sizes.keyValueDim
      for t in 0...step.position {
        let row = (t * width)..<((t + 1) * width)
        cache.elements.replaceSubrange(row, with: rotated(Array(cache.elements[row]), t, sizes))
      }
      s[.attention] = weightedSums(s[.attentionWeights], cache, sizes)
    },
  ]

  /// The first pair turns by the position, whatever the base is.
  private static let hasSeveralPairs: @Sendable (RunShape) -> Bool = { $0.sizes.headSize > 2 }

  private static let splitHalves: Rotation = { vector, position, sizes in
    let half = sizes.headSize / 2
    return eachHead(vector, headSize: sizes.headSize) { head in
      var result = head
      for i in 0..<half {
        let angle = Float(position) * frequency(2 * i, of: sizes.headSize)
        let (cosine, sine) = (Float.cosine(angle), Float.sine(angle))
        result[i] = head[i] * cosine - head[i + half] * sine
        result[i + half] = head[i + half] * cosine + head[i] * sine
      }
      return result
    }
  }

  private static let overwriting: Rotation = { vector, position, sizes in
    var result = vector
    for i in stride(from: 0, to: vector.count, by: 2) {
      let angle = Float(position) * frequency(i % sizes.headSize, of: sizes.headSize)
      let (cosine, sine) = (Float.cosine(angle), Float.sine(angle))
      result[i] = result[i] * cosine - result[i + 1] * sine
      result[i + 1] = result[i] * sine + result[i + 1] * cosine
    }
    return result
  }

  private static let firstHead: Rotation = { vector, position, sizes in
    let first = rotated(Array(vector[..<sizes.headSize]), position, sizes)
    return first + vector[sizes.headSize...]
  }
}

/// 1 / base^(index / size).
func frequency(_ index: Int, of size: Int, base: Float = 10000) -> Float {
  1 / Float.power(base, Float(index) / Float(size))
}

/// Neighbouring pairs turned, each by the angle of its first index.
func turned(_ vector: [Float], by angle: (Int) -> Float) -> [Float] {
  var result = vector
  for i in stride(from: 0, to: vector.count, by: 2) {
    let (cosine, sine) = (Float.cosine(angle(i)), Float.sine(angle(i)))
    result[i] = vector[i] * cosine - vector[i + 1] * sine
    result[i + 1] = vector[i] * sine + vector[i + 1] * cosine
  }
  return result
}

/// RoPE as it should be.
func rotated(_ vector: [Float], _ position: Int, _ sizes: Configuration) -> [Float] {
  turned(vector) { Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize) }
}
