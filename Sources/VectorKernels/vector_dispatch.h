/* What the kernels of all vector units share. Each is a template that one file per unit includes, with its names in UNIT():
 *
 *     #define UNIT(name) name##_avx2
 *
 * Its header offers the function without a suffix, whose first argument is the unit. */
#ifndef VECTOR_DISPATCH_H
#define VECTOR_DISPATCH_H

#include "vector_unit.h"

/* DECLARE(unit) for every unit of the architecture, and a call of the given unit's function: an expression. A unit that this
 * architecture lacks is never available. */
#if defined(__x86_64__)
#define FOR_EACH_UNIT(DECLARE) DECLARE(baseline) DECLARE(avx2) DECLARE(avx512)
#define DISPATCH(unit, name, ...)                                          \
    ((unit) == VECTOR_UNIT_AVX512  ? name##_avx512(__VA_ARGS__)            \
        : (unit) == VECTOR_UNIT_AVX2 ? name##_avx2(__VA_ARGS__)            \
                                     : name##_baseline(__VA_ARGS__))
#else
#define FOR_EACH_UNIT(DECLARE) DECLARE(baseline)
#define DISPATCH(unit, name, ...) ((void)(unit), name##_baseline(__VA_ARGS__))
#endif

#endif
