/* Attention of a block of positions, one head; a part of products_template.h. In the scores the rows of weights are keys; in the
 * weighted sums the positions are rows and the elements of a value are lanes. */

#if !CONVERTS
void NAME(causal_scores)(
    REAL *out, size_t out_stride, const REAL *keys, size_t key_stride, size_t columns, const REAL *packed, size_t first,
    size_t positions, REAL divisor)
{
    for (size_t p = 0; p < positions; p += LANES, packed += columns * LANES) {
        const size_t count = least(positions - p, LANES);
        for (size_t t = 0; t < first + p + count; t += PANEL) {
            struct stream none = {0};
            REAL sums[PANEL * LANES] __attribute__((aligned(64))) = {0};
            const size_t height = least(first + p + count - t, PANEL);
            NAME(tiles)(sums, keys + t * key_stride, key_stride, height, columns, packed, LANES, &none);
            for (size_t e = 0; e < PANEL * LANES; e++) sums[e] /= divisor;
            REAL *corner = out + p * out_stride + t;
            if (t + height <= first + p + 1) {
                NAME(transpose)(corner, out_stride, sums, LANES, height, count);
                continue;
            }
            /* On the diagonal each position sees one key more than the one before. */
            for (size_t l = 0; l < count; l++)
                for (size_t r = 0; r < height && t + r <= first + p + l; r++) corner[l * out_stride + r] = sums[r * LANES + l];
        }
    }
}

/* HEIGHT positions, or fewer, and LANES elements of their outputs. */
static inline void NAME(causal_tile)(
    REAL *restrict out, size_t out_stride, const REAL *restrict weights, size_t weight_stride,
    const REAL *restrict values, size_t value_stride, size_t shared, size_t height)
{
    struct stream none = {0};
    REAL sums[HEIGHT * LANES] __attribute__((aligned(64))) = {0};
    NAME(tiles)(sums, weights, weight_stride, height, shared, values, value_stride, &none);
    for (size_t r = 0; r < height; r++) {
        NAME(tile)(sums + r * LANES, weights + r * weight_stride + shared, 0, r, values + shared * value_stride,
                   value_stride, &none, 1);
        memcpy(out + r * out_stride, sums + r * LANES, LANES * sizeof(REAL));
    }
}

/* `width` times LANES elements of the outputs of one position. */
static inline __attribute__((always_inline)) void NAME(single_tile)(
    REAL *restrict out, const REAL *restrict weights, const REAL *restrict values, size_t value_stride, size_t count,
    const size_t width)
{
    VECTOR sum[4] = {0};
    for (size_t t = 0; t < count; t++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < width; v++) sum[v] += weights[t] * *(const VECTOR *)(values + t * value_stride + v * LANES);
#pragma clang loop unroll(full)
    for (size_t v = 0; v < width; v++) *(VECTOR *)(out + v * LANES) = sum[v];
}

/* All whole LANES of one position's outputs: four at once, so that a value is read in one piece where it can be, and sums do not
 * wait for each other. */
static inline void NAME(single_sums)(
    REAL *restrict out, const REAL *restrict weights, const REAL *restrict values, size_t value_stride, size_t columns,
    size_t count)
{
    for (; columns >= 4 * LANES; columns -= 4 * LANES, out += 4 * LANES, values += 4 * LANES)
        NAME(single_tile)(out, weights, values, value_stride, count, 4);
    switch (columns / LANES) {
    case 3: NAME(single_tile)(out, weights, values, value_stride, count, 3); break;
    case 2: NAME(single_tile)(out, weights, values, value_stride, count, 2); break;
    case 1: NAME(single_tile)(out, weights, values, value_stride, count, 1); break;
    }
}

void NAME(causal_sums)(
    REAL *out, size_t out_stride, const REAL *weights, size_t weight_stride, const REAL *values, size_t value_stride,
    size_t columns, size_t first, size_t positions)
{
    const size_t whole = columns / LANES * LANES;
    for (size_t p = 0; p < positions; p += HEIGHT) {
        const size_t height = least(positions - p, HEIGHT), shared = first + p + 1;
        if (height == 1)
            NAME(single_sums)(out + p * out_stride, weights + p * weight_stride, values, value_stride, whole, shared);
        for (size_t i = 0; i < whole && height > 1; i += LANES)
            NAME(causal_tile)(out + p * out_stride + i, out_stride, weights + p * weight_stride, weight_stride,
                              values + i, value_stride, shared, height);
        for (size_t r = 0; r < height && whole < columns; r++) {
            REAL *restrict o = out + (p + r) * out_stride;
            const REAL *restrict a = weights + (p + r) * weight_stride;
            for (size_t i = whole; i < columns; i++) o[i] = 0;
            for (size_t t = 0; t < shared + r; t++)
                for (size_t i = whole; i < columns; i++) o[i] += a[t] * values[t * value_stride + i];
        }
    }
}
#endif
