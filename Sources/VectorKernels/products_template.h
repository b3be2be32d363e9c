/* The matrix products, compiled once per vector unit and number format. The including file defines
 *
 *     REAL, WEIGHT   the formats of activations and of weights
 *     NAME(x)        the name of a function for this unit and these formats
 *     CONVERTS       whether these two differ
 *     ONLY_ATTENTION whether the weights are keys and values, never those of a model
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
    size_t x_stride, const size_t height)
{
    VECTOR sum[HEIGHT];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) sum[r] = *(const VECTOR *)(sums + r * LANES);
    for (size_t j = 0; j < columns; j++) {
        const VECTOR lane = *(const VECTOR *)(x + j * x_stride);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < height; r++) sum[r] += w[r * w_stride + j] * lane;
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) *(VECTOR *)(sums + r * LANES) = sum[r];
}

/* The same for any number of rows. */
static inline void NAME(tiles)(
    REAL *restrict sums, const REAL *restrict w, size_t w_stride, size_t rows, size_t columns,
    const REAL *restrict x, size_t x_stride)
{
    size_t r = 0;
    for (; r + HEIGHT <= rows; r += HEIGHT)
        NAME(tile)(sums + r * LANES, w + r * w_stride, w_stride, columns, x, x_stride, HEIGHT);
    for (; r < rows; r++) NAME(tile)(sums + r * LANES, w + r * w_stride, w_stride, columns, x, x_stride, 1);
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

#if !ONLY_ATTENTION
void NAME(pack)(REAL *packed, const REAL *x, size_t x_stride, size_t columns, size_t positions)
{
    for (size_t p = 0; p < positions; p += LANES, packed += columns * LANES) {
        const size_t count = least(positions - p, LANES);
        if (count < LANES) memset(packed, 0, columns * LANES * sizeof(REAL));
        NAME(transpose)(packed, LANES, x + p * x_stride, x_stride, count, columns);
    }
}
#endif

#if !ONLY_ATTENTION
/* Asks for weights of the next panel: so many rows side by side are too many streams for the hardware's own prefetching, but
 * one after the other they are one stream. */
static inline void NAME(prefetch)(const WEIGHT *w, size_t elements)
{
    for (size_t line = 0; line < elements; line += 64 / sizeof(WEIGHT)) __builtin_prefetch(w + line, 0, 2);
}

/* Adds a stretch of columns to the sums of a panel, for every group of positions. sums: (groups, PANEL, LANES). */
static inline void NAME(add_stretch)(
    REAL *restrict sums, const WEIGHT *restrict w, size_t w_stride, size_t rows, size_t columns,
    const REAL *restrict packed, size_t group_size, size_t groups, const WEIGHT *next, size_t next_count)
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
    for (size_t g = 0; g < groups; g++) {
        NAME(prefetch)(next + next_count * g / groups, next_count / groups);
        NAME(tiles)(sums + g * PANEL * LANES, panel, stride, rows, columns, packed + g * group_size, LANES);
    }
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
                NAME(add_stretch)(sums, panel + j, w_stride, height, width, x + j * LANES, group_size, groups,
                                  panel + PANEL * w_stride + next * j, next * width);
            }
            for (size_t g = 0; g < groups; g++)
                NAME(transpose)(out + (first + g * LANES) * out_stride + i, out_stride, sums + g * PANEL * LANES, LANES,
                                height, least(count - g * LANES, LANES));
        }
    }
}
#endif

/* ---- Attention: the rows of weights are keys, or the lanes are elements of values ---- */

