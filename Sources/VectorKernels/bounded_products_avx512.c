#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "bounded_products.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define UNIT(name) name##_avx512
#define WIDTH 8
#define TILE 12
#include "bounded_products_template.h"
#pragma clang attribute pop
#endif
