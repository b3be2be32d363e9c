/* The kernels of checksum.h, one for each vector unit. */
#ifndef CHECKSUM_UNITS_H
#define CHECKSUM_UNITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "checksum.h"
#include "vector_dispatch.h"

#define DECLARE_CHECKSUM(unit)                                                                            \
    uint64_t checksum_sum_##unit(const unsigned char *bytes, size_t byte_count, uint64_t first_word);     \
    uint64_t checksum_copy_##unit(unsigned char *restrict to, const unsigned char *restrict from,         \
                                  size_t byte_count, uint64_t first_word, ChecksumNumbers numbers);

FOR_EACH_UNIT(DECLARE_CHECKSUM)

#endif
