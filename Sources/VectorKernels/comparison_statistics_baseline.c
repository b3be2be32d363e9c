#pragma STDC FP_CONTRACT OFF
#define SUFFIX _baseline
#include "comparison_statistics_template.h"

#if defined(__x86_64__)
void comparison_summarize_avx2(const char *payload, size_t count, ComparisonSummary *result);
void comparison_summarize_avx512(const char *payload, size_t count, ComparisonSummary *result);
void comparison_measure_avx2(const char *expected, const char *actual, size_t count, double rms,
                             const ComparisonLimits *limits, ComparisonPass *result);
void comparison_measure_avx512(const char *expected, const char *actual, size_t count, double rms,
                               const ComparisonLimits *limits, ComparisonPass *result);
size_t comparison_first_maximum_avx2(const char *payload, size_t count);
size_t comparison_first_maximum_avx512(const char *payload, size_t count);
#endif

void comparison_summarize(const void *payload, size_t count, VectorUnit unit, ComparisonSummary *result) {
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: comparison_summarize_avx512(payload, count, result); return;
    case VECTOR_UNIT_AVX2: comparison_summarize_avx2(payload, count, result); return;
#endif
    default: comparison_summarize_baseline(payload, count, result);
    }
}

void comparison_measure(const void *expected, const void *actual, size_t count, double rms,
                        const ComparisonLimits *limits, VectorUnit unit, ComparisonPass *result) {
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: comparison_measure_avx512(expected, actual, count, rms, limits, result); return;
    case VECTOR_UNIT_AVX2: comparison_measure_avx2(expected, actual, count, rms, limits, result); return;
#endif
    default: comparison_measure_baseline(expected, actual, count, rms, limits, result);
    }
}

size_t comparison_first_maximum(const void *payload, size_t count, VectorUnit unit) {
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: return comparison_first_maximum_avx512(payload, count);
    case VECTOR_UNIT_AVX2: return comparison_first_maximum_avx2(payload, count);
#endif
    default: return comparison_first_maximum_baseline(payload, count);
    }
}
