/* Every statistic of the comparison of two float32 payloads. What each means is said once, by RecordComparison in Swift,
 * whose plain loop is the definition: these kernels give the same bits. Payloads are little-endian and need not be
 * aligned. */
#ifndef COMPARISON_STATISTICS_H
#define COMPARISON_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vector_unit.h"

/* The sum of squares in the order of all sums of the comparison: eight running sums, element i in sum i % 8, then
 * ((0+4)+(2+6)) + ((1+5)+(3+7)). */
typedef struct comparison_summary {
    int64_t nan_count;
    int64_t infinity_count;
    double greatest_magnitude; /* of finite elements */
    double squares;            /* of finite elements */
} ComparisonSummary;

typedef struct comparison_limits {
    double rtol;
    double atol;
    uint64_t ulp;
    bool has_ulp;
    bool is_exact;
} ComparisonLimits;

typedef struct comparison_pass {
    int64_t differing;
    int64_t beyond;
    int64_t nan_pairs;
    int64_t non_finite_mismatches;
    int64_t worst_index; /* -1 where no element differs */
    double worst_ratio;
    double worst_error;
    double greatest_absolute_error;
    double greatest_relative_error;
    double greatest_scaled_error;
    double squares; /* of the errors, in the order above */
    double needed_rtol;
    double needed_atol;
    uint64_t greatest_ulp_error;
    uint64_t needed_ulp;
} ComparisonPass;

/* Summarises `count` elements. */
void comparison_summarize(VectorUnit unit, const void *payload, size_t count, ComparisonSummary *result);

/* Compares `count` elements of each payload; `rms` is that of the expected one. */
void comparison_measure(VectorUnit unit, const void *expected, const void *actual, size_t count, double rms,
                        const ComparisonLimits *limits, ComparisonPass *result);

/* Where the greatest of `count` elements, at least one, first stands: as `if (value > greatest)` finds it from the first
 * element on, so that NaN is passed over, and is the answer where it comes first. */
size_t comparison_first_maximum(VectorUnit unit, const void *payload, size_t count);

#endif
