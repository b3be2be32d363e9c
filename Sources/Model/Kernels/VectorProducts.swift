import VectorKernels

/// The C kernels of matrix products for one number format of activations; see `products.h`.
public struct VectorProducts<Scalar>: Sendable {
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Input = UnsafePointer<Scalar>

  /// Positions per group of a packed block.
  let lanes: Int
  /// Packs rows: packed, x, stride, columns, positions.
  let pack: @Sendable (VectorUnit, Output, Input, Int, Int, Int) -> Void
  /// A block times weights: output, stride, weights, stride, rows, columns, packed, positions.
  let products: @Sendable (VectorUnit, Output, Int, UnsafePointer<Float>, Int, Int, Int, Input, Int) -> Void
  /// One position times weights: output, weights, stride, rows, columns, x.
  let product: @Sendable (VectorUnit, Output, UnsafePointer<Float>, Int, Int, Int, Input) -> Void
  /// One position times keys: the same.
  let keyProduct: @Sendable (VectorUnit, Output, Input, Int, Int, Int, Input) -> Void
  /// A block's scores of one head: output, stride, keys, stride, columns, packed queries, first, positions, divisor.
  let causalScores: @Sendable (VectorUnit, Output, Int, Input, Int, Int, Input, Int, Int, Scalar) -> Void
  /// A block's weighted sums of one head: output, stride, weights, stride, values, stride, columns, first, positions.
  let causalSums: @Sendable (VectorUnit, Output, Int, Input, Int, Input, Int, Int, Int, Int) -> Void
}

extension Float {
  /// float32 weights and activations.
  public static let vectorProducts = VectorProducts<Float>(
    lanes: Int(PRODUCT_LANES_F32), pack: { pack_f32($0, $1, $2, $3, $4, $5) },
    products: { products_f32($0, $1, $2, $3, $4, $5, $6, $7, $8) },
    product: { product_f32($0, $1, $2, $3, $4, $5, $6) },
    keyProduct: { product_f32($0, $1, $2, $3, $4, $5, $6) },
    causalScores: { causal_scores_f32($0, $1, $2, $3, $4, $5, $6, $7, $8, $9) },
    causalSums: { causal_sums_f32($0, $1, $2, $3, $4, $5, $6, $7, $8, $9) })
}

extension Double {
  /// float32 weights, float64 activations.
  public static let vectorProducts = VectorProducts<Double>(
    lanes: Int(PRODUCT_LANES_F64), pack: { pack_f64($0, $1, $2, $3, $4, $5) },
    products: { products_f64($0, $1, $2, $3, $4, $5, $6, $7, $8) },
    product: { product_f64($0, $1, $2, $3, $4, $5, $6) },
    keyProduct: { product_f64_f64($0, $1, $2, $3, $4, $5, $6) },
    causalScores: { causal_scores_f64($0, $1, $2, $3, $4, $5, $6, $7, $8, $9) },
    causalSums: { causal_sums_f64($0, $1, $2, $3, $4, $5, $6, $7, $8, $9) })
}
