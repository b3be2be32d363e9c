#include "bounded_products.h"

#include "vector_dispatch.h"

#define DECLARE(unit)                                                                                             \
    void bounded_products_##unit(const BoundedVectors *, const BoundedPanel *, double *, double *, ptrdiff_t);    \
    void bounded_panel_pack_##unit(const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, double *, double *);

FOR_EACH_UNIT(DECLARE)

void bounded_products(VectorUnit unit, const BoundedVectors *vectors, const BoundedPanel *panel, double *values,
                      double *bounds, ptrdiff_t stride)
{
    DISPATCH(unit, bounded_products, vectors, panel, values, bounds, stride);
}

void bounded_panel_pack(VectorUnit unit, const float *elements, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                        double *weights, double *magnitudes)
{
    DISPATCH(unit, bounded_panel_pack, elements, stride, rows, columns, weights, magnitudes);
}
