/* The arithmetic of int8 runs: activations are quantized in groups, and matmuls sum integers within a group. */
#ifndef QUANTIZED_H
#define QUANTIZED_H

#include "checkpoint.h"

/* Quantizes x: (n) to values: (n) and scales: (n / group_size).
 *
 *     scale = max|x| / 127,  value = x / scale rounded to the nearest integer, halves away from zero
 *
 * The last n mod group_size values are zero and have no scale. What C leaves undefined: a quotient outside an int8
 * becomes the nearest int8 (a subnormal scale is that coarse), one that is not a number becomes 0, a group of zeros
 * gives zeros, and the greatest of a group is found by comparison, which passes over what is not a number. */
void quantize(int8_t *values, float *scales, const float *x, size_t n, size_t group_size);

/* out[i] = sum over groups g of (sum over j in g of w[i][j] * x[j], in int32) * w_scale * x_scale
 * out: (rows), x: (columns) and its scales. From 0, groups ascending; a row's last columns mod group_size do not count.
 * The weights' groups are counted over the flat matrix, so where columns is no multiple of group_size a row uses the
 * scale of the group in which each of its own groups begins. */
void matmul_quantized(float *out, const int8_t *x, const float *x_scales, const struct matrix *w, size_t group_size);

#endif
