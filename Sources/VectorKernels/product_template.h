/* Weights times one position; a part of products_template.h. Eight rows at once: squares of 8 x 8 weights are turned in
 * registers, so that a register holds one column of eight rows, and each lane keeps its own sum. More rows at once would
 * read a cache faster, but memory slower: they are more streams than the processor follows. */
#define SIDE ((size_t)8)
typedef WEIGHT NAME(column) __attribute__((vector_size(8 * sizeof(WEIGHT)), aligned(sizeof(WEIGHT))));
typedef REAL NAME(panel) __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL))));

/* Eight rows of eight weights become eight columns. */
static inline __attribute__((always_inline)) void NAME(turn)(NAME(column) *restrict square)
{
    NAME(column) turned[SIDE];
    /* Squares of 4 x 4, and then these among each other. */
#pragma clang loop unroll(full)
    for (size_t r = 0; r < SIDE; r += 4) {
        const NAME(column) a = square[r], b = square[r + 1], c = square[r + 2], d = square[r + 3];
        const NAME(column) ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
        const NAME(column) cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
        const NAME(column) ba = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
        const NAME(column) dc = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
        turned[r] = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13);
        turned[r + 1] = __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
        turned[r + 2] = __builtin_shufflevector(ba, dc, 0, 1, 8, 9, 4, 5, 12, 13);
        turned[r + 3] = __builtin_shufflevector(ba, dc, 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma clang loop unroll(full)
    for (size_t c = 0; c < 4; c++) {
        square[c] = __builtin_shufflevector(turned[c], turned[4 + c], 0, 1, 2, 3, 8, 9, 10, 11);
        square[4 + c] = __builtin_shufflevector(turned[c], turned[4 + c], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

static inline __attribute__((always_inline)) void NAME(panel_product)(
    REAL *restrict out, const WEIGHT *restrict w, size_t w_stride, size_t columns, const REAL *restrict x,
    struct stream *ahead)
{
    NAME(panel) sum = {0};
    size_t j = 0;
    for (; j + SIDE <= columns; j += SIDE) {
        NAME(column) square[SIDE];
#pragma clang loop unroll(full)
        for (size_t r = 0; r < SIDE; r++) square[r] = *(const NAME(column) *)(w + r * w_stride + j);
        advance(ahead);
        NAME(turn)(square);
#pragma clang loop unroll(full)
        for (size_t c = 0; c < SIDE; c++) sum += __builtin_convertvector(square[c], NAME(panel)) * x[j + c];
    }
    for (; j < columns; j++) {
        NAME(panel) column;
        for (size_t r = 0; r < SIDE; r++) column[r] = (REAL)w[r * w_stride + j];
        sum += column * x[j];
    }
    *(NAME(panel) *)out = sum;
}

void NAME(product)(
    REAL *restrict out, const WEIGHT *restrict w, size_t w_stride, size_t rows, size_t columns, const REAL *restrict x)
{
    /* Two panels are asked for before the first is computed; then as much as is computed, a square at a time. */
    const size_t line = 64 / sizeof(WEIGHT), panel = SIDE * w_stride;
    struct stream ahead = {(const char *)w, (const char *)(w + rows / SIDE * panel), 2 * panel / line};
    advance(&ahead);
    ahead.lines = SIDE * SIDE / line;
    size_t i = 0;
    for (; i + SIDE <= rows; i += SIDE)
        NAME(panel_product)(out + i, w + i * w_stride, w_stride, columns, x, &ahead);
    for (; i < rows; i++) {
        REAL sum = 0;
        for (size_t j = 0; j < columns; j++) sum += (REAL)w[i * w_stride + j] * x[j];
        out[i] = sum;
    }
}
#undef SIDE
