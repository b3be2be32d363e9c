#pragma STDC FP_CONTRACT OFF
#define SUFFIX _baseline
#define VECTOR_BYTES 16
#include "comparison_bytes_template.h"

#if defined(__x86_64__)
ComparisonBytes comparison_of_bytes_avx2(const char *first, const char *second, size_t count, ComparisonFormat format);
ComparisonBytes comparison_of_bytes_avx512(const char *first, const char *second, size_t count, ComparisonFormat format);
#endif

ComparisonBytes comparison_of_bytes(const void *first, const void *second, size_t byte_count, ComparisonFormat format,
                                    VectorUnit unit) {
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: return comparison_of_bytes_avx512(first, second, byte_count, format);
    case VECTOR_UNIT_AVX2: return comparison_of_bytes_avx2(first, second, byte_count, format);
#endif
    default: return comparison_of_bytes_baseline(first, second, byte_count, format);
    }
}
