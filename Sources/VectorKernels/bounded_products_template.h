/* The kernel of bounded_products.h for one vector unit. Included with
 *
 *     UNIT(name)   the name with the unit's suffix
 *     WIDTH        doubles of a vector, a divisor of 8
 *     TILE         rows whose sums are kept in registers, a divisor of 12: two vectors each, and a few for operands
 *
 * Positions are in lanes, so each sum is one lane's own, taken column by column: its order, and so its bits, do not
 * depend on WIDTH or TILE. Products and sums are rounded separately. */
#include "bounded_products.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = BOUNDED_PRODUCTS_LANES, ROWS = BOUNDED_PRODUCTS_ROWS };

typedef double UNIT(vector) __attribute__((vector_size(8 * WIDTH), aligned(8)));
typedef int64_t UNIT(bits) __attribute__((vector_size(8 * WIDTH), aligned(8)));
typedef double UNIT(block)[ROWS][LANES];

#define VECTOR UNIT(vector)

static inline VECTOR UNIT(load)(const double *from)
{
    VECTOR result;
    memcpy(&result, from, sizeof result);
    return result;
}

/* The sums over some columns, of weights times values from 0 on, and of magnitudes times slacks from what `bounds` holds
 * on. One load of a value and a slack serves TILE rows, whose weights are broadcast. */
static void UNIT(tile)(const double *weights, const double *magnitudes, ptrdiff_t columns, const double *x,
                       const double *slack, UNIT(block) sums, UNIT(block) bounds)
{
    for (int row = 0; row < ROWS; row += TILE) {
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            VECTOR sum[TILE], bound[TILE];
            for (int r = 0; r < TILE; r++) {
                sum[r] = (VECTOR){0};
                bound[r] = UNIT(load)(&bounds[row + r][lane]);
            }
            for (ptrdiff_t j = 0; j < columns; j++) {
                VECTOR value = UNIT(load)(x + j * LANES + lane);
                VECTOR width = UNIT(load)(slack + j * LANES + lane);
                const double *w = weights + j * ROWS + row;
                const double *m = magnitudes + j * ROWS + row;
#pragma clang loop unroll(full)
                for (int r = 0; r < TILE; r++) {
                    sum[r] += value * w[r];
                    bound[r] += width * m[r];
                }
            }
            for (int r = 0; r < TILE; r++) {
                memcpy(&sums[row + r][lane], &sum[r], sizeof sum[r]);
                memcpy(&bounds[row + r][lane], &bound[r], sizeof bound[r]);
            }
        }
    }
}

/* The sum of the groups' sums, and of their magnitudes. */
static void UNIT(grouped)(const BoundedVectors *vectors, const BoundedPanel *panel, UNIT(block) sums,
                          UNIT(block) bounds)
{
    UNIT(block) part, sizes = {{0}};
    memset(sums, 0, sizeof part);
    for (ptrdiff_t start = 0; start < vectors->columns; start += vectors->group) {
        ptrdiff_t rest = vectors->columns - start;
        ptrdiff_t columns = rest < vectors->group ? rest : vectors->group;
        UNIT(tile)(panel->weights + start * ROWS, panel->magnitudes + start * ROWS, columns,
                   vectors->values + start * LANES, vectors->slacks + start * LANES, part, bounds);
        for (int i = 0; i < ROWS * LANES; i += WIDTH) {
            VECTOR own = UNIT(load)(&part[0][i]);
            UNIT(bits) magnitude = (UNIT(bits))own & INT64_MAX;
            own += UNIT(load)(&sums[0][i]);
            VECTOR size = UNIT(load)(&sizes[0][i]) + (VECTOR)magnitude;
            memcpy(&sums[0][i], &own, sizeof own);
            memcpy(&sizes[0][i], &size, sizeof size);
        }
    }
    for (int i = 0; i < ROWS * LANES; i += WIDTH) {
        VECTOR bound = UNIT(load)(&bounds[0][i]) + UNIT(load)(&sizes[0][i]) * vectors->gamma;
        memcpy(&bounds[0][i], &bound, sizeof bound);
    }
}

typedef float UNIT(quad) __attribute__((vector_size(16), aligned(4)));
typedef double UNIT(quad64) __attribute__((vector_size(32), aligned(8)));
typedef int64_t UNIT(quadbits) __attribute__((vector_size(32), aligned(8)));

