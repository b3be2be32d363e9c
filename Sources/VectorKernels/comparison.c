#include "comparison_bytes.h"
#include "comparison_statistics.h"

#include "vector_dispatch.h"

#define DECLARE(unit)                                                                                                  \
    ComparisonBytes comparison_of_bytes_##unit(const char *, const char *, size_t, ComparisonFormat);                  \
    void comparison_summarize_##unit(const char *, size_t, ComparisonSummary *);                                       \
    void comparison_measure_##unit(const char *, const char *, size_t, double, const ComparisonLimits *,               \
                                   ComparisonPass *);                                                                  \
    size_t comparison_first_maximum_##unit(const char *, size_t);

FOR_EACH_UNIT(DECLARE)

ComparisonBytes comparison_of_bytes(VectorUnit unit, const void *first, const void *second, size_t byte_count,
                                    ComparisonFormat format)
{
    return DISPATCH(unit, comparison_of_bytes, first, second, byte_count, format);
}

void comparison_summarize(VectorUnit unit, const void *payload, size_t count, ComparisonSummary *result)
{
    DISPATCH(unit, comparison_summarize, payload, count, result);
}

void comparison_measure(VectorUnit unit, const void *expected, const void *actual, size_t count, double rms,
                        const ComparisonLimits *limits, ComparisonPass *result)
{
    DISPATCH(unit, comparison_measure, expected, actual, count, rms, limits, result);
}

size_t comparison_first_maximum(VectorUnit unit, const void *payload, size_t count)
{
    return DISPATCH(unit, comparison_first_maximum, payload, count);
}
