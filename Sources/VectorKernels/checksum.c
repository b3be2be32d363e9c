#include "checksum.h"

#include "checksum_units.h"

uint64_t checksum_sum(VectorUnit unit, const void *bytes, size_t byte_count, uint64_t first_word)
{
    return DISPATCH(unit, checksum_sum, bytes, byte_count, first_word);
}

uint64_t checksum_copy(VectorUnit unit, void *restrict to, const void *restrict from, size_t byte_count, uint64_t first_word,
                       ChecksumNumbers numbers)
{
    return DISPATCH(unit, checksum_copy, to, from, byte_count, first_word, numbers);
}
