import Model
import TraceFormat

extension ForwardState where Scalar == Float {
  /// The first row of the buffer that a site leaves its result in; for attention, the rows of all heads.
  subscript(site: Site) -> [Float] {
    get {
      switch site {
      case .embedding, .attentionResidual, .ffnResidual, .finalNorm: values(x.row(0))
      case .attentionNorm, .attention, .ffnNorm, .downProjection: values(xb.row(0))
      case .outputProjection: values(xb2.row(0))
      case .queryProjection, .queryRotation: values(q.row(0))
      case .keyProjection, .keyRotation: values(k.row(0))
      case .valueProjection: values(v.row(0))
      case .attentionScores, .attentionWeights: values(att.elements(0))
      case .gateProjection, .swiglu: values(hb.row(0))
      case .upProjection: values(hb2.row(0))
      case .logits: values(logits.row(0))
      default: preconditionFailure("\(site.rawValue) is not float32 in a buffer of activations")
      }
    }
    set {
      switch site {
      case .embedding, .attentionResidual, .ffnResidual, .finalNorm: write(newValue, to: &x)
      case .attentionNorm, .attention, .ffnNorm, .downProjection: write(newValue, to: &xb)
      case .outputProjection: write(newValue, to: &xb2)
      case .queryProjection, .queryRotation: write(newValue, to: &q)
      case .keyProjection, .keyRotation: write(newValue, to: &k)
      case .valueProjection: write(newValue, to: &v)
      case .attentionScores, .attentionWeights:
        let length = att.length(blockRow: 0)
        for head in 0..<(newValue.count / length) {
          var row = att.mutableRow(0, head: head)
          for t in 0..<length { row[t] = newValue[head * length + t] }
        }
      case .gateProjection, .swiglu: write(newValue, to: &hb)
      case .upProjection: write(newValue, to: &hb2)
      case .logits: write(newValue, to: &logits)
      default: preconditionFailure("\(site.rawValue) is not float32 in a buffer of activations")
      }
    }
  }
}

/// Writes the first row.
func write<Element: BitwiseCopyable>(_ elements: [Element], to matrix: inout Matrix<Element>) {
  var row = matrix.mutableRow(0)
  precondition(elements.count == row.count)
  for i in elements.indices { row[i] = elements[i] }
}

/// A copy of borrowed elements.
package func values<Element: BitwiseCopyable>(_ span: Span<Element>) -> [Element] { span.indices.map { span[$0] } }

/// Applies a function to each head's part of vectors that hold heads one after the other.
func eachHead(_ vector: [Float], headSize: Int, _ change: ([Float]) -> [Float]) -> [Float] {
  stride(from: 0, to: vector.count, by: headSize).flatMap { change(Array(vector[$0..<($0 + headSize)])) }
}

/// The dot product in ascending order.
func dot(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
  var sum: Float = 0
  for (x, y) in zip(a, b) { sum += x * y }
  return sum
}
