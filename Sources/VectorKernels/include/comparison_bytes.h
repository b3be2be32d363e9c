/* Equal bytes, recognised without arithmetic. */
#ifndef COMPARISON_BYTES_H
#define COMPARISON_BYTES_H

#include <stdbool.h>
#include <stddef.h>

#include "vector_unit.h"

/* The number format that bytes are looked at in. */
typedef enum __attribute__((enum_extensibility(closed))) comparison_format {
    COMPARISON_FORMAT_INTEGER __attribute__((swift_name("integer"))) = 0, /* every value is finite */
    COMPARISON_FORMAT_FLOAT32 __attribute__((swift_name("float32"))) = 1,
    COMPARISON_FORMAT_FLOAT64 __attribute__((swift_name("float64"))) = 2,
    COMPARISON_FORMAT_FLOAT16 __attribute__((swift_name("float16"))) = 3,
    COMPARISON_FORMAT_BFLOAT16 __attribute__((swift_name("bfloat16"))) = 4,
} ComparisonFormat;

typedef struct comparison_bytes {
    bool are_equal;
    bool are_finite; /* no NaN and no infinity among them; meaningful where they are equal */
} ComparisonBytes;

/* Compares `byte_count` bytes, a multiple of 64; neither pointer need be aligned. */
ComparisonBytes comparison_of_bytes(VectorUnit unit, const void *first, const void *second, size_t byte_count,
                                    ComparisonFormat format);

#endif
