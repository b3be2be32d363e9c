/// The file layouts of llama2.c.
public enum CheckpointVersion: Int, Sendable {
  /// float32 without a magic.
  case legacy = 0
  /// float32 with a 256-byte header.
  case float32 = 1
  /// int8 with group scales.
  case int8 = 2
}
