/* Sums of the checksum's terms; docs/trace-format.md, "The checksum", defines them. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "vector_unit.h"

/* The sum of the terms of the 64-bit words of `bytes`, the last one filled up with zeros; its first word has the number
 * `first_word`. */
uint64_t checksum_sum(VectorUnit unit, const void *bytes, size_t byte_count, uint64_t first_word);

/* What bytes that are copied are. */
typedef enum { CHECKSUM_BYTES, CHECKSUM_FLOAT32, CHECKSUM_FLOAT64 } ChecksumNumbers;

/* The same of a copy: copies `byte_count` bytes from `from` to `to`, goes on with zeros up to a multiple of 64 bytes, and
 * sums the terms of all that, zeros included. `to` has room for it, and the two do not overlap.
 *
 * Every NaN of `numbers` is copied as the quiet one without sign or payload (7fc00000 and its like): which of two NaN an
 * operation passes on is left open by IEEE 754, and differs between vector units and compilers. */
uint64_t checksum_copy(VectorUnit unit, void *restrict to, const void *restrict from, size_t byte_count, uint64_t first_word,
                       ChecksumNumbers numbers);

#endif
