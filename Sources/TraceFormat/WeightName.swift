/// The weight tensors of a checkpoint, by llama2.c's names.
public enum WeightName: String, CaseIterable, Sendable {
  /// Token embedding table, vocab_size x dim.
  case tokenEmbedding = "token_embedding_table"
  /// RMSNorm weights before attention, dim per layer.
  case attentionNorm = "rms_att_weight"
  /// Query projection, dim x dim.
  case wq
  /// Key projection, kv_dim x dim.
  case wk
  /// Value projection, kv_dim x dim.
  case wv
  /// Output projection, dim x dim.
  case wo
  /// RMSNorm weights before the feed-forward network, dim per layer.
  case ffnNorm = "rms_ffn_weight"
  /// Gate projection, hidden_dim x dim.
  case w1
  /// Down projection, dim x hidden_dim.
  case w2
  /// Up projection, hidden_dim x dim.
  case w3
  /// Final RMSNorm weights, dim.
  case finalNorm = "rms_final_weight"
  /// Classifier, vocab_size x dim.
  case classifier = "wcls"
}
