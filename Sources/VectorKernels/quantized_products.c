#include "quantized_products.h"

#include <string.h>

#include "products_units.h"

void widen_i8(int16_t *widened, const int8_t *x, size_t columns, size_t group_size)
{
    const size_t groups = columns / group_size;
    const size_t padded = (group_size + QUANTIZED_PADDING - 1) / QUANTIZED_PADDING * QUANTIZED_PADDING;
    for (size_t g = 0; g < groups; g++, widened += padded, x += group_size) {
        for (size_t k = 0; k < group_size; k++) widened[k] = x[k];
        memset(widened + group_size, 0, (padded - group_size) * sizeof(int16_t));
    }
}

void pack_i8(int16_t *packed, float *packed_scales, const int8_t *x, const float *scales, size_t columns,
             size_t group_size, size_t positions)
{
    const size_t lanes = QUANTIZED_LANES, groups = columns / group_size;
    const size_t padded = (group_size + QUANTIZED_PADDING - 1) / QUANTIZED_PADDING * QUANTIZED_PADDING;
    const size_t rounded = (positions + lanes - 1) / lanes * lanes;
    memset(packed, 0, rounded * groups * padded * sizeof(int16_t));
    memset(packed_scales, 0, rounded * groups * sizeof(float));
    for (size_t p = 0; p < positions; p++) {
        for (size_t g = 0; g < groups; g++) {
            const size_t place = p / lanes * groups + g;
            packed_scales[place * lanes + p % lanes] = scales[p * groups + g];
            int16_t *target = packed + place * padded * lanes + p % lanes * 2;
            const int8_t *source = x + p * columns + g * group_size;
            for (size_t k = 0; k < group_size; k++) target[k / 2 * 2 * lanes + k % 2] = source[k];
        }
    }
}

void product_i8(VectorUnit unit, float *out, struct quantized_rows w, const int16_t *x, const float *scales)
{
    DISPATCH(unit, product_i8, out, w, x, scales);
}

void products_i8(VectorUnit unit, float *out, size_t out_stride, struct quantized_rows w, const int16_t *packed,
                 const float *packed_scales, size_t positions)
{
    DISPATCH(unit, products_i8, out, out_stride, w, packed, packed_scales, positions);
}
