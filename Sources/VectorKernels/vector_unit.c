#include "vector_unit.h"

bool vector_unit_is_available(VectorUnit unit)
{
    switch (unit) {
    case VECTOR_UNIT_BASELINE: return true;
#if defined(__x86_64__)
    /* The compiler's functions also ask whether the operating system saves the wider registers. */
    case VECTOR_UNIT_AVX2: return __builtin_cpu_supports("avx2");
    case VECTOR_UNIT_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    default: return false;
#endif
    }
    return false;
}

VectorUnit vector_unit_widest(void)
{
    if (vector_unit_is_available(VECTOR_UNIT_AVX512)) return VECTOR_UNIT_AVX512;
    if (vector_unit_is_available(VECTOR_UNIT_AVX2)) return VECTOR_UNIT_AVX2;
    return VECTOR_UNIT_BASELINE;
}
