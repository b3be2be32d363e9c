#define _POSIX_C_SOURCE 200809L

#include "generate.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void write_text(struct text_output *text, const void *bytes, size_t size)
{
    if (text->is_broken || text->error != 0 || size == 0) return;
    errno = 0;
    if (fwrite(bytes, 1, size, text->file) == size && fflush(text->file) == 0) return;
    if (errno == EPIPE) text->is_broken = true;
    else text->error = errno != 0 ? errno : EIO;
}

/* Prints a token as it reads after another; -1: after nothing. */
static void write_token(const struct generation *generation, int previous, int token)
{
    unsigned char byte = 0;
    if (!generation->tokenizer) return;
    const struct piece piece = tokenizer_decode(generation->tokenizer, previous, token, &byte);
    write_text(generation->text, piece.bytes, piece.size);
}

static bool record_token(const struct generation *generation, int position, int token)
{
    const struct piece *piece = generation->tokenizer ? &generation->tokenizer->pieces[token] : NULL;
    if (!generation->recorder) return true;
    return recorder_token(generation->recorder, position, token, piece ? piece->bytes : NULL, piece ? piece->size : 0);
}

static void show_progress(const struct generation *generation, double elapsed, double *shown)
{
    if (!generation->shows_progress || elapsed - *shown < 1) return;
    *shown = elapsed;
    (void)fprintf(stderr, "\rposition %d of %d, %.1f tokens/s ", generation->positions, generation->steps,
        generation->positions / elapsed);
}

bool generate(struct generation *generation, struct failure *failure)
{
    const struct tokens *tokens = generation->tokens;
    float *logits = calloc((size_t)generation->vocab_size, sizeof *logits); /* (vocab_size) */
    const double start = now();
    double shown = 0;
    int token = tokens->ids[0], previous = -1;
    bool is_recorded = true;
    if (!logits) return fail(failure, "out of memory");
    for (int position = 0; position < generation->steps; position++) {
        const size_t next_position = (size_t)position + 1;
        is_recorded = record_token(generation, position, token);
        if (!is_recorded) break;
        generation->engine->forward(generation->state, token, position, generation->recorder, logits);
        generation->positions = position + 1;
        if (generation->is_forced) {
            if (position > 0 || token != TOKEN_BOS) write_token(generation, previous, token);
            previous = token;
            if (next_position < tokens->count) token = tokens->ids[next_position];
        } else {
            const bool is_prompt = next_position < tokens->count;
            const int next = is_prompt ? tokens->ids[next_position] : sampler_choose(generation->sampler, logits);
            if (next == TOKEN_BOS) break;
            write_token(generation, token, next);
            token = next;
        }
        if (generation->text->is_broken && !generation->recorder) break;
        show_progress(generation, now() - start, &shown);
    }
    generation->seconds = now() - start;
    if (shown > 0) (void)fprintf(stderr, "\r%60s\r", "");
    if (generation->tokenizer && is_recorded) write_text(generation->text, "\n", 1);
    free(logits);
    return true;
}
