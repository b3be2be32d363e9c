/* Matrix products with the bits of the plain loop: every element of a result is one running sum from 0 over ascending
 * columns, as in llama2.c's `matmul`; different elements are computed side by side.
 *
 * Activations are float or double, weights float (double for the rows of a cache of doubles). All matrices are row-major; `..._stride` is the number of elements from one
 * row to the next. Nothing is checked: the callers' views carry the sizes. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stddef.h>

#include "vector_unit.h"

/* ---- One position: out[i] = sum over j of w[i][j] * x[j] ---- */

/* w: (rows, columns); x: (columns); out: (rows). */
void product_f32(
    VectorUnit unit, float *out, const float *w, size_t w_stride, size_t rows, size_t columns, const float *x);
void product_f64(
    VectorUnit unit, double *out, const float *w, size_t w_stride, size_t rows, size_t columns, const double *x);
void product_f64_f64(
    VectorUnit unit, double *out, const double *w, size_t w_stride, size_t rows, size_t columns, const double *x);

/* ---- A block of positions: out[p][i] = sum over j of w[i][j] * x[p][j] ---- */

/* Positions are taken in groups, one to a lane of 64 bytes, so x is packed first: (groups, columns, lanes), the lanes of
 * absent positions zero. */
enum { PRODUCT_LANES_F32 = 16, PRODUCT_LANES_F64 = 8 };

void pack_f32(VectorUnit unit, float *packed, const float *x, size_t x_stride, size_t columns, size_t positions);
void pack_f64(VectorUnit unit, double *packed, const double *x, size_t x_stride, size_t columns, size_t positions);

/* w: (rows, columns); out: (positions, rows). */
void products_f32(
    VectorUnit unit, float *out, size_t out_stride, const float *w, size_t w_stride, size_t rows, size_t columns,
    const float *packed, size_t positions);
void products_f64(
    VectorUnit unit, double *out, size_t out_stride, const float *w, size_t w_stride, size_t rows, size_t columns,
    const double *packed, size_t positions);

/* ---- Attention of a block of positions, one head ---- */

/* out[p][t] = (sum over i of keys[t][i] * q[p][i]) / divisor for t = 0 ... first + p. keys: (first + positions, columns);
 * q packed; out: rows of growing length, `out_stride` apart. */
void causal_scores_f32(
    VectorUnit unit, float *out, size_t out_stride, const float *keys, size_t key_stride, size_t columns,
    const float *packed, size_t first, size_t positions, float divisor);
void causal_scores_f64(
    VectorUnit unit, double *out, size_t out_stride, const double *keys, size_t key_stride, size_t columns,
    const double *packed, size_t first, size_t positions, double divisor);

/* out[p][i] = sum over t = 0 ... first + p of weights[p][t] * values[t][i], t ascending. values: (first + positions,
 * columns); weights: rows of growing length, `weight_stride` apart; out: (positions, columns). */
void causal_sums_f32(
    VectorUnit unit, float *out, size_t out_stride, const float *weights, size_t weight_stride, const float *values,
    size_t value_stride, size_t columns, size_t first, size_t positions);
void causal_sums_f64(
    VectorUnit unit, double *out, size_t out_stride, const double *weights, size_t weight_stride, const double *values,
    size_t value_stride, size_t columns, size_t first, size_t positions);

#endif
