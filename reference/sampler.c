#include "sampler.h"

#include <math.h>
#include <stdlib.h>

bool sampler_open(struct sampler *sampler, int vocab_size, float temperature, float top_p, uint64_t seed,
                  struct failure *failure)
{
    sampler->vocab_size = vocab_size;
    sampler->temperature = temperature;
    sampler->top_p = top_p;
    sampler->state = seed;
    sampler->candidates = calloc((size_t)vocab_size, sizeof *sampler->candidates);
    return sampler->candidates || fail(failure, "out of memory");
}

void sampler_close(struct sampler *sampler)
{
    free(sampler->candidates);
    sampler->candidates = NULL;
}

/* The first of the greatest. */
static int argmax(const float *values, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++) {
        if (values[i] > values[best]) best = i;
    }
    return best;
}

/* p[i] = exp(p[i] - max) / sum, the sum ascending. */
static void softmax(float *p, int count)
{
    const float max = p[argmax(p, count)];
    float sum = 0;
    for (int i = 0; i < count; i++) {
        p[i] = expf(p[i] - max);
        sum += p[i];
    }
    for (int i = 0; i < count; i++) p[i] /= sum;
}

/* A number in [0, 1) of 24 random bits: xorshift64*, its upper 32 bits less the lowest 8. */
static float next_coin(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    const uint32_t random = (uint32_t)(*state * 0x2545F4914F6CDD1Du >> 32);
    return (float)(random >> 8) / 16777216.0f;
}

/* The first index at which the running sum exceeds the coin, else the last. */
static int choose_from_all(const float *p, int count, float coin)
{
    float sum = 0;
    for (int i = 0; i < count; i++) {
        sum += p[i];
        if (coin < sum) return i;
    }
    return count - 1;
}

/* Falling probability; the lower token first among equals. */
static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->probability != right->probability) return left->probability > right->probability ? -1 : 1;
    return (left->token > right->token) - (left->token < right->token);
}

/* Keeps the likeliest tokens until their sum exceeds top_p, and chooses among them. A token below
 * (1 - top_p) / (count - 1) cannot be one of them and is not sorted. */
static int choose_from_top(const float *p, int count, float top_p, struct candidate *candidates, float coin)
{
    const float cutoff = (1.0f - top_p) / (float)(count - 1);
    size_t found = 0, kept = 0;
    float sum = 0, running = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] >= cutoff) candidates[found++] = (struct candidate){p[i], i};
    }
    if (found == 0) return count - 1; /* not one number among them, or a vocabulary of one */
    qsort(candidates, found, sizeof *candidates, compare_candidates);
    while (kept < found && !(sum > top_p)) sum += candidates[kept++].probability;
    const float scaled = coin * sum;
    for (size_t i = 0; i < kept; i++) {
        running += candidates[i].probability;
        if (scaled < running) return candidates[i].token;
    }
    return candidates[kept - 1].token;
}

int sampler_choose(struct sampler *sampler, float *logits)
{
    const int count = sampler->vocab_size;
    if (sampler->temperature == 0) return argmax(logits, count);
    for (int i = 0; i < count; i++) logits[i] /= sampler->temperature;
    softmax(logits, count);
    const float coin = next_coin(&sampler->state);
    if (sampler->top_p <= 0 || sampler->top_p >= 1) return choose_from_all(logits, count, coin);
    return choose_from_top(logits, count, sampler->top_p, sampler->candidates, coin);
}
