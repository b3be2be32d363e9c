/* The statistics for one vector unit. Included with UNIT(name), the name with the unit's suffix.
 *
 * Eight elements at a time, whatever the unit: float32 and its bits in 8 lanes of 32 bits, float64 in 8 lanes of 64, which
 * narrower units hold in several registers. Every lane does the plain loop's operations in its order, and keeps its own
 * maxima: a maximum does not depend on the order. Where an element must not count, its lane's mask is off, or its error 0. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "comparison_statistics.h"

enum { LANES = 8 };

typedef int32_t bits8 __attribute__((vector_size(32)));
typedef uint32_t ubits8 __attribute__((vector_size(32)));
typedef float float8 __attribute__((vector_size(32)));
typedef double double8 __attribute__((vector_size(64)));
typedef int64_t long8 __attribute__((vector_size(64)));
typedef uint64_t ulong8 __attribute__((vector_size(64)));

/* Macros, since a vector wider than the unit's registers must not be passed to a function. */
#define CHOOSE(mask, first, second) ((double8)(((long8)(first) & (mask)) | ((long8)(second) & ~(mask))))
#define GREATER(first, second) CHOOSE((first) > (second), first, second)
#define MAGNITUDE(value) ((double8)((long8)(value)&INT64_MAX))
#define ALL(value) ((double8){0} + (value))

static const int32_t INFINITY_BITS = 0x7F800000;

static inline bool any_lane(const bits8 *mask) {
    int32_t found = 0;
    for (int lane = 0; lane < LANES; lane++) found |= (*mask)[lane];
    return found != 0;
}

