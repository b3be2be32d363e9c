#include "quantized.h"

#include <math.h>

#include "parallel.h"

void quantize(int8_t *values, float *scales, const float *x, size_t n, size_t group_size)
{
    const size_t groups = n / group_size;
    for (size_t group = 0; group < groups; group++) {
        const float *from = x + group * group_size;
        int8_t *to = values + group * group_size;
        float max = 0;
        for (size_t i = 0; i < group_size; i++) {
            const float magnitude = fabsf(from[i]);
            if (magnitude > max) max = magnitude;
        }
        const float scale = max / 127.0f;
        scales[group] = scale;
        for (size_t i = 0; i < group_size; i++) {
            const float value = roundf(from[i] / scale);
            if (scale == 0 || value != value) to[i] = 0;
            else if (value >= 127) to[i] = 127;
            else if (value <= -128) to[i] = -128;
            else to[i] = (int8_t)value;
        }
    }
    for (size_t i = groups * group_size; i < n; i++) values[i] = 0;
}

void matmul_quantized(float *out, const int8_t *x, const float *x_scales, const struct matrix *w, size_t group_size)
{
    const size_t rows = w->rows, n = w->columns, groups = n / group_size;
    PARALLEL_FOR
    for (size_t i = 0; i < rows; i++) {
        const int8_t *row = w->quantized + i * n;
        const size_t first_group = i * n / group_size; /* of the flat matrix */
        float value = 0;
        for (size_t group = 0; group < groups; group++) {
            const int8_t *a = row + group * group_size, *b = x + group * group_size;
            int32_t sum = 0;
            for (size_t k = 0; k < group_size; k++) sum += a[k] * b[k];
            value += (float)sum * matrix_scale(w, first_group + group) * x_scales[group];
        }
        out[i] = value;
    }
}
