/* The products of one vector unit: products_template.h for each pair of formats. The including file defines UNIT and HEIGHT. */

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

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
