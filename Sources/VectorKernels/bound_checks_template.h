/* The kernel of bound_checks.h for one vector unit. Included with UNIT(name), the name with the unit's suffix. NaN compares false,
 * and so do infinities, because what is allowed must be finite. */
#include "bound_checks.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float UNIT(narrow) __attribute__((vector_size(32), aligned(4)));
typedef double UNIT(wide) __attribute__((vector_size(64), aligned(8)));
typedef int64_t UNIT(mask) __attribute__((vector_size(64), aligned(8)));

ptrdiff_t UNIT(bound_checks_prefix)(const void *actual, const double *values, const double *errors, ptrdiff_t count,
                                    double factor)
{
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) {
        UNIT(narrow) recorded;
        UNIT(wide) value, error;
        memcpy(&recorded, (const char *)actual + (size_t)i * sizeof(float), sizeof recorded);
        memcpy(&value, values + i, sizeof value);
        memcpy(&error, errors + i, sizeof error);
        UNIT(wide) allowed = error * factor;
        UNIT(wide) distance = __builtin_convertvector(recorded, UNIT(wide)) - value;
        distance = (UNIT(wide))((UNIT(mask))distance & INT64_MAX);
        UNIT(mask) passes = (distance <= allowed) & (allowed < (double)INFINITY);
        if (__builtin_reduce_and(passes) == 0) break;
    }
    return i;
}
