/* The run: token after token through the model, the text to an output, the values to a trace. */
#ifndef GENERATE_H
#define GENERATE_H

#include "forward.h"
#include "sampler.h"
#include "tokenizer.h"

/* Where text goes. A reader that has gone is not an error: the rest of the text is dropped. */
struct text_output {
    FILE *file;
    bool is_broken;
    int error; /* errno of any other failure, else 0 */
};

struct generation {
    const struct engine *engine;
    void *state; /* the engine's */
    const struct tokenizer *tokenizer; /* null: no text */
    struct sampler *sampler;
    struct recorder *recorder; /* null: no trace */
    struct text_output *text;
    const struct tokens *tokens; /* the prompt's, or those of every position */
    bool is_forced;              /* every token is given and none is chosen */
    int steps;
    int vocab_size;
    bool shows_progress;
    int positions;  /* out: forward passes made */
    double seconds; /* out: that they took */
};

/* Runs until `steps` passes are made, the next token is BOS, or nothing more can be written. */
bool generate(struct generation *generation, struct failure *failure);

#endif
