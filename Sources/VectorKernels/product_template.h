/* Weights times one position; a part of products_template.h. Sixteen rows at once: squares of 4 columns are turned in
 * registers, so that a register holds one column of sixteen rows, and each lane keeps its own sum. */
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
    struct stream *ahead)
{
    NAME(panel) sum = {0};
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
        NAME(column) a, b, c, d;
        NAME(gather)(&a, w + j, w_stride);
        NAME(gather)(&b, w + j + w_stride, w_stride);
        NAME(gather)(&c, w + j + 2 * w_stride, w_stride);
        NAME(gather)(&d, w + j + 3 * w_stride, w_stride);
        advance(ahead);
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
    /* Two panels are asked for before the first is computed; then as much as is computed, four columns at a time. */
    const size_t line = 64 / sizeof(WEIGHT), panel = PANEL * w_stride;
    struct stream ahead = {(const char *)w, (const char *)(w + rows / PANEL * panel), 2 * panel / line};
    advance(&ahead);
    ahead.lines = PANEL * 4 / line;
    size_t i = 0;
    for (; i + PANEL <= rows; i += PANEL)
        NAME(panel_product)(out + i, w + i * w_stride, w_stride, columns, x, &ahead);
    for (; i < rows; i++) {
        REAL sum = 0;
        for (size_t j = 0; j < columns; j++) sum += (REAL)w[i * w_stride + j] * x[j];
        out[i] = sum;
    }
}
