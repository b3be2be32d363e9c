#pragma STDC FP_CONTRACT OFF
#include "checksum_units.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define UNIT(name) name##_avx512
#include "checksum_template.h"
#pragma clang attribute pop
#endif
