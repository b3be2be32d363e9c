/* The forward pass, in float32 and in float64. */
#ifndef FORWARD_H
#define FORWARD_H

#include "checkpoint.h"
#include "recorder.h"

/* One precision's forward pass. */
struct engine {
    /* Returns the buffers for `positions` positions, or null when there is no memory for them. */
    void *(*open)(const struct checkpoint *checkpoint, int positions);
    void (*close)(void *state);
    /* Runs the model on a token at a position, after all positions before it; writes logits: (vocab_size) in float32,
     * and hands the values of every site to the recorder, which may be null. */
    void (*forward)(void *state, int token, int position, struct recorder *recorder, float *logits);
};

/* float32, with int8 matmuls where the checkpoint is quantized: llama2.c's run and runq, bit for bit. */
extern const struct engine engine_f32;

/* float64 throughout; int8 weights are dequantized, activations are not quantized. */
extern const struct engine engine_f64;

#endif
