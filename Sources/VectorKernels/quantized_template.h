/* The int8 products, compiled once per vector unit. The including file defines UNIT(name) and VECTOR_BYTES, and has
 * included products_formats.h, of which this uses HEIGHT, `least` and `transpose_f32`.
 *
 * Sums of integers are exact in any order; each element's float sum keeps its order of groups. */

typedef int16_t UNIT(shorts) __attribute__((vector_size(64), aligned(2)));
typedef int8_t UNIT(bytes) __attribute__((vector_size(32), aligned(1)));
typedef int32_t UNIT(ints) __attribute__((vector_size(64), aligned(4)));
typedef int32_t UNIT(eight) __attribute__((vector_size(32)));
typedef int32_t UNIT(four) __attribute__((vector_size(16), aligned(4)));
typedef float UNIT(floats) __attribute__((vector_size(64), aligned(4)));

#define LANES ((size_t)QUANTIZED_LANES)
#define PANEL ((size_t)16)
#define GROUPS ((size_t)8)    /* groups of positions at once */
#define STRETCH ((size_t)512) /* columns of a panel that are widened at once */

/* sum += x[2i] * w[2i] + x[2i + 1] * w[2i + 1], exact in 32 bits. */
static inline __attribute__((always_inline)) void UNIT(multiply_add)(
    UNIT(ints) *sum, const UNIT(shorts) *x, const UNIT(shorts) *w)
{
#if !defined(__x86_64__)
#define EVEN(v) __builtin_shufflevector(v, v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(v) __builtin_shufflevector(v, v, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define WIDE(v) __builtin_convertvector(v, UNIT(ints))
    *sum += WIDE(EVEN(*x)) * WIDE(EVEN(*w)) + WIDE(ODD(*x)) * WIDE(ODD(*w));
#undef EVEN
#undef ODD
#undef WIDE
#elif VECTOR_BYTES == 64
    *sum += (UNIT(ints))_mm512_madd_epi16((__m512i)*x, (__m512i)*w);
#elif VECTOR_BYTES == 32
    for (size_t part = 0; part < 2; part++) {
        const __m256i products = _mm256_madd_epi16(((const __m256i_u *)x)[part], ((const __m256i_u *)w)[part]);
        ((__m256i_u *)sum)[part] = _mm256_add_epi32(((__m256i_u *)sum)[part], products);
    }
#else
    for (size_t part = 0; part < 4; part++) {
        const __m128i products = _mm_madd_epi16(((const __m128i_u *)x)[part], ((const __m128i_u *)w)[part]);
        ((__m128i_u *)sum)[part] = _mm_add_epi32(((__m128i_u *)sum)[part], products);
    }
#endif
}

static inline float UNIT(weight_scale)(const struct quantized_rows *w, size_t row, size_t group)
{
    float scale;
    memcpy(&scale, w->scales + (w->first + row * w->columns + group * w->group_size) / w->group_size * 4, 4);
    return scale;
}

/* ---- One position ---- */

