/// A value in a trace's header.
public enum HeaderValue: Hashable, Sendable {
  /// A signed 64-bit integer.
  case integer(Int64)
  /// A float64.
  case real(Double)
  /// Bytes, usually UTF-8.
  case text([UInt8])
}

/// The header fields that the format defines, in the order in which they stand in a file.
public enum HeaderField: String, CaseIterable, Sendable {
  /// 16 hexadecimal digits: the checksum of the checkpoint file.
  case checkpointFingerprint = "checkpoint_fingerprint"
  /// The llama2.c layout: 0, 1 or 2.
  case checkpointVersion = "checkpoint_version"
  /// Width of the residual stream.
  case dim
  /// First layer that was to be recorded.
  case firstLayer = "first_layer"
  /// First position that was to be recorded.
  case firstPosition = "first_position"
  /// 1 where the input tokens were given.
  case forcedTokens = "forced_tokens"
  /// Quantization group size.
  case groupSize = "group_size"
  /// Width of the feed-forward network.
  case hiddenDim = "hidden_dim"
  /// Last layer that was to be recorded.
  case lastLayer = "last_layer"
  /// Last position that was to be recorded.
  case lastPosition = "last_position"
  /// Number of query heads.
  case headCount = "n_heads"
  /// Number of key and value heads.
  case keyValueHeadCount = "n_kv_heads"
  /// Number of layers.
  case layerCount = "n_layers"
  /// Number of this part, from 0.
  case part
  /// Number of parts.
  case parts
  /// Arithmetic: f32, f64 or int8.
  case precision
  /// The prompt.
  case prompt
  /// RMSNorm's epsilon.
  case normEpsilon = "rms_norm_eps"
  /// Base of the rotary frequencies.
  case ropeBase = "rope_base"
  /// Seed of a sampled run.
  case seed
  /// Longest context.
  case sequenceLength = "seq_len"
  /// 1 where the classifier is the embedding table.
  case sharedClassifier = "shared_classifier"
  /// Names that were to be recorded.
  case sites
  /// Forward passes asked for.
  case steps
  /// Sampling temperature; 0 is greedy.
  case temperature
  /// Top-p of a sampled run.
  case topP = "top_p"
  /// Number of tokens.
  case vocabularySize = "vocab_size"

  /// The type letter of the field's value.
  package var type: UInt8 {
    switch self {
    case .checkpointFingerprint, .precision, .prompt, .sites: UInt8(ascii: "t")
    case .normEpsilon, .ropeBase, .temperature, .topP: UInt8(ascii: "r")
    default: UInt8(ascii: "i")
    }
  }
}

/// What is known of the run that a trace records. Only the producer is required; what is absent is unknown.
public struct TraceHeader: Equatable, Sendable {
  /// Program and version that wrote the trace: 1 to 64 bytes of UTF-8.
  public var producer: String
  /// All fields by name, those that the format does not define included.
  public var fields: [String: HeaderValue]

  /// A header.
  public init(producer: String, fields: [String: HeaderValue] = [:]) {
    self.producer = producer
    self.fields = fields
  }

  /// An integer field; nil where it is unknown.
  public subscript(integer field: HeaderField) -> Int? {
    get { if case .integer(let value)? = fields[field.rawValue] { Int(value) } else { nil } }
    set { fields[field.rawValue] = newValue.map { .integer(Int64($0)) } }
  }

  /// A real field; nil where it is unknown.
  public subscript(real field: HeaderField) -> Double? {
    get { if case .real(let value)? = fields[field.rawValue] { value } else { nil } }
    set { fields[field.rawValue] = newValue.map { .real($0) } }
  }

  /// The bytes of a text field; nil where it is unknown.
  public subscript(bytes field: HeaderField) -> [UInt8]? {
    get { if case .text(let value)? = fields[field.rawValue] { value } else { nil } }
    set { fields[field.rawValue] = newValue.map { .text($0) } }
  }

  /// A text field, with bytes that are not UTF-8 replaced; nil where it is unknown.
  public subscript(text field: HeaderField) -> String? {
    get { self[bytes: field].map { String(decoding: $0, as: UTF8.self) } }
    set { self[bytes: field] = newValue.map { Array($0.utf8) } }
  }
}

/// The input token of a position.
public struct TraceToken: Hashable, Sendable {
  /// The token's number in the vocabulary.
  public var id: Int
  /// The bytes of its piece in the tokenizer file; nil where they are unknown.
  public var text: [UInt8]?

  /// A token.
  public init(id: Int, text: [UInt8]? = nil) {
    self.id = id
    self.text = text
  }
}

extension TraceToken: CustomStringConvertible {
  /// As `512 " the"`, or the number alone where the text is unknown.
  public var description: String { "\(id)" + (quotedText.map { " \($0)" } ?? "") }

  /// The text between double quotes, on one line; nil where it is unknown.
  package var quotedText: String? { text.map { "\"\(visibleText($0, quoted: true))\"" } }
}
