#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define UNIT(name) name##_avx2
#define VECTOR_BYTES 32
#include "comparison_bytes_template.h"
#pragma clang attribute pop
#endif
