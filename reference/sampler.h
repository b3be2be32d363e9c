/* Choosing the next token from the logits, as llama2.c does it. */
#ifndef SAMPLER_H
#define SAMPLER_H

#include <stdint.h>

#include "failure.h"

struct candidate {
    float probability;
    int token;
};

struct sampler {
    int vocab_size;
    float temperature; /* 0: greedy */
    float top_p;       /* 0 or 1: from all tokens */
    uint64_t state;    /* of the random numbers; never 0 in a sampled run */
    struct candidate *candidates; /* (vocab_size) */
};

bool sampler_open(struct sampler *sampler, int vocab_size, float temperature, float top_p, uint64_t seed,
                  struct failure *failure);

void sampler_close(struct sampler *sampler);

/* Returns a token. logits: (vocab_size), overwritten. */
int sampler_choose(struct sampler *sampler, float *logits);

#endif
