#include "bounded_products.h"

#define DECLARE(unit)                                                                                             \
    void bounded_products_##unit(const BoundedVectors *, const BoundedPanel *, double *, double *, ptrdiff_t);    \
    void bounded_panel_pack_##unit(const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, double *, double *);

DECLARE(baseline)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void bounded_products(VectorUnit unit, const BoundedVectors *vectors, const BoundedPanel *panel, double *values,
                      double *bounds, ptrdiff_t stride)
{
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX2: bounded_products_avx2(vectors, panel, values, bounds, stride); return;
    case VECTOR_UNIT_AVX512: bounded_products_avx512(vectors, panel, values, bounds, stride); return;
#endif
    default: bounded_products_baseline(vectors, panel, values, bounds, stride);
    }
}

void bounded_panel_pack(VectorUnit unit, const float *elements, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                        double *weights, double *magnitudes)
{
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX2: bounded_panel_pack_avx2(elements, stride, rows, columns, weights, magnitudes); return;
    case VECTOR_UNIT_AVX512: bounded_panel_pack_avx512(elements, stride, rows, columns, weights, magnitudes); return;
#endif
    default: bounded_panel_pack_baseline(elements, stride, rows, columns, weights, magnitudes);
    }
}