static inline double sum_of_lanes(const double8 *sums) {
    const double8 s = *sums;
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static inline double greatest_lane(const double8 *values) {
    double greatest = (*values)[0];
    for (int lane = 1; lane < LANES; lane++)
        if ((*values)[lane] > greatest) greatest = (*values)[lane];
    return greatest;
}

static inline uint32_t greatest_unsigned(const ubits8 *values) {
    uint32_t greatest = 0;
    for (int lane = 0; lane < LANES; lane++)
        if ((*values)[lane] > greatest) greatest = (*values)[lane];
    return greatest;
}

static inline int64_t count_of_lanes(const long8 *masks) {
    int64_t count = 0;
    for (int lane = 0; lane < LANES; lane++) count -= (*masks)[lane];
    return count;
}

/* The elements from `index` on; behind the last, zeros, which differ from nothing and add nothing. */
static inline void load(bits8 *bits, const char *payload, size_t index, size_t count) {
    const size_t left = count - index;
    if (left >= LANES) {
        memcpy(bits, payload + index * sizeof(float), sizeof *bits);
    } else {
        *bits = (bits8){0};
        memcpy(bits, payload + index * sizeof(float), left * sizeof(float));
    }
}

void UNIT(comparison_summarize)(const char *payload, size_t count, ComparisonSummary *result) {
    *result = (ComparisonSummary){0};
    bits8 greatest = {0};
    double8 squares = {0};
    for (size_t index = 0; index < count; index += LANES) {
        bits8 bits;
        load(&bits, payload, index, count);
        bits8 magnitude = bits & INT32_MAX;
        const bits8 non_finite = magnitude >= INFINITY_BITS;
        if (any_lane(&non_finite)) {
            for (int lane = 0; lane < LANES; lane++) {
                if (magnitude[lane] > INFINITY_BITS) result->nan_count++;
                if (magnitude[lane] == INFINITY_BITS) result->infinity_count++;
            }
            magnitude &= ~non_finite;
        }
        greatest = __builtin_elementwise_max(greatest, magnitude);
        const double8 value = __builtin_convertvector((float8)magnitude, double8);
        squares += value * value;
    }
    const double8 magnitudes = __builtin_convertvector((float8)greatest, double8);
    result->greatest_magnitude = greatest_lane(&magnitudes);
    result->squares = sum_of_lanes(&squares);
}

/* NaN and infinities, element by element: they are verdicts of their own. The worst element is the first of greatest
 * ratio and, among these, greatest error; NaN against NaN counts as an error of 0. */
static void take_non_finite(const bits8 *expected, const bits8 *actual, size_t index, bool is_exact,
                            ComparisonPass *pass) {
    for (int lane = 0; lane < LANES; lane++) {
        const int32_t first = (*expected)[lane] & INT32_MAX, second = (*actual)[lane] & INT32_MAX;
        if ((*expected)[lane] == (*actual)[lane] || (first < INFINITY_BITS && second < INFINITY_BITS)) continue;
        pass->differing++;
        const bool are_nan = first > INFINITY_BITS && second > INFINITY_BITS;
        if (are_nan) pass->nan_pairs++;
        else pass->non_finite_mismatches++;
        if (!are_nan || is_exact) pass->beyond++;
        const double ratio = are_nan && !is_exact ? 0 : INFINITY, error = are_nan ? 0 : INFINITY;
        if (ratio > pass->worst_ratio || (ratio == pass->worst_ratio && error > pass->worst_error)) {
            pass->worst_index = (int64_t)index + lane;
            pass->worst_ratio = ratio;
            pass->worst_error = error;
        }
    }
}

/* What only the elements that go farthest decide. Lanes are those of a block of eight. */
typedef struct maxima {
    long8 beyond, worst_indices;
    double8 worst_ratios, worst_errors, absolute, relative, scaled, needed_rtol, needed_atol;
    ubits8 needed_ulps;
} Maxima;

/* The distances in representable numbers: the place of a number in their order is its magnitude, negated where its sign
 * is set. */
#define ULPS(type, unsigned_type, first_bits, second_bits, result)                                        \
    do {                                                                                                   \
        const type first_sign = (first_bits) >> 31, second_sign = (second_bits) >> 31;                     \
        const type first_order = (((first_bits)&INT32_MAX) ^ first_sign) - first_sign;                     \
        const type second_order = (((second_bits)&INT32_MAX) ^ second_sign) - second_sign;                 \
        (result) = (unsigned_type)__builtin_elementwise_max(first_order, second_order)                     \
            - (unsigned_type)__builtin_elementwise_min(first_order, second_order);                         \
    } while (0)

/* Takes eight elements, all finite. Two of the limits are known beforehand, so that what they do not need is left out. */
static inline __attribute__((always_inline)) void take_maxima(Maxima *maxima, const bits8 *expected_bits,
                                                              const bits8 *actual_bits, const long8 *indices,
                                                              double rms, const ComparisonLimits *limits,
                                                              const bool has_ulp, const bool is_exact) {
    const double8 zero = {0}, infinity = ALL(INFINITY), all_rms = ALL(rms);
    const double rtol = limits->rtol, atol = limits->atol;
    const ulong8 ulp_limit = (ulong8){0} + limits->ulp;
    const long8 differ = __builtin_convertvector(*expected_bits != *actual_bits, long8);
    const double8 expected = __builtin_convertvector((float8)*expected_bits, double8);
    const double8 actual = __builtin_convertvector((float8)*actual_bits, double8);
    const double8 error = MAGNITUDE(actual - expected), magnitude = MAGNITUDE(expected);
    const double8 scale = GREATER(magnitude, all_rms), relative_allowance = rtol * scale;
    const double8 allowance = atol + relative_allowance;
    const long8 is_positive = error > zero, exceeds = error > allowance;
    ubits8 ulps;
    ULPS(bits8, ubits8, *expected_bits, *actual_bits, ulps);
    const ulong8 long_ulps = __builtin_convertvector(ulps, ulong8);
    const long8 is_within_ulp = has_ulp ? (long8)(long_ulps <= ulp_limit) : (long8){0};

    maxima->beyond += is_exact ? differ : differ & exceeds & ~is_within_ulp;
    double8 ratio = infinity;
    if (!is_exact) {
        ratio = CHOOSE(is_positive, CHOOSE(allowance > zero, error / allowance, infinity), zero);
        if (has_ulp) {
            const double8 steps = __builtin_convertvector(long_ulps, double8);
            const double8 limit = __builtin_convertvector(ulp_limit, double8);
            const double8 other = CHOOSE(steps > zero, CHOOSE(limit > zero, steps / limit, infinity), zero);
            ratio = CHOOSE(other < ratio, other, ratio);
        }
    }
    const double8 worst_ratios = maxima->worst_ratios, worst_errors = maxima->worst_errors;
    const long8 is_worse = differ & ((ratio > worst_ratios) | ((ratio == worst_ratios) & (error > worst_errors)));
    maxima->worst_ratios = CHOOSE(is_worse, ratio, worst_ratios);
    maxima->worst_errors = CHOOSE(is_worse, error, worst_errors);
    maxima->worst_indices = (*indices & is_worse) | (maxima->worst_indices & ~is_worse);

    /* 0 / 0 is NaN, which is greater than nothing. */
    const double8 relative_error = error / magnitude, scaled_error = error / scale;
    maxima->absolute = GREATER(error, maxima->absolute);
    maxima->relative = GREATER(relative_error, maxima->relative);
    maxima->scaled = GREATER(scaled_error, maxima->scaled);
    const ubits8 exceeding_ulps = ulps & (ubits8)__builtin_convertvector(exceeds, bits8);
    maxima->needed_ulps = __builtin_elementwise_max(maxima->needed_ulps, exceeding_ulps);

    /* The next number above: an integer more, as the error is positive and finite. */
    const double8 just_above = (double8)((long8)(error * (1 + 0x1p-50)) + 1);
    const long8 needs = is_positive & ~is_within_ulp;
    const double8 own_rtol = CHOOSE(needs, (just_above - atol) / scale, zero);
    const double8 own_atol = CHOOSE(needs, just_above - relative_allowance, zero);
    maxima->needed_rtol = GREATER(own_rtol, maxima->needed_rtol);
    maxima->needed_atol = GREATER(own_atol, maxima->needed_atol);
}

static void store(const Maxima *maxima, ComparisonPass *pass) {
    pass->beyond += count_of_lanes(&maxima->beyond);
    for (int lane = 0; lane < LANES; lane++) {
        const double ratio = maxima->worst_ratios[lane], error = maxima->worst_errors[lane];
        const int64_t index = maxima->worst_indices[lane];
        const bool is_equal = ratio == pass->worst_ratio && error == pass->worst_error;
        if (ratio > pass->worst_ratio || (ratio == pass->worst_ratio && error > pass->worst_error)
            || (is_equal && ratio >= 0 && index < pass->worst_index)) {
            pass->worst_index = index;
            pass->worst_ratio = ratio;
            pass->worst_error = error;
        }
    }
    pass->greatest_absolute_error = greatest_lane(&maxima->absolute);
    pass->greatest_relative_error = greatest_lane(&maxima->relative);
    pass->greatest_scaled_error = greatest_lane(&maxima->scaled);
    pass->needed_rtol = greatest_lane(&maxima->needed_rtol);
    pass->needed_atol = greatest_lane(&maxima->needed_atol);
    pass->needed_ulp = greatest_unsigned(&maxima->needed_ulps);
}

#define NO_MAXIMA {.worst_ratios = ALL(-1.0), .worst_errors = ALL(-1.0)}
#define NO_PASS {.worst_index = -1, .worst_ratio = -1, .worst_error = -1}

/* The pass of payloads of any kind. */
static inline __attribute__((always_inline)) void measure(const char *expected_payload, const char *actual_payload,
                                                          size_t count, double rms, const ComparisonLimits *limits,
                                                          const bool has_ulp, const bool is_exact,
                                                          ComparisonPass *result) {
    ComparisonPass pass = NO_PASS;
    Maxima maxima = NO_MAXIMA;
    long8 differing = {0}, indices = {0, 1, 2, 3, 4, 5, 6, 7};
    double8 squares = {0};
    ubits8 greatest_ulps = {0};
    for (size_t index = 0; index < count; index += LANES, indices += LANES) {
        bits8 expected_bits, actual_bits;
        load(&expected_bits, expected_payload, index, count);
        load(&actual_bits, actual_payload, index, count);
        const bits8 magnitude = __builtin_elementwise_max(expected_bits & INT32_MAX, actual_bits & INT32_MAX);
        const bits8 non_finite = magnitude >= INFINITY_BITS;
        if (any_lane(&non_finite)) {
            take_non_finite(&expected_bits, &actual_bits, index, is_exact, &pass);
            expected_bits &= ~non_finite;
            actual_bits &= ~non_finite;
        }
        differing += __builtin_convertvector(expected_bits != actual_bits, long8);
        const double8 error = __builtin_convertvector((float8)actual_bits, double8)
            - __builtin_convertvector((float8)expected_bits, double8);
        squares += error * error;
        ubits8 ulps;
        ULPS(bits8, ubits8, expected_bits, actual_bits, ulps);
        greatest_ulps = __builtin_elementwise_max(greatest_ulps, ulps);
        take_maxima(&maxima, &expected_bits, &actual_bits, &indices, rms, limits, has_ulp, is_exact);
    }
    pass.differing += count_of_lanes(&differing);
    pass.squares = sum_of_lanes(&squares);
    pass.greatest_ulp_error = greatest_unsigned(&greatest_ulps);
    store(&maxima, &pass);
    *result = pass;
}

#include "comparison_quick_template.h"

void UNIT(comparison_measure)(const char *expected, const char *actual, size_t count, double rms,
                                        const ComparisonLimits *limits, ComparisonPass *result) {
    if (limits->is_exact && limits->has_ulp) measure(expected, actual, count, rms, limits, true, true, result);
    else if (limits->is_exact) measure(expected, actual, count, rms, limits, false, true, result);
    else if (limits->has_ulp) measure(expected, actual, count, rms, limits, true, false, result);
    else if (!measure_quickly(expected, actual, count, rms, limits, result))
        measure(expected, actual, count, rms, limits, false, false, result);
}

static inline float element(const char *payload, size_t index) {
    float value;
    memcpy(&value, payload + index * sizeof value, sizeof value);
    return value;
}

size_t UNIT(comparison_first_maximum)(const char *payload, size_t count) {
    float greatest = element(payload, 0);
    if (isnan(greatest)) return 0;
    const size_t whole = count - count % LANES;
    float8 most = (float8){0} + greatest;
    for (size_t index = 0; index < whole; index += LANES) {
        float8 values;
        memcpy(&values, payload + index * sizeof(float), sizeof values);
        const bits8 is_greater = values > most;
        most = (float8)(((bits8)values & is_greater) | ((bits8)most & ~is_greater));
    }
    for (int lane = 0; lane < LANES; lane++)
        if (most[lane] > greatest) greatest = most[lane];
    for (size_t index = whole; index < count; index++)
        if (element(payload, index) > greatest) greatest = element(payload, index);

    size_t index = 0;
    for (; index < whole; index += LANES) {
        float8 values;
        memcpy(&values, payload + index * sizeof(float), sizeof values);
        const bits8 is_found = values == (float8){0} + greatest;
        if (any_lane(&is_found)) break;
    }
    while (element(payload, index) != greatest) index++;
    return index;
}
