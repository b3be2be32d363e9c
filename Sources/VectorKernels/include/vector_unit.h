/* Which vector instructions a kernel uses. Only its speed depends on that, never a bit of its result. */
#ifndef VECTOR_UNIT_H
#define VECTOR_UNIT_H

#include <stdbool.h>

/* Ordered by width. `baseline` is what every processor of the architecture has: SSE2 on x86-64, NEON on arm64. */
typedef enum __attribute__((enum_extensibility(closed))) vector_unit {
    VECTOR_UNIT_BASELINE __attribute__((swift_name("baseline"))) = 0,
    VECTOR_UNIT_AVX2 __attribute__((swift_name("avx2"))) = 1,
    VECTOR_UNIT_AVX512 __attribute__((swift_name("avx512"))) = 2, /* F, BW, DQ and VL: Intel's server processors since 2017, AMD's since Zen 4 */
} VectorUnit;

/* Whether this processor and its operating system have a unit. */
bool vector_unit_is_available(VectorUnit unit);

/* The widest unit that is available. */
VectorUnit vector_unit_widest(void);

#endif