/* Four vectors of four as four of four, exchanging the two indices. */
#define TRANSPOSE(type, row, column)                                                                              \
    do {                                                                                                          \
        type low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);                                         \
        type low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);                                         \
        type high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);                                        \
        type high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);                                        \
        column[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);                                            \
        column[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);                                            \
        column[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);                                          \
        column[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);                                          \
    } while (0)

/* Puts element [r][v] of the first rows and vectors at v * stride + r. */
static void UNIT(scatter)(UNIT(block) elements, ptrdiff_t rows, ptrdiff_t count, double *to, ptrdiff_t stride)
{
    if (rows < ROWS || count < LANES) {
        for (ptrdiff_t v = 0; v < count; v++)
            for (ptrdiff_t r = 0; r < rows; r++) to[v * stride + r] = elements[r][v];
        return;
    }
    for (ptrdiff_t r = 0; r < ROWS; r += 4) {
        for (ptrdiff_t v = 0; v < LANES; v += 4) {
            UNIT(quad64) row[4], column[4];
            for (int i = 0; i < 4; i++) memcpy(&row[i], &elements[r + i][v], sizeof row[i]);
            TRANSPOSE(UNIT(quad64), row, column);
            for (int i = 0; i < 4; i++) memcpy(to + (v + i) * stride + r, &column[i], sizeof column[i]);
        }
    }
}

void UNIT(bounded_products)(const BoundedVectors *vectors, const BoundedPanel *panel, double *values, double *bounds,
                            ptrdiff_t stride)
{
    UNIT(block) sum, bound;
    for (int r = 0; r < ROWS; r++) memcpy(bound[r], vectors->floors, sizeof bound[r]);
    if (vectors->group > 0)
        UNIT(grouped)(vectors, panel, sum, bound);
    else
        UNIT(tile)(panel->weights, panel->magnitudes, vectors->columns, vectors->values, vectors->slacks, sum, bound);
    for (int i = 0; i < ROWS * LANES; i += WIDTH) {
        VECTOR own = UNIT(load)(&bound[0][i]);
        UNIT(bits) is_beyond = own >= vectors->limit;
        UNIT(bits) infinity = (UNIT(bits))((VECTOR){0} + (double)INFINITY);
        own = (VECTOR)((infinity & is_beyond) | ((UNIT(bits))own & ~is_beyond));
        memcpy(&bound[0][i], &own, sizeof own);
    }
    UNIT(scatter)(sum, panel->rows, vectors->count, values, stride);
    UNIT(scatter)(bound, panel->rows, vectors->count, bounds, stride);
}

/* Four rows by four columns at a time: transposed, then converted. The following rows, which the next panel takes, are
 * asked for while this one is multiplied. */
void UNIT(bounded_panel_pack)(const float *elements, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                              double *weights, double *magnitudes)
{
    if (rows < ROWS) {
        memset(weights, 0, (size_t)(columns * ROWS) * sizeof *weights);
        memset(magnitudes, 0, (size_t)(columns * ROWS) * sizeof *magnitudes);
    }
    ptrdiff_t j = 0;
    for (; rows == ROWS && j + 4 <= columns; j += 4) {
        if (j % 16 == 0)
            for (ptrdiff_t r = 0; r < ROWS; r++)
                __builtin_prefetch((const char *)elements + (size_t)((ROWS + r) * stride + j) * sizeof *elements, 0, 2);
        for (ptrdiff_t r = 0; r < ROWS; r += 4) {
            UNIT(quad) row[4];
            for (int i = 0; i < 4; i++) memcpy(&row[i], elements + (r + i) * stride + j, sizeof row[i]);
            UNIT(quad) column[4];
            TRANSPOSE(UNIT(quad), row, column);
            for (int i = 0; i < 4; i++) {
                UNIT(quad64) wide = __builtin_convertvector(column[i], UNIT(quad64));
                UNIT(quadbits) magnitude = (UNIT(quadbits))wide & INT64_MAX;
                memcpy(weights + (j + i) * ROWS + r, &wide, sizeof wide);
                memcpy(magnitudes + (j + i) * ROWS + r, &magnitude, sizeof magnitude);
            }
        }
    }
    for (; j < columns; j++) {
        for (ptrdiff_t r = 0; r < rows; r++) {
            double weight = elements[r * stride + j];
            weights[j * ROWS + r] = weight;
            magnitudes[j * ROWS + r] = fabs(weight);
        }
    }
}

#undef VECTOR
#undef TRANSPOSE
