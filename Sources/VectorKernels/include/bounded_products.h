/* Matrix products in float64 together with bounds of their rounding errors, for many vectors at once. */
#ifndef BOUNDED_PRODUCTS_H
#define BOUNDED_PRODUCTS_H

#include "vector_unit.h"

#include <stddef.h>

enum {
    BOUNDED_PRODUCTS_LANES = 8, /* vectors of one call, one per lane */
    BOUNDED_PRODUCTS_ROWS = 12, /* rows of one panel */
};

/* Up to eight vectors, one per lane: element j of vector v is at [j * 8 + v]; lanes without a vector hold zeros. And what
 * their bounds need beside the matrix. */
typedef struct bounded_vectors {
    const double *values;
    const double *slacks; /* what a weight's magnitude contributes to the bound */
    const double *floors; /* [8]: the part of the bound that is the same for every row */
    ptrdiff_t count;      /* number of vectors */
    ptrdiff_t columns;    /* elements of each that are multiplied */
    ptrdiff_t group;      /* columns of a quantization group; 0 where the sum has no groups */
    double gamma;         /* factor of the groups' magnitudes */
    double limit;         /* bounds from here on are infinite */
} BoundedVectors;

/* Up to twelve rows of a matrix, column by column: [column][12], rows that are missing holding zeros. */
typedef struct bounded_panel {
    const double *weights;
    const double *magnitudes; /* their absolute values */
    ptrdiff_t rows;
} BoundedPanel;

/* Packs float32 rows, `stride` elements apart, into a panel of [columns][12] weights and magnitudes. */
void bounded_panel_pack(VectorUnit unit, const float *elements, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                        double *weights, double *magnitudes);

/* The products of a panel's rows r with all vectors v, each sum in ascending order of the columns j:
 *
 *     value[v][r] = sum of w[r][j] x[v][j]
 *     bound[v][r] = floor[v] + sum of |w[r][j]| slack[v][j]
 *
 * and, where there are groups, value[v][r] is the sum of the groups' sums, and gamma times the sum of their magnitudes is
 * added to the bound last. A bound of at least `limit` becomes infinite.
 *
 * Results go to values[v * stride + r] and bounds[v * stride + r]. Every unit gives the same bits. */
void bounded_products(VectorUnit unit, const BoundedVectors *vectors, const BoundedPanel *panel, double *values,
                      double *bounds, ptrdiff_t stride);

#endif
