/* The products of one vector unit: products_template.h for each pair of formats. The including file defines
 * UNIT(name), the name of a function of the unit, and VECTOR_BYTES, the width of its registers. */

#define HEIGHT (VECTOR_BYTES / 8)

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Weights that will be needed next, asked for little by little while others are computed with: so many rows side by side are too
 * many streams for the hardware's own prefetching, but one after the other they are one. */
struct stream {
    const char *at, *end;
    size_t lines; /* of 64 bytes, at each step */
};

enum { STEP = 8 }; /* columns to a step */

static inline struct stream stream_of(const void *start, size_t length, size_t steps)
{
    const size_t lines = (length + 63) / 64;
    return (struct stream){start, (const char *)start + length, steps ? (lines + steps - 1) / steps : 0};
}

/* Into an outer cache: the first is full of what is being used. */
static inline __attribute__((always_inline)) void advance(struct stream *stream)
{
    for (size_t line = 0; line < stream->lines && stream->at < stream->end; line++, stream->at += 64)
        __builtin_prefetch(stream->at, 0, 1);
}

/* float weights and activations */
#define REAL float
#define WEIGHT float
#define CONVERTS 0
#define ONLY_ATTENTION 0
#define NAME(name) UNIT(name##_f32)
#include "products_template.h"
#undef REAL
#undef CONVERTS
#undef NAME

/* float weights, double activations */
#define REAL double
#define CONVERTS 1
#define NAME(name) UNIT(name##_f64)
#include "products_template.h"
#undef WEIGHT
#undef CONVERTS
#undef ONLY_ATTENTION
#undef NAME

/* double keys, values and activations */
#define WEIGHT double
#define CONVERTS 0
#define ONLY_ATTENTION 1
#define NAME(name) UNIT(name##_f64_f64)
#include "products_template.h"
