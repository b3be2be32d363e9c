#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define UNIT(name) name##_avx512
#include "comparison_statistics_template.h"
#pragma clang attribute pop
#endif