#if !CONVERTS
void NAME(causal_scores)(
    REAL *out, size_t out_stride, const REAL *keys, size_t key_stride, size_t columns, const REAL *packed, size_t first,
    size_t positions, REAL divisor)
{
    for (size_t p = 0; p < positions; p += LANES, packed += columns * LANES) {
        const size_t count = least(positions - p, LANES);
        for (size_t t = 0; t < first + p + count; t += PANEL) {
            REAL sums[PANEL * LANES] __attribute__((aligned(64))) = {0};
            const size_t height = least(first + p + count - t, PANEL);
            NAME(tiles)(sums, keys + t * key_stride, key_stride, height, columns, packed, LANES);
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
    REAL sums[HEIGHT * LANES] __attribute__((aligned(64))) = {0};
    NAME(tiles)(sums, weights, weight_stride, height, shared, values, value_stride);
    for (size_t r = 0; r < height; r++) {
        NAME(tile)(sums + r * LANES, weights + r * weight_stride + shared, 0, r, values + shared * value_stride,
                   value_stride, 1);
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

/* ---- One position: rows of weights to lanes ---- */

/* Sixteen rows at once: squares of 4 columns are turned in registers, so that a register holds one column of sixteen
 * rows, and each lane keeps its own row's sum. */
typedef WEIGHT NAME(square) __attribute__((vector_size(4 * sizeof(WEIGHT)), aligned(sizeof(WEIGHT))));
typedef WEIGHT NAME(eight) __attribute__((vector_size(8 * sizeof(WEIGHT))));
typedef WEIGHT NAME(column) __attribute__((vector_size(16 * sizeof(WEIGHT)), aligned(sizeof(WEIGHT))));
typedef REAL NAME(panel) __attribute__((vector_size(16 * sizeof(REAL)), aligned(sizeof(REAL))));

/* Four columns of rows r, r + 4, r + 8 and r + 12, side by side. */
static inline __attribute__((always_inline)) void NAME(gather)(
    NAME(column) *restrict result, const WEIGHT *restrict w, size_t w_stride)
{
#define LOAD(r) (*(const NAME(square) *)(w + (r)*w_stride))
    const NAME(eight) low = __builtin_shufflevector(LOAD(0), LOAD(4), 0, 1, 2, 3, 4, 5, 6, 7);
    const NAME(eight) high = __builtin_shufflevector(LOAD(8), LOAD(12), 0, 1, 2, 3, 4, 5, 6, 7);
    *result = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#undef LOAD
}

static inline __attribute__((always_inline)) void NAME(panel_product)(
    REAL *restrict out, const WEIGHT *restrict w, size_t w_stride, size_t columns, const REAL *restrict x,
    const WEIGHT *next)
{
    NAME(panel) sum = {0};
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
        NAME(column) a, b, c, d;
        NAME(gather)(&a, w + j, w_stride);
        NAME(gather)(&b, w + j + w_stride, w_stride);
        NAME(gather)(&c, w + j + 2 * w_stride, w_stride);
        NAME(gather)(&d, w + j + 3 * w_stride, w_stride);
        for (size_t line = 0; line < 16 * 4 * sizeof(WEIGHT); line += 64)
            __builtin_prefetch((const char *)(next + 16 * j) + line);
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LEFT(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define RIGHT(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
        const NAME(column) ab = LOW(a, b), cd = LOW(c, d), ef = HIGH(a, b), gh = HIGH(c, d);
#define STEP(v, k) sum += __builtin_convertvector(v, NAME(panel)) * x[j + (k)]
        STEP(LEFT(ab, cd), 0);
        STEP(RIGHT(ab, cd), 1);
        STEP(LEFT(ef, gh), 2);
        STEP(RIGHT(ef, gh), 3);
#undef STEP
#undef LOW
#undef HIGH
#undef LEFT
#undef RIGHT
    }
    for (; j < columns; j++) {
        NAME(panel) column;
        for (size_t r = 0; r < 16; r++) column[r] = (REAL)w[r * w_stride + j];
        sum += column * x[j];
    }
    *(NAME(panel) *)out = sum;
}

void NAME(product)(
    REAL *restrict out, const WEIGHT *restrict w, size_t w_stride, size_t rows, size_t columns, const REAL *restrict x)
{
    size_t i = 0;
    for (; i + 16 <= rows; i += 16) {
        /* At the end the panel asks for itself again: a prefetch needs some address, and this one costs nothing. */
        const WEIGHT *panel = w + i * w_stride, *next = rows - i >= 32 ? panel + 16 * w_stride : panel;
        NAME(panel_product)(out + i, panel, w_stride, columns, x, next);
    }
    for (; i < rows; i++) {
        REAL sum = 0;
        for (size_t j = 0; j < columns; j++) sum += (REAL)w[i * w_stride + j] * x[j];
        out[i] = sum;
    }
}

#undef LANES
#undef PANEL
#undef STRETCH
#undef GROUPS
#undef VECTOR
