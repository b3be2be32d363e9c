#include "bound_checks.h"

#include "vector_dispatch.h"

#define DECLARE(unit)                                                                                             \
    ptrdiff_t bound_checks_prefix_##unit(const void *, const double *, const double *, ptrdiff_t, double);

FOR_EACH_UNIT(DECLARE)

ptrdiff_t bound_checks_prefix(VectorUnit unit, const void *actual, const double *values, const double *errors,
                              ptrdiff_t count, double factor)
{
    return DISPATCH(unit, bound_checks_prefix, actual, values, errors, count, factor);
}
