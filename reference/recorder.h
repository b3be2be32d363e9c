/* Turns a run into a trace file. */
#ifndef RECORDER_H
#define RECORDER_H

#include "checkpoint.h"
#include "sites.h"

/* The facts of a run that its trace's header states. */
struct run_description {
    const char *prompt; /* null where the tokens were given */
    const char *precision; /* f32, f64 or int8 */
    float temperature, top_p;
    long long seed;
    int steps;
};

struct recorder;

/* Starts a trace; "-" is standard output. Returns null, and says why, if it cannot be written.
 * The checkpoint and the selection must live as long as the recorder. */
struct recorder *recorder_open(const char *path, const char *producer, const struct checkpoint *checkpoint,
                               const struct selection *selection, const struct run_description *run,
                               struct failure *failure);

/* Writes the input token of a position. text: its piece, or null. Returns false after any error so far. */
bool recorder_token(struct recorder *recorder, int position, int token, const void *text, size_t size);

/* Writes the values of a site, if they were selected. layer is -1 outside the layers. The values are float32, or
 * float64 in a run of that precision; int8 for quantized values and float32 for their scales. */
void recorder_record(struct recorder *recorder, enum site site, int layer, int position, const void *values);

/* The same where there may be no recorder. */
static inline void record(struct recorder *recorder, enum site site, int layer, int position, const void *values)
{
    if (recorder) recorder_record(recorder, site, layer, position, values);
}

/* The number of records written so far. */
unsigned long long recorder_count(const struct recorder *recorder);

/* Completes the trace if `complete`, else leaves the partial file, and frees the recorder in any case.
 * Returns false after any error; *is_broken_pipe tells whether it was only that the reader had gone.
 * *size is the length of the trace in bytes, without its index. */
bool recorder_close(struct recorder *recorder, bool complete, bool *is_broken_pipe, unsigned long long *size,
                    struct failure *failure);

#endif
