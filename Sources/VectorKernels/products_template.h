/* The matrix products, compiled once per vector unit and pair of number formats. The including file defines
 *
 *     REAL, WEIGHT   the formats of activations and of weights
 *     CONVERTS       whether these two differ
 *     ONLY_ATTENTION whether the weights are keys and values, never those of a model
 *     NAME(x)        the name of a function for this unit and these formats
 *     HEIGHT         rows of weights that meet one vector of positions at once: as many as fill eight registers with running
 *                    sums, which hides the latency of an addition
 *
 * Why every bit is that of the plain loop: an element of a result is one running sum from 0 over ascending columns, each
 * step one product and one addition, rounded apart. What runs side by side are different elements, one to a lane. Nothing
 * is fused or reassociated: FP_CONTRACT is off in the including files. */

#define LANES (64 / sizeof(REAL))
#define PANEL ((size_t)16)    /* rows of weights, and */
#define STRETCH ((size_t)512) /* columns of them, that stay in the nearer caches while all groups of positions pass, */
#define GROUPS ((size_t)8)    /* so many at once */
#define VECTOR NAME(vector)
typedef REAL VECTOR __attribute__((vector_size(64), aligned(sizeof(REAL))));

/* sums[r][lane] += sum over j of w[r][j] * x[j][lane] for `height` rows, a constant up to HEIGHT. */
static inline __attribute__((always_inline)) void NAME(tile)(
    REAL *restrict sums, const REAL *restrict w, size_t w_stride, size_t columns, const REAL *restrict x,
    size_t x_stride, struct stream *ahead, const size_t height)
{
    VECTOR sum[HEIGHT];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) sum[r] = *(const VECTOR *)(sums + r * LANES);
    for (size_t j = 0; j < columns;) {
        const size_t end = least(columns, j + STEP);
        advance(ahead);
        for (; j < end; j++) {
            const VECTOR lane = *(const VECTOR *)(x + j * x_stride);
#pragma clang loop unroll(full)
            for (size_t r = 0; r < height; r++) sum[r] += w[r * w_stride + j] * lane;
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) *(VECTOR *)(sums + r * LANES) = sum[r];
}

/* The same for any number of rows. */
static inline void NAME(tiles)(
    REAL *restrict sums, const REAL *restrict w, size_t w_stride, size_t rows, size_t columns,
    const REAL *restrict x, size_t x_stride, struct stream *ahead)
{
    size_t r = 0;
    for (; r + HEIGHT <= rows; r += HEIGHT)
        NAME(tile)(sums + r * LANES, w + r * w_stride, w_stride, columns, x, x_stride, ahead, HEIGHT);
    for (; r < rows; r++) NAME(tile)(sums + r * LANES, w + r * w_stride, w_stride, columns, x, x_stride, ahead, 1);
}

/* out[c][r] = in[r][c] for `rows` x `columns`; squares of 4 x 4 where they fit. */
static inline void NAME(transpose)(
    REAL *restrict out, size_t out_stride, const REAL *restrict in, size_t in_stride, size_t rows, size_t columns)
{
    typedef REAL four __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL))));
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        size_t c = 0;
        for (; c + 4 <= columns; c += 4) {
            const REAL *i = in + r * in_stride + c;
            const four a = *(const four *)i, b = *(const four *)(i + in_stride);
            const four d = *(const four *)(i + 2 * in_stride), e = *(const four *)(i + 3 * in_stride);
            const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), de = __builtin_shufflevector(d, e, 0, 4, 1, 5);
            const four ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), ed = __builtin_shufflevector(d, e, 2, 6, 3, 7);
            REAL *o = out + c * out_stride + r;
            *(four *)o = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
            *(four *)(o + out_stride) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
            *(four *)(o + 2 * out_stride) = __builtin_shufflevector(ba, ed, 0, 1, 4, 5);
            *(four *)(o + 3 * out_stride) = __builtin_shufflevector(ba, ed, 2, 3, 6, 7);
        }
        for (; c < columns; c++)
            for (size_t k = r; k < r + 4; k++) out[c * out_stride + k] = in[k * in_stride + c];
    }
    for (; r < rows; r++)
        for (size_t c = 0; c < columns; c++) out[c * out_stride + r] = in[r * in_stride + c];
}

/* ---- A block of positions: positions to lanes ---- */

#if !ONLY_ATTENTION
void NAME(pack)(REAL *packed, const REAL *x, size_t x_stride, size_t columns, size_t positions)
{
    for (size_t p = 0; p < positions; p += LANES, packed += columns * LANES) {
        const size_t count = least(positions - p, LANES);
        if (count < LANES) memset(packed, 0, columns * LANES * sizeof(REAL));
        NAME(transpose)(packed, LANES, x + p * x_stride, x_stride, count, columns);
    }
}

/* Adds a stretch of columns to the sums of a panel, for every group of positions. sums: (groups, PANEL, LANES). */
static inline void NAME(add_stretch)(
    REAL *restrict sums, const WEIGHT *restrict w, size_t w_stride, size_t rows, size_t columns,
    const REAL *restrict packed, size_t group_size, size_t groups, struct stream *ahead)
{
#if CONVERTS
    /* Each weight is converted once, not once per group. */
    REAL converted[PANEL * STRETCH];
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < columns; j++) converted[r * STRETCH + j] = (REAL)w[r * w_stride + j];
    const REAL *panel = converted;
    const size_t stride = STRETCH;
#else
    const REAL *panel = w;
    const size_t stride = w_stride;
#endif
    for (size_t g = 0; g < groups; g++)
        NAME(tiles)(sums + g * PANEL * LANES, panel, stride, rows, columns, packed + g * group_size, LANES, ahead);
}

void NAME(products)(
    REAL *out, size_t out_stride, const WEIGHT *w, size_t w_stride, size_t rows, size_t columns, const REAL *packed,
    size_t positions)
{
    const size_t group_size = columns * LANES; /* of x */
    for (size_t first = 0; first < positions; first += GROUPS * LANES) {
        const size_t count = least(positions - first, GROUPS * LANES), groups = (count + LANES - 1) / LANES;
        const REAL *x = packed + first * columns;
        for (size_t i = 0; i < rows; i += PANEL) {
            const size_t height = least(rows - i, PANEL), next = least(rows - i - height, PANEL);
            const WEIGHT *panel = w + i * w_stride;
            REAL sums[GROUPS * PANEL * LANES] __attribute__((aligned(64)));
            memset(sums, 0, groups * PANEL * LANES * sizeof(REAL));
            for (size_t j = 0; j < columns; j += STRETCH) {
                const size_t width = least(columns - j, STRETCH);
                const size_t steps = groups * ((height + HEIGHT - 1) / HEIGHT) * ((width + STEP - 1) / STEP);
                struct stream ahead = stream_of(panel + height * w_stride + next * j, next * width * sizeof(WEIGHT), steps);
                NAME(add_stretch)(sums, panel + j, w_stride, height, width, x + j * LANES, group_size, groups, &ahead);
            }
            for (size_t g = 0; g < groups; g++)
                NAME(transpose)(out + (first + g * LANES) * out_stride + i, out_stride, sums + g * PANEL * LANES, LANES,
                                height, least(count - g * LANES, LANES));
        }
    }
}
#endif

#include "attention_template.h"
#include "product_template.h"

#undef LANES
#undef PANEL
#undef STRETCH
#undef GROUPS
#undef VECTOR
