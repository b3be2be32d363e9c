/* The kernels of checksum.h for one vector unit: included with UNIT(name), the name with the unit's suffix.
 *
 * Eight words at a time, each lane with its own key and its own running sum, so that no addition waits for another.
 * Exact in any order: sums of integers modulo 2^64. Where the unit has no multiplication of 64-bit lanes, the compiler makes
 * it of two of 32 bits, as the multiplier has only 32. */

#define CHECKSUM_GAMMA 0x9E3779B97F4A7C15u
#define CHECKSUM_MULTIPLIER 0x9FB21C65u

typedef uint64_t Words __attribute__((vector_size(64)));
typedef int64_t Wholes __attribute__((vector_size(64)));
typedef int32_t Halves __attribute__((vector_size(64)));

/* Eight terms added to `sums`; `keys` are those of the words. */
#define ADD_TERMS(sums, words, keys)                           \
    do {                                                       \
        Words terms = (words) ^ (keys);                        \
        terms = (terms ^ (terms >> 32)) * CHECKSUM_MULTIPLIER; \
        (sums) += terms ^ (terms >> 29);                       \
    } while (0)

/* The keys of eight words, of which the first has the number `first_word`. */
#define FIRST_KEYS(first_word) (((Words){1, 2, 3, 4, 5, 6, 7, 8} + (first_word)) * CHECKSUM_GAMMA)

static inline uint64_t UNIT(total)(const Words *sums)
{
    uint64_t total = 0;
    for (int lane = 0; lane < 8; lane++) total += (*sums)[lane];
    return total;
}

uint64_t UNIT(checksum_sum)(const unsigned char *bytes, size_t byte_count, uint64_t first_word)
{
    Words sums = {0}, keys = FIRST_KEYS(first_word), words;
    size_t at = 0;
    for (; at + 64 <= byte_count; at += 64) {
        memcpy(&words, bytes + at, 64);
        ADD_TERMS(sums, words, keys);
        keys += 8 * CHECKSUM_GAMMA;
    }
    if (at < byte_count) {
        /* The words that the rest does not reach have terms too, of zeros: only its own are counted. */
        uint64_t count = (byte_count - at + 7) / 8;
        Words rest = {0};
        words = (Words){0};
        memcpy(&words, bytes + at, byte_count - at);
        ADD_TERMS(rest, words, keys);
        sums += rest & (Words)((Words){0, 1, 2, 3, 4, 5, 6, 7} < count);
    }
    return UNIT(total)(&sums);
}

/* NaN become the quiet one without sign or payload. */
static inline __attribute__((always_inline)) void UNIT(make_nan_plain)(Words *words, const ChecksumNumbers numbers)
{
    if (numbers == CHECKSUM_FLOAT32) {
        const Halves bits = (Halves)*words, is_nan = (Halves)((bits & INT32_MAX) > 0x7F800000);
        *words = (Words)((bits & ~is_nan) | (is_nan & 0x7FC00000));
    } else if (numbers == CHECKSUM_FLOAT64) {
        const Wholes bits = (Wholes)*words, is_nan = (Wholes)((bits & INT64_MAX) > 0x7FF0000000000000);
        *words = (Words)((bits & ~is_nan) | (is_nan & 0x7FF8000000000000));
    }
}

static inline __attribute__((always_inline)) uint64_t UNIT(copy)(unsigned char *restrict to,
                                                                 const unsigned char *restrict from, size_t byte_count,
                                                                 uint64_t first_word, const ChecksumNumbers numbers)
{
    Words sums = {0}, keys = FIRST_KEYS(first_word), words;
    size_t at = 0;
    for (; at + 64 <= byte_count; at += 64) {
        memcpy(&words, from + at, 64);
        UNIT(make_nan_plain)(&words, numbers);
        memcpy(to + at, &words, 64);
        ADD_TERMS(sums, words, keys);
        keys += 8 * CHECKSUM_GAMMA;
    }
    if (at < byte_count) {
        words = (Words){0};
        memcpy(&words, from + at, byte_count - at);
        UNIT(make_nan_plain)(&words, numbers);
        memcpy(to + at, &words, 64);
        ADD_TERMS(sums, words, keys);
    }
    return UNIT(total)(&sums);
}

uint64_t UNIT(checksum_copy)(unsigned char *restrict to, const unsigned char *restrict from, size_t byte_count,
                             uint64_t first_word, ChecksumNumbers numbers)
{
    switch (numbers) {
    case CHECKSUM_FLOAT32: return UNIT(copy)(to, from, byte_count, first_word, CHECKSUM_FLOAT32);
    case CHECKSUM_FLOAT64: return UNIT(copy)(to, from, byte_count, first_word, CHECKSUM_FLOAT64);
    default: return UNIT(copy)(to, from, byte_count, first_word, CHECKSUM_BYTES);
    }
}
