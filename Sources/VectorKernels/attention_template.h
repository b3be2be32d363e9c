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

void NAME(causal_sums)(
    REAL *out, size_t out_stride, const REAL *weights, size_t weight_stride, const REAL *values, size_t value_stride,
    size_t columns, size_t first, size_t positions)
{
    const size_t whole = columns / LANES * LANES;
    for (size_t p = 0; p < positions; p += HEIGHT) {
        const size_t height = least(positions - p, HEIGHT), shared = first + p + 1;
        for (size_t i = 0; i < whole; i += LANES)
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
