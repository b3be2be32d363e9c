/* Whether recorded values lie within the bounds of replayed ones, many elements at once. */
#ifndef BOUND_CHECKS_H
#define BOUND_CHECKS_H

#include "vector_unit.h"

#include <stddef.h>

/* How many elements from the first on, a multiple of 8, are finite and obey |actual - value| <= error * factor. What stands
 * behind, or the first eight that do not all obey, is left to the caller. `actual` need not be aligned. Every unit gives
 * the same number. */
ptrdiff_t bound_checks_prefix(VectorUnit unit, const void *actual, const double *values, const double *errors,
                              ptrdiff_t count, double factor);

#endif
