/* The pass of ordinary payloads, part of comparison_statistics_template.h: the same bits, with few divisions.
 *
 * Most elements raise no maximum and lie within the allowance. A first look in float32, 16 lanes wide, finds the greatest
 * error, about, and the greatest relative and scaled one. A second adds up what every element adds to (squares, ulps,
 * counts) and hands only those blocks to take_maxima that hold an element near one of these maxima or near the allowance.
 *
 * Why nothing is missed: each of the float32 operations errs by at most 2^-24 of its result, few of them follow each other, and
 * the limits lie 2^-18 below the maxima; so whatever could be a maximum in float64, rounded or tied, lies above its limit.
 * The ratio of error to allowance and the rtol that is needed are the scaled error over rtol and the scaled error, to within
 * 2^-20, where atol is small against both; where it is not, or where something could overflow or underflow, the other pass
 * does it all. */

typedef int32_t bits16 __attribute__((vector_size(64)));
typedef uint32_t ubits16 __attribute__((vector_size(64)));
typedef float float16 __attribute__((vector_size(64)));

#define CHOOSE16(mask, first, second) ((float16)(((bits16)(first) & (mask)) | ((bits16)(second) & ~(mask))))
#define GREATER16(first, second) CHOOSE16((first) > (second), first, second)
#define LESS16(first, second) CHOOSE16((first) < (second), first, second)
#define MAGNITUDE16(value) ((float16)((bits16)(value)&INT32_MAX))
#define ALL16(value) ((float16){0} + (value))
#define LOWER(vector) __builtin_shufflevector(vector, vector, 0, 1, 2, 3, 4, 5, 6, 7)
#define UPPER(vector) __builtin_shufflevector(vector, vector, 8, 9, 10, 11, 12, 13, 14, 15)

enum { WIDE_LANES = 16 };

static const float BELOW = 1 - 0x1p-18F;

static inline void load_wide(bits16 *bits, const char *payload, size_t index, size_t count) {
    const size_t left = count - index;
    if (left >= WIDE_LANES) {
        memcpy(bits, payload + index * sizeof(float), sizeof *bits);
    } else {
        *bits = (bits16){0};
        memcpy(bits, payload + index * sizeof(float), left * sizeof(float));
    }
}

static inline float greatest_float(const float16 *values) {
    float greatest = 0;
    for (int lane = 0; lane < WIDE_LANES; lane++)
        if ((*values)[lane] > greatest) greatest = (*values)[lane];
    return greatest;
}

/* Whether the payloads were ordinary; if not, nothing is stored. */
static bool measure_quickly(const char *expected_payload, const char *actual_payload, size_t count, double rms,
                            const ComparisonLimits *limits, ComparisonPass *result) {
    const double rtol = limits->rtol, atol = limits->atol;
    const bool is_ordinary = count >= 4 * WIDE_LANES && count < (size_t)1 << 32 && rms > 1e-25 && rms < 1e30
        && rtol > 1e-20 && rtol < 1e6 && atol <= 0x1p-22 * rtol * rms;
    if (!is_ordinary) return false;

    const float16 all_rms = ALL16((float)rms);
    float16 errors = {0}, relatives = {0}, scaleds = {0};
    bits16 magnitudes = {0};
    for (size_t index = 0; index < count; index += WIDE_LANES) {
        bits16 expected, actual;
        load_wide(&expected, expected_payload, index, count);
        load_wide(&actual, actual_payload, index, count);
        magnitudes = __builtin_elementwise_max(magnitudes, expected & INT32_MAX);
        magnitudes = __builtin_elementwise_max(magnitudes, actual & INT32_MAX);
        const float16 error = MAGNITUDE16((float16)actual - (float16)expected), magnitude = MAGNITUDE16(expected);
        const float16 relative = error / magnitude, scaled = error / GREATER16(magnitude, all_rms);
        errors = GREATER16(error, errors);
        relatives = GREATER16(relative, relatives);
        scaleds = GREATER16(scaled, scaleds);
    }
    for (int lane = 0; lane < WIDE_LANES; lane++)
        if (magnitudes[lane] >= INFINITY_BITS) return false;
    const float error_maximum = greatest_float(&errors), relative_maximum = greatest_float(&relatives);
    const float scaled_maximum = greatest_float(&scaleds);
    const float scaled_limit = BELOW * (scaled_maximum < rtol ? scaled_maximum : (float)rtol);
    if (!(error_maximum < 1e37F && relative_maximum > 1e-30F && scaled_limit > 1e-30F && scaled_limit * rms > 1e-35
          && scaled_maximum * rms >= 0x1p22 * atol))
        return false;

    const float16 scaled_limits = ALL16(scaled_limit), error_limits = ALL16(BELOW * error_maximum);
    const float16 relative_limits = ALL16(relative_maximum < FLT_MAX ? BELOW * relative_maximum : FLT_MAX);
    const float16 least = ALL16(FLT_TRUE_MIN);
    Maxima maxima = NO_MAXIMA;
    bits16 differing = {0};
    double8 squares = {0};
    ubits16 greatest_ulps = {0};
    for (size_t index = 0; index < count; index += WIDE_LANES) {
        bits16 expected, actual;
        load_wide(&expected, expected_payload, index, count);
        load_wide(&actual, actual_payload, index, count);
        differing -= expected != actual;
        ubits16 ulps;
        ULPS(bits16, ubits16, expected, actual, ulps);
        greatest_ulps = __builtin_elementwise_max(greatest_ulps, ulps);

        const float16 first = (float16)expected, second = (float16)actual;
        const double8 lower = __builtin_convertvector(LOWER(second), double8)
            - __builtin_convertvector(LOWER(first), double8);
        const double8 upper = __builtin_convertvector(UPPER(second), double8)
            - __builtin_convertvector(UPPER(first), double8);
        squares += lower * lower;
        squares += upper * upper;

        /* An error of 0 is below every limit: there is no smaller limit than the least number. */
        const float16 error = MAGNITUDE16(second - first), magnitude = MAGNITUDE16(expected);
        const float16 relative_bound = GREATER16(relative_limits * magnitude, least);
        const float16 scaled_bound = scaled_limits * GREATER16(magnitude, all_rms);
        const float16 bound = LESS16(LESS16(relative_bound, scaled_bound), error_limits);
        const bits16 counts = error >= bound;
        const bits8 any = LOWER(counts) | UPPER(counts);
        if (!any_lane(&any)) continue;
        for (size_t half = 0; half < WIDE_LANES; half += LANES) {
            const bits8 expected_bits = half == 0 ? LOWER(expected) : UPPER(expected);
            const bits8 actual_bits = half == 0 ? LOWER(actual) : UPPER(actual);
            const long8 indices = (long8){0, 1, 2, 3, 4, 5, 6, 7} + (int64_t)(index + half);
            take_maxima(&maxima, &expected_bits, &actual_bits, &indices, rms, limits, false, false);
        }
    }
    ComparisonPass pass = NO_PASS;
    for (int lane = 0; lane < WIDE_LANES; lane++) {
        pass.differing += differing[lane];
        if (greatest_ulps[lane] > pass.greatest_ulp_error) pass.greatest_ulp_error = greatest_ulps[lane];
    }
    pass.squares = sum_of_lanes(&squares);
    store(&maxima, &pass);
    *result = pass;
    return true;
}
