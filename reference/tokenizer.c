#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

bool tokenizer_open(struct tokenizer *tokenizer, const char *path, int vocab_size, struct failure *failure)
{
    size_t offset = 4; /* the longest token's length stands before the tokens; nothing needs it here */
    bool good = true;
    memset(tokenizer, 0, sizeof *tokenizer);
    if (!mapping_open(&tokenizer->file, path, failure)) return false;
    tokenizer->vocab_size = vocab_size;
    /* An entry has at least 8 bytes: look before reserving memory for a vocabulary that cannot be there. */
    if (tokenizer->file.size / 8 < (size_t)vocab_size) {
        good = fail(failure, "%s: offset %zu: expected %d tokens, found the end of the file", path,
            tokenizer->file.size, vocab_size);
    } else {
        tokenizer->pieces = calloc((size_t)vocab_size, sizeof *tokenizer->pieces);
        if (!tokenizer->pieces) good = fail(failure, "%s: out of memory", path);
    }
    for (int i = 0; good && i < vocab_size; i++) {
        if (offset == tokenizer->file.size) {
            good = fail(failure, "%s: offset %zu: expected %d tokens as in the model's vocabulary, found %d", path,
                offset, vocab_size, i);
            break;
        }
        if (offset > tokenizer->file.size || tokenizer->file.size - offset < 8) {
            good = fail(failure, "%s: offset %zu: token %d: expected 8 bytes of score and length, found the end of the "
                "file at %zu", path, offset, i, tokenizer->file.size);
            break;
        }
        const int size = mapping_int32(&tokenizer->file, offset + 4);
        const size_t rest = tokenizer->file.size - offset - 8;
        if (size < 0 || (size_t)size > rest) {
            good = fail(failure, "%s: offset %zu: token %d: expected a length from 0 to %zu, found %d", path,
                offset + 4, i, rest, size);
            break;
        }
        tokenizer->pieces[i].score = mapping_float32(&tokenizer->file, offset);
        tokenizer->pieces[i].bytes = tokenizer->file.bytes + offset + 8;
        tokenizer->pieces[i].size = (size_t)size;
        offset += 8 + (size_t)size;
    }
    tokenizer->has_more = offset < tokenizer->file.size;
    if (!good) tokenizer_close(tokenizer);
    return good;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    mapping_close(&tokenizer->file);
    free(tokenizer->pieces);
    free(tokenizer->sorted);
    tokenizer->pieces = NULL;
    tokenizer->sorted = NULL;
}

/* Orders byte strings; the shorter of two that begin alike comes first. */
static int compare_bytes(const unsigned char *a, size_t a_size, const unsigned char *b, size_t b_size)
{
    const size_t common = a_size < b_size ? a_size : b_size;
    const int order = common > 0 ? memcmp(a, b, common) : 0;
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Sorts ids[0..<count] by the bytes of their pieces, keeping the order of equal ones: merges of ever longer runs.
 * qsort cannot be told which pieces without a global variable. */
static bool sort_ids(const struct piece *pieces, int *ids, size_t count)
{
    int *from = ids, *to = malloc(count * sizeof *to), *const other = to;
    if (!to) return false;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * run) {
            const size_t middle = count - begin < run ? count : begin + run;
            const size_t end = count - begin < 2 * run ? count : begin + 2 * run;
            size_t i = begin, j = middle;
            for (size_t k = begin; k < end; k++) {
                bool first = j == end;
                if (i < middle && j < end) {
                    const struct piece *a = &pieces[from[i]], *b = &pieces[from[j]];
                    first = compare_bytes(a->bytes, a->size, b->bytes, b->size) <= 0;
                }
                to[k] = first ? from[i++] : from[j++];
            }
        }
        int *const swapped = from;
        from = to;
        to = swapped;
    }
    if (from != ids) memcpy(ids, from, count * sizeof *ids);
    free(other);
    return true;
}

/* Returns the token whose piece is these bytes, the lowest of several, or -1. */
static int lookup(const struct tokenizer *tokenizer, const unsigned char *bytes, size_t size)
{
    int low = 0, high = tokenizer->vocab_size;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        const struct piece *piece = &tokenizer->pieces[tokenizer->sorted[middle]];
        if (compare_bytes(piece->bytes, piece->size, bytes, size) < 0) low = middle + 1;
        else high = middle;
    }
    if (low == tokenizer->vocab_size) return -1;
    const struct piece *found = &tokenizer->pieces[tokenizer->sorted[low]];
    return compare_bytes(found->bytes, found->size, bytes, size) == 0 ? tokenizer->sorted[low] : -1;
}

/* Returns the token that two neighbours make together, or -1. `scratch` has room for any two pieces. */
static int lookup_pair(const struct tokenizer *tokenizer, int left, int right, unsigned char *scratch)
{
    const struct piece *a = &tokenizer->pieces[left], *b = &tokenizer->pieces[right];
    if (a->size > 0) memcpy(scratch, a->bytes, a->size);
    if (b->size > 0) memcpy(scratch + a->size, b->bytes, b->size);
    return lookup(tokenizer, scratch, a->size + b->size);
}

