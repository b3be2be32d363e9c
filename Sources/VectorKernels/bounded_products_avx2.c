#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "bounded_products.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define UNIT(name) name##_avx2
#define WIDTH 4
#define TILE 6
#include "bounded_products_template.h"
#pragma clang attribute pop
#endif
