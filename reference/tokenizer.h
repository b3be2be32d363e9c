/* Text to tokens and back, byte for byte as llama2.c does it. */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "mapping.h"

/* The special token that begins every text, and that ends a generation. */
enum { TOKEN_BOS = 1 };

/* The bytes that a token stands for, in the mapped file. */
struct piece {
    const unsigned char *bytes;
    size_t size;
    float score; /* of a merge that makes this token; the highest merges first */
};

struct tokenizer {
    struct mapping file;
    int vocab_size;
    bool has_more;        /* the file goes on after vocab_size entries */
    struct piece *pieces; /* (vocab_size) */
    int *sorted;          /* (vocab_size) the ids by the bytes of their pieces, then by id; made when first needed */
};

/* Some tokens; the owner frees ids. */
struct tokens {
    int *ids;
    size_t count;
};

/* Maps a tokenizer file and reads the first vocab_size entries. */
bool tokenizer_open(struct tokenizer *tokenizer, const char *path, int vocab_size, struct failure *failure);

void tokenizer_close(struct tokenizer *tokenizer);

/* Encodes a text: BOS, a space if there is any text, then the text, with neighbours merged by score. */
bool tokenizer_encode(struct tokenizer *tokenizer, const char *text, struct tokens *tokens, struct failure *failure);

/* The bytes to print for a token that follows another (-1: none). `byte` holds the one byte of a byte token.
 * The size is 0 where llama2.c prints nothing. */
struct piece tokenizer_decode(const struct tokenizer *tokenizer, int previous, int token, unsigned char *byte);

#endif