/* Adds the tokens of the text before merging: one per character that is a token, else one per byte. */
static bool split(const struct tokenizer *tokenizer, const unsigned char *text, struct tokens *tokens,
                  struct failure *failure)
{
    static const unsigned char space[] = " ";
    const unsigned char *next = text;
    size_t count = 0;
    tokens->ids[count++] = TOKEN_BOS;
    if (*text) {
        const int id = lookup(tokenizer, space, 1);
        tokens->ids[count++] = id >= 0 ? id : ' ' + 3;
    }
    while (*next) {
        size_t size = 1; /* of the character: a byte and the UTF-8 continuation bytes after it, four in all at most */
        while (size < 4 && (next[size] & 0xC0) == 0x80) size++;
        const int id = lookup(tokenizer, next, size);
        if (id >= 0) {
            tokens->ids[count++] = id;
        } else {
            for (size_t i = 0; i < size; i++) tokens->ids[count++] = next[i] + 3; /* the byte tokens begin at 3 */
        }
        next += size;
    }
    tokens->count = count;
    for (size_t i = 0; i < count; i++) {
        if (tokens->ids[i] >= tokenizer->vocab_size) {
            return fail(failure, "token %d is outside the vocabulary of %d", tokens->ids[i], tokenizer->vocab_size);
        }
    }
    return true;
}

/* Merges the pair with the highest score, the first of equals, until no pair of neighbours makes a token.
 * pairs[i] is the token that ids[i] and ids[i + 1] make, or -1. */
static void merge(const struct tokenizer *tokenizer, struct tokens *tokens, int *pairs, unsigned char *scratch)
{
    int *ids = tokens->ids;
    size_t count = tokens->count;
    for (size_t i = 0; i + 1 < count; i++) pairs[i] = lookup_pair(tokenizer, ids[i], ids[i + 1], scratch);
    for (;;) {
        float best_score = -1e10f;
        size_t best = count;
        for (size_t i = 0; i + 1 < count; i++) {
            if (pairs[i] < 0 || !(tokenizer->pieces[pairs[i]].score > best_score)) continue;
            best_score = tokenizer->pieces[pairs[i]].score;
            best = i;
        }
        if (best == count) break;
        ids[best] = pairs[best];
        memmove(ids + best + 1, ids + best + 2, (count - best - 2) * sizeof *ids);
        memmove(pairs + best, pairs + best + 1, (count - best - 2) * sizeof *pairs);
        count--;
        if (best > 0) pairs[best - 1] = lookup_pair(tokenizer, ids[best - 1], ids[best], scratch);
        if (best + 1 < count) pairs[best] = lookup_pair(tokenizer, ids[best], ids[best + 1], scratch);
    }
    tokens->count = count;
}

bool tokenizer_encode(struct tokenizer *tokenizer, const char *text, struct tokens *tokens, struct failure *failure)
{
    const size_t most = strlen(text) + 2; /* BOS, the space, and a token per byte */
    const size_t vocab_size = (size_t)tokenizer->vocab_size;
    size_t longest = 0;
    if (!tokenizer->sorted) {
        tokenizer->sorted = malloc(vocab_size * sizeof *tokenizer->sorted);
        if (!tokenizer->sorted) return fail(failure, "out of memory");
        for (int i = 0; i < tokenizer->vocab_size; i++) tokenizer->sorted[i] = i;
        if (!sort_ids(tokenizer->pieces, tokenizer->sorted, vocab_size)) {
            free(tokenizer->sorted);
            tokenizer->sorted = NULL;
            return fail(failure, "out of memory");
        }
    }
    for (size_t i = 0; i < vocab_size; i++) {
        if (tokenizer->pieces[i].size > longest) longest = tokenizer->pieces[i].size;
    }
    tokens->ids = calloc(most, sizeof *tokens->ids);
    int *pairs = calloc(most, sizeof *pairs);
    unsigned char *scratch = malloc(2 * longest + 1);
    bool good = tokens->ids && pairs && scratch;
    if (!good) fail(failure, "out of memory");
    good = good && split(tokenizer, (const unsigned char *)text, tokens, failure);
    if (good) merge(tokenizer, tokens, pairs, scratch);
    free(pairs);
    free(scratch);
    if (!good) {
        free(tokens->ids);
        tokens->ids = NULL;
    }
    return good;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
}

/* The byte that a piece names, or -1: what llama2.c's sscanf(piece, "<0x%02hhX>") stores when it returns 1. That is
 * more than <0xHH>: what follows the digits is not looked at, one digit is enough, white space may stand before them, and a
 * sign may stand in place of the first. */
static int named_byte(const struct piece *piece)
{
    const unsigned char *c = piece->bytes, *const end = piece->bytes + piece->size;
    bool is_negative = false;
    int width = 2, value = -1;
    if (piece->size < 3 || memcmp(c, "<0x", 3) != 0) return -1;
    c += 3;
    while (c < end && is_space(*c)) c++;
    if (c < end && (*c == '-' || *c == '+')) {
        is_negative = *c++ == '-';
        width--;
    }
    for (; c < end && width > 0 && hex_digit(*c) >= 0; c++, width--) {
        value = (value < 0 ? 0 : value * 16) + hex_digit(*c);
    }
    return value > 0 && is_negative ? 256 - value : value;
}

struct piece tokenizer_decode(const struct tokenizer *tokenizer, int previous, int token, unsigned char *byte)
{
    struct piece piece = tokenizer->pieces[token];
    if (previous == TOKEN_BOS && piece.size > 0 && piece.bytes[0] == ' ') {
        piece.bytes++;
        piece.size--;
    }
    const int named = named_byte(&piece);
    if (named >= 0) {
        *byte = (unsigned char)named;
        piece.bytes = byte;
        piece.size = 1;
    }
    if (piece.size == 1) { /* a lone byte is printed only if it is printable or white space, in the C locale */
        const unsigned char c = piece.bytes[0];
        if (!((c >= 0x20 && c <= 0x7E) || (c >= 0x09 && c <= 0x0D))) piece.size = 0;
    }
    return piece;
}
