#include "checksum.h"

#include "checksum_units.h"

uint64_t checksum_sum(VectorUnit unit, const void *bytes, size_t byte_count, uint64_t first_word)
{
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: return checksum_sum_avx512(bytes, byte_count, first_word);
    case VECTOR_UNIT_AVX2: return checksum_sum_avx2(bytes, byte_count, first_word);
#endif
    default: return checksum_sum_baseline(bytes, byte_count, first_word);
    }
}

uint64_t checksum_copy(VectorUnit unit, void *restrict to, const void *restrict from, size_t byte_count, uint64_t first_word,
                       ChecksumNumbers numbers)
{
    switch (unit) {
#if defined(__x86_64__)
    case VECTOR_UNIT_AVX512: return checksum_copy_avx512(to, from, byte_count, first_word, numbers);
    case VECTOR_UNIT_AVX2: return checksum_copy_avx2(to, from, byte_count, first_word, numbers);
#endif
    default: return checksum_copy_baseline(to, from, byte_count, first_word, numbers);
    }
}
