/* The functions of products_template.h and quantized_template.h, once per vector unit. */
#ifndef PRODUCTS_UNITS_H
#define PRODUCTS_UNITS_H

#include <stddef.h>

#include "quantized_products.h"
#include "vector_dispatch.h"

#define DECLARE_PRODUCT(suffix, REAL, WEIGHT)                                                                          \
    void product_##suffix(REAL *out, const WEIGHT *w, size_t w_stride, size_t rows, size_t columns, const REAL *x);

#define DECLARE_PRODUCTS(suffix, REAL, WEIGHT)                                                                         \
    void pack_##suffix(REAL *packed, const REAL *x, size_t x_stride, size_t columns, size_t positions);                \
    void products_##suffix(REAL *out, size_t out_stride, const WEIGHT *w, size_t w_stride, size_t rows,                \
                           size_t columns, const REAL *packed, size_t positions);

#define DECLARE_ATTENTION(suffix, REAL)                                                                                \
    void causal_scores_##suffix(REAL *out, size_t out_stride, const REAL *keys, size_t key_stride, size_t columns,     \
                                const REAL *packed, size_t first, size_t positions, REAL divisor);                     \
    void causal_sums_##suffix(REAL *out, size_t out_stride, const REAL *weights, size_t weight_stride,                 \
                              const REAL *values, size_t value_stride, size_t columns, size_t first,                   \
                              size_t positions);

#define DECLARE_UNIT(unit)                                                                                             \
    DECLARE_PRODUCT(f32_##unit, float, float)                                                                          \
    DECLARE_PRODUCT(f64_##unit, double, float)                                                                         \
    DECLARE_PRODUCT(f64_f64_##unit, double, double)                                                                    \
    DECLARE_PRODUCTS(f32_##unit, float, float)                                                                         \
    DECLARE_PRODUCTS(f64_##unit, double, float)                                                                        \
    DECLARE_ATTENTION(f32_##unit, float)                                                                               \
    DECLARE_ATTENTION(f64_f64_##unit, double)                                                                          \
    void product_i8_##unit(float *out, struct quantized_rows w, const int16_t *x, const float *scales);                \
    void products_i8_##unit(float *out, size_t out_stride, struct quantized_rows w, const int16_t *packed,             \
                            const float *packed_scales, size_t positions);

FOR_EACH_UNIT(DECLARE_UNIT)

#endif
