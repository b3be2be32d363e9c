/* Matrix products of int8 weights and activations with group scales, with the bits of llama2.c's `runq` `matmul`: per element,
 * groups in ascending order, each group's products summed exactly in 32 bits, and a running float sum that grows by
 * (sum * weight scale) * activation scale. Columns after the last whole group do not count.
 *
 * The scale of the group that begins at column j of row i stands at place (i * columns + j) / group_size of the flat
 * matrix's scales, which may lie unaligned. Nothing is checked: the callers' views carry the sizes. */
#ifndef QUANTIZED_PRODUCTS_H
#define QUANTIZED_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "vector_unit.h"

/* A matrix, or rows of one that begin at flat element `first`. */
struct quantized_rows {
    const int8_t *values;  /* (rows, columns) */
    const uint8_t *scales; /* float32, of the whole matrix */
    size_t first, rows, columns, group_size;
};

/* Activations are widened to 16 bits, so that one instruction multiplies pairs and adds their products. Each group is padded with
 * zeros to a multiple of 32 elements. */
enum { QUANTIZED_PADDING = 32, QUANTIZED_LANES = 16 };

/* One position. widened: (groups, padded group); from x: (columns). */
void widen_i8(int16_t *widened, const int8_t *x, size_t columns, size_t group_size);

/* out: (rows); x: widened; scales: (groups). */
void product_i8(VectorUnit unit, float *out, struct quantized_rows w, const int16_t *x, const float *scales);

/* A block of positions. packed: (groups of positions, groups, padded group / 2, lanes, 2), packed_scales: (groups of positions,
 * groups, lanes), absent positions zero; from x: (positions, columns) and scales: (positions, groups). */
void pack_i8(int16_t *packed, float *packed_scales, const int8_t *x, const float *scales, size_t columns,
             size_t group_size, size_t positions);

/* out: (positions, rows), `out_stride` apart. */
void products_i8(VectorUnit unit, float *out, size_t out_stride, struct quantized_rows w, const int16_t *packed,
                 const float *packed_scales, size_t positions);

#endif
