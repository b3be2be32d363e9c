#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>
#include <string.h>

#include "products_units.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define UNIT(name) name##_avx512
#define VECTOR_BYTES 64
#include "products_formats.h"
#include "quantized_template.h"
#pragma clang attribute pop

#endif
