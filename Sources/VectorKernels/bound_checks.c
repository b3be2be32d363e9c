#include "bound_checks.h"

#define DECLARE(unit)                                                                                             \
    ptrdiff_t bound_checks_prefix_##unit(const void *, const double *, const double *, ptrdiff_t, double);

DECLARE(baseline)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

ptrdiff_t bound_checks_prefix(VectorUnit unit, const void *actual, const double *values, const double *errors,
                              ptrdiff_t count, double factor)
{
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX2: return bound_checks_prefix_avx2(actual, values, errors, count, factor);
    case VECTOR_UNIT_AVX512: return bound_checks_prefix_avx512(actual, values, errors, count, factor);
#endif
    default: return bound_checks_prefix_baseline(actual, values, errors, count, factor);
    }
}
