import Model
import TraceFormat

extension Fault {
  /// Mistakes in looking up the token's embedding.
  static let embeddings: [Fault] = [
    Fault("embedding-next-token", cause: "embedding.other-token", at: [.embedding]) { _, s, model in
      s[.embedding] = embedding(of: (s.tokens[0] + 1) % model.configuration.vocabularySize, model)
    },
    // Vocabularies that count from one.
    Fault("embedding-token-before", cause: "embedding.other-token", at: [.embedding]) { _, s, model in
      let size = model.configuration.vocabularySize
      s[.embedding] = embedding(of: (s.tokens[0] + size - 1) % size, model)
    },
    // The variable that holds the token is updated after the forward pass has begun.
    Fault("embedding-previous-token", cause: "embedding.other-token", at: [.embedding]) { step, s, model in
      let token = s.tokens[0]
      step.remember("token", [Float(token)])
      let previous = step.recall("token", position: step.position - 1).map { Int($0[0]) }
      s[.embedding] = embedding(of: previous ?? token, model)
    },
    // Whatever was asked for, one row.
    Fault("embedding-token-77-always", cause: "embedding.other-token", at: [.embedding]) { _, s, model in
      s[.embedding] = embedding(of: 77, model)
    },
    // The table in another order than the tokenizer's.
    Fault("embedding-table-scrambled", cause: "embedding.other-token", at: [.embedding]) { _, s, model in
      s[.embedding] = embedding(of: (s.tokens[0] * 7 + 3) % model.configuration.vocabularySize, model)
    },
    Fault("embedding-table-transposed", cause: "embedding.transposed", at: [.embedding]) { _, s, model in
      let (count, token) = (model.configuration.vocabularySize, s.tokens[0])
      let table = dequantized(model.matrix(.tokenEmbedding))
      s[.embedding] = stride(from: token, to: token + count * model.configuration.dim, by: count).map { table[$0] }
    },
    Fault(
      "embedding-of-classifier", cause: "embedding.classifier", at: [.embedding],
      when: { !$0.sizes.sharesClassifier }
    ) { _, s, model in
      let (width, token) = (model.configuration.dim, s.tokens[0])
      s[.embedding] = Array(dequantized(model.matrix(.classifier))[(token * width)..<((token + 1) * width)])
    },
    // As models of another family do.
    Fault("embedding-times-sqrt-dim", cause: "embedding.scaled", at: [.embedding]) { step, s, model in
      step.proceed(&s, model)
      let factor = Float(model.configuration.dim).squareRoot()
      s[.embedding] = s[.embedding].map { $0 * factor }
    },
  ]

  private static func embedding(of token: Int, _ model: borrowing Checkpoint) -> [Float] {
    var row = [Float](repeating: 0, count: model.configuration.dim)
    var output = row.mutableSpan
    embed(&output, table: model.matrix(.tokenEmbedding), token: token)
    return row
  }
}
