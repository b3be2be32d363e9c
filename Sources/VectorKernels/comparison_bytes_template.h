/* The byte comparison for one vector unit. Included with UNIT(name) and VECTOR_BYTES (16, 32 or 64) defined.
 *
 * Differences are the OR of all exclusive ors. NaN and infinity are what has the greatest exponent: their magnitude, as
 * a signed integer of the format's width, is the infinity's or above, and every finite one's is below. */
#include <stdint.h>
#include <string.h>

#include "comparison_bytes.h"

/* Bytes between two looks at whether to go on. */
enum { STRIDE = 1024 };

typedef uint64_t bits_vector __attribute__((vector_size(VECTOR_BYTES)));

static inline bool any_bit(const bits_vector *vector) {
    uint64_t found = 0;
    for (size_t lane = 0; lane < VECTOR_BYTES / sizeof(uint64_t); lane++) found |= (*vector)[lane];
    return found != 0;
}

/* NAME compares; *greatest becomes the greatest magnitude of the first bytes, as integers. */
#define COMPARE_AS(NAME, LANE, MAGNITUDE)                                                                  \
    static bool NAME(const char *first, const char *second, size_t count, uint64_t *greatest) {            \
        typedef LANE lane_vector __attribute__((vector_size(VECTOR_BYTES)));                               \
        const lane_vector magnitude_bits = (lane_vector){0} + (LANE)(MAGNITUDE);                           \
        lane_vector most = {0};                                                                            \
        for (size_t start = 0; start < count; start += STRIDE) {                                           \
            const size_t end = count - start < STRIDE ? count : start + STRIDE;                            \
            bits_vector difference = {0};                                                                  \
            for (size_t offset = start; offset < end; offset += VECTOR_BYTES) {                            \
                bits_vector left, right;                                                                   \
                memcpy(&left, first + offset, sizeof left);                                                \
                memcpy(&right, second + offset, sizeof right);                                             \
                difference |= left ^ right;                                                                \
                const lane_vector magnitude = (lane_vector)left & magnitude_bits;                          \
                most = __builtin_elementwise_max(magnitude, most);                                          \
            }                                                                                              \
            if (any_bit(&difference)) return false;                                                        \
        }                                                                                                  \
        *greatest = 0;                                                                                     \
        for (size_t lane = 0; lane < VECTOR_BYTES / sizeof(LANE); lane++)                                  \
            if ((uint64_t)most[lane] > *greatest) *greatest = (uint64_t)most[lane];                        \
        return true;                                                                                       \
    }

COMPARE_AS(compare16, int16_t, 0x7FFF)
COMPARE_AS(compare32, int32_t, 0x7FFFFFFF)
COMPARE_AS(compare64, int64_t, 0x7FFFFFFFFFFFFFFF)

ComparisonBytes UNIT(comparison_of_bytes)(const char *first, const char *second, size_t count,
                                          ComparisonFormat format) {
    uint64_t greatest = 0;
    switch (format) {
    case COMPARISON_FORMAT_FLOAT32: {
        const bool are_equal = compare32(first, second, count, &greatest);
        return (ComparisonBytes){are_equal, greatest < 0x7F800000};
    }
    case COMPARISON_FORMAT_FLOAT64: {
        const bool are_equal = compare64(first, second, count, &greatest);
        return (ComparisonBytes){are_equal, greatest < 0x7FF0000000000000};
    }
    case COMPARISON_FORMAT_FLOAT16: {
        const bool are_equal = compare16(first, second, count, &greatest);
        return (ComparisonBytes){are_equal, greatest < 0x7C00};
    }
    case COMPARISON_FORMAT_BFLOAT16: {
        const bool are_equal = compare16(first, second, count, &greatest);
        return (ComparisonBytes){are_equal, greatest < 0x7F80};
    }
    case COMPARISON_FORMAT_INTEGER: break;
    }
    return (ComparisonBytes){compare32(first, second, count, &greatest), true};
}
