#include "products.h"

#include "products_units.h"

#define DEFINE_PRODUCT(suffix, REAL, WEIGHT)                                                                           \
    void product_##suffix(VectorUnit unit, REAL *out, const WEIGHT *w, size_t w_stride, size_t rows, size_t columns,   \
                          const REAL *x)                                                                               \
    {                                                                                                                  \
        DISPATCH(unit, product_##suffix, out, w, w_stride, rows, columns, x);                                          \
    }

#define DEFINE_PRODUCTS(suffix, REAL, WEIGHT)                                                                          \
    void pack_##suffix(VectorUnit unit, REAL *packed, const REAL *x, size_t x_stride, size_t columns,                  \
                       size_t positions)                                                                               \
    {                                                                                                                  \
        DISPATCH(unit, pack_##suffix, packed, x, x_stride, columns, positions);                                        \
    }                                                                                                                  \
    void products_##suffix(VectorUnit unit, REAL *out, size_t out_stride, const WEIGHT *w, size_t w_stride,            \
                           size_t rows, size_t columns, const REAL *packed, size_t positions)                          \
    {                                                                                                                  \
        DISPATCH(unit, products_##suffix, out, out_stride, w, w_stride, rows, columns, packed, positions);             \
    }

#define DEFINE_ATTENTION(suffix, of, REAL)                                                                             \
    void causal_scores_##suffix(VectorUnit unit, REAL *out, size_t out_stride, const REAL *keys, size_t key_stride,    \
                                size_t columns, const REAL *packed, size_t first, size_t positions, REAL divisor)      \
    {                                                                                                                  \
        DISPATCH(unit, causal_scores_##of, out, out_stride, keys, key_stride, columns, packed, first, positions,       \
                 divisor);                                                                                             \
    }                                                                                                                  \
    void causal_sums_##suffix(VectorUnit unit, REAL *out, size_t out_stride, const REAL *weights,                      \
                              size_t weight_stride, const REAL *values, size_t value_stride, size_t columns,           \
                              size_t first, size_t positions)                                                          \
    {                                                                                                                  \
        DISPATCH(unit, causal_sums_##of, out, out_stride, weights, weight_stride, values, value_stride, columns,       \
                 first, positions);                                                                                    \
    }

DEFINE_PRODUCT(f32, float, float)
DEFINE_PRODUCT(f64, double, float)
DEFINE_PRODUCT(f64_f64, double, double)
DEFINE_PRODUCTS(f32, float, float)
DEFINE_PRODUCTS(f64, double, float)
DEFINE_ATTENTION(f32, f32, float)
DEFINE_ATTENTION(f64, f64_f64, double)