/* The sums of 16 lanes of each of four rows. */
static inline __attribute__((always_inline)) UNIT(four) UNIT(add_across)(const UNIT(ints) *rows)
{
    UNIT(four) parts[4];
    for (size_t r = 0; r < 4; r++) {
        const UNIT(eight) half = __builtin_shufflevector(rows[r], rows[r], 0, 1, 2, 3, 4, 5, 6, 7)
            + __builtin_shufflevector(rows[r], rows[r], 8, 9, 10, 11, 12, 13, 14, 15);
        parts[r] = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
    }
    const UNIT(four) ab = __builtin_shufflevector(parts[0], parts[1], 0, 4, 1, 5)
        + __builtin_shufflevector(parts[0], parts[1], 2, 6, 3, 7);
    const UNIT(four) cd = __builtin_shufflevector(parts[2], parts[3], 0, 4, 1, 5)
        + __builtin_shufflevector(parts[2], parts[3], 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* 32 columns of a row, or those that are left. */
static inline __attribute__((always_inline)) void UNIT(widen)(UNIT(shorts) *widened, const int8_t *w, size_t count)
{
    if (count >= 32) {
        *widened = __builtin_convertvector(*(const UNIT(bytes) *)w, UNIT(shorts));
    } else {
        UNIT(bytes) rest = {0};
        memcpy(&rest, w, count);
        *widened = __builtin_convertvector(rest, UNIT(shorts));
    }
}

void UNIT(product_i8)(float *out, struct quantized_rows w, const int16_t *x, const float *scales)
{
    const size_t groups = w.columns / w.group_size;
    const size_t padded = (w.group_size + QUANTIZED_PADDING - 1) / QUANTIZED_PADDING * QUANTIZED_PADDING;
    for (size_t i = 0; i < w.rows; i += 4) {
        const size_t height = least(w.rows - i, 4);
        float totals[4] = {0};
        for (size_t g = 0; g < groups; g++) {
            UNIT(ints) sums[4] = {{0}, {0}, {0}, {0}};
            for (size_t k = 0; k < w.group_size; k += 32) {
                const UNIT(shorts) lane = *(const UNIT(shorts) *)(x + g * padded + k);
#pragma clang loop unroll(full)
                for (size_t r = 0; r < 4; r++) {
                    /* Absent rows repeat the last one. */
                    const int8_t *row = w.values + (i + least(r, height - 1)) * w.columns + g * w.group_size;
                    UNIT(shorts) weights;
                    UNIT(widen)(&weights, row + k, w.group_size - k);
                    UNIT(multiply_add)(&sums[r], &lane, &weights);
                }
            }
            const UNIT(four) sum = UNIT(add_across)(sums);
            for (size_t r = 0; r < height; r++)
                totals[r] += ((float)sum[r] * UNIT(weight_scale)(&w, i + r, g)) * scales[g];
        }
        memcpy(out + i, totals, height * sizeof(float));
    }
}

/* ---- A block of positions ---- */

/* sums[r][lane] += sum over pairs of w[r][pair] . x[pair][lane] for `height` rows, a constant up to HEIGHT. */
static inline __attribute__((always_inline)) void UNIT(tile_i8)(
    int32_t *restrict sums, const int16_t *restrict w, size_t pairs, const int16_t *restrict x, const size_t height)
{
    UNIT(ints) sum[HEIGHT];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) sum[r] = *(const UNIT(ints) *)(sums + r * LANES);
    for (size_t p = 0; p < pairs; p++) {
        const UNIT(shorts) lane = *(const UNIT(shorts) *)(x + p * 2 * LANES);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < height; r++) {
            int32_t pair;
            memcpy(&pair, w + r * STRETCH + 2 * p, 4);
            const UNIT(shorts) weights = (UNIT(shorts))(pair - (UNIT(ints)){0});
            UNIT(multiply_add)(&sum[r], &lane, &weights);
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < height; r++) *(UNIT(ints) *)(sums + r * LANES) = sum[r];
}

/* Adds one group of columns to the totals of a panel: (groups of positions, PANEL, LANES). */
static inline void UNIT(add_group)(
    float *restrict totals, const struct quantized_rows *w, size_t row, size_t height, size_t group,
    const int16_t *packed, const float *packed_scales, size_t block_groups)
{
    const size_t groups = w->columns / w->group_size;
    const size_t padded = (w->group_size + QUANTIZED_PADDING - 1) / QUANTIZED_PADDING * QUANTIZED_PADDING;
    int32_t sums[GROUPS * PANEL * LANES] __attribute__((aligned(64)));
    memset(sums, 0, block_groups * PANEL * LANES * sizeof(int32_t));
    for (size_t k = 0; k < w->group_size; k += STRETCH) {
        const size_t width = least(w->group_size - k, STRETCH), pairs = (width + 1) / 2;
        int16_t widened[PANEL * STRETCH] __attribute__((aligned(64)));
        for (size_t r = 0; r < height; r++) {
            const int8_t *values = w->values + (row + r) * w->columns + group * w->group_size + k;
            for (size_t j = 0; j < width; j++) widened[r * STRETCH + j] = values[j];
            if (width % 2) widened[r * STRETCH + width] = 0;
        }
        for (size_t b = 0; b < block_groups; b++) {
            const int16_t *x = packed + ((b * groups + group) * padded + k) * LANES;
            int32_t *sum = sums + b * PANEL * LANES;
            size_t r = 0;
            for (; r + HEIGHT <= height; r += HEIGHT)
                UNIT(tile_i8)(sum + r * LANES, widened + r * STRETCH, pairs, x, HEIGHT);
            for (; r < height; r++) UNIT(tile_i8)(sum + r * LANES, widened + r * STRETCH, pairs, x, 1);
        }
    }
    for (size_t b = 0; b < block_groups; b++) {
        const UNIT(floats) scale = *(const UNIT(floats) *)(packed_scales + (b * groups + group) * LANES);
        for (size_t r = 0; r < height; r++) {
            const size_t place = (b * PANEL + r) * LANES;
            const UNIT(floats) sum = __builtin_convertvector(*(const UNIT(ints) *)(sums + place), UNIT(floats));
            *(UNIT(floats) *)(totals + place) += (sum * UNIT(weight_scale)(w, row + r, group)) * scale;
        }
    }
}

void UNIT(products_i8)(
    float *out, size_t out_stride, struct quantized_rows w, const int16_t *packed, const float *packed_scales,
    size_t positions)
{
    const size_t groups = w.columns / w.group_size;
    const size_t padded = (w.group_size + QUANTIZED_PADDING - 1) / QUANTIZED_PADDING * QUANTIZED_PADDING;
    for (size_t first = 0; first < positions; first += GROUPS * LANES) {
        const size_t count = least(positions - first, GROUPS * LANES), block_groups = (count + LANES - 1) / LANES;
        for (size_t i = 0; i < w.rows; i += PANEL) {
            const size_t height = least(w.rows - i, PANEL);
            float totals[GROUPS * PANEL * LANES] __attribute__((aligned(64)));
            memset(totals, 0, block_groups * PANEL * LANES * sizeof(float));
            for (size_t g = 0; g < groups; g++)
                UNIT(add_group)(totals, &w, i, height, g, packed + first * groups * padded,
                                packed_scales + first * groups, block_groups);
            for (size_t b = 0; b < block_groups; b++)
                UNIT(transpose_f32)(out + (first + b * LANES) * out_stride + i, out_stride, totals + b * PANEL * LANES,
                                    LANES, height, least(count - b * LANES, LANES));
        }
    }
}

#undef LANES
#undef PANEL
#undef GROUPS
#undef STRETCH
