#define _POSIX_C_SOURCE 200809L

#include "recorder.h"

#include "tracefile.h"

#include <math.h>

struct recorder {
    tracefile *trace;
    const struct checkpoint *checkpoint;
    const struct selection *selection;
    bool is_float64;
    unsigned long long count; /* of records */
    void *plain;       /* a record's values without signs of NaN; there once a record had one */
    size_t plain_size; /* in bytes */
    bool is_out_of_memory;
};

/* Sets the field `sites`: the selected names in order of execution. */
static void set_sites(tracefile *trace, const struct selection *selection)
{
    char names[SITE_COUNT * 24] = "";
    size_t size = 0;
    for (int i = 0; i < SITE_COUNT; i++) {
        if (!selection->sites[i]) continue;
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", size > 0 ? "," : "", site_table[i].name);
    }
    (void)tracefile_set_text(trace, "sites", names, size);
}

static void set_header(tracefile *trace, const struct checkpoint *checkpoint, const struct selection *selection,
                       const struct run_description *run)
{
    const struct configuration *config = &checkpoint->config;
    char fingerprint[17];
    (void)snprintf(fingerprint, sizeof fingerprint, "%016llx",
        (unsigned long long)tracefile_checksum(checkpoint->file.bytes, checkpoint->file.size));
    tracefile_set_text(trace, "checkpoint_fingerprint", fingerprint, 16);
    tracefile_set_int(trace, "checkpoint_version", checkpoint->version);
    tracefile_set_int(trace, "dim", config->dim);
    tracefile_set_int(trace, "hidden_dim", config->hidden_dim);
    tracefile_set_int(trace, "n_layers", config->n_layers);
    tracefile_set_int(trace, "n_heads", config->n_heads);
    tracefile_set_int(trace, "n_kv_heads", config->n_kv_heads);
    tracefile_set_int(trace, "vocab_size", config->vocab_size);
    tracefile_set_int(trace, "seq_len", config->seq_len);
    tracefile_set_int(trace, "shared_classifier", config->shared_classifier);
    if (checkpoint->version == 2) tracefile_set_int(trace, "group_size", config->group_size);
    tracefile_set_real(trace, "rms_norm_eps", 1e-5);
    tracefile_set_real(trace, "rope_base", 10000);
    tracefile_set_text(trace, "precision", run->precision, strlen(run->precision));
    tracefile_set_int(trace, "steps", run->steps);
    tracefile_set_int(trace, "first_layer", selection->first_layer);
    tracefile_set_int(trace, "last_layer", selection->last_layer);
    tracefile_set_int(trace, "first_position", selection->first_position);
    tracefile_set_int(trace, "last_position", selection->last_position);
    set_sites(trace, selection);
    if (!run->prompt) {
        tracefile_set_int(trace, "forced_tokens", 1);
        return;
    }
    tracefile_set_text(trace, "prompt", run->prompt, strlen(run->prompt));
    tracefile_set_real(trace, "temperature", (double)run->temperature);
    if (run->temperature > 0) {
        tracefile_set_real(trace, "top_p", (double)run->top_p);
        tracefile_set_int(trace, "seed", run->seed);
    }
}

/* Which of two NaN an operation passes on, and with which sign, depends on the compiler: recorded is the one that C calls NAN,
 * without sign or payload. The values, or a copy of them where there is a NaN; NULL where there is no memory for it. */
static const void *with_plain_nan(struct recorder *recorder, int dtype, const void *values, size_t count)
{
    const size_t size = dtype == TRACEFILE_FLOAT64 ? sizeof(double) : sizeof(float);
    const double *doubles = values;
    const float *floats = values;
    size_t first = 0;
    while (first < count && !(dtype == TRACEFILE_FLOAT64 ? isnan(doubles[first]) : isnan(floats[first]))) first++;
    if (first == count) return values;
    if (recorder->plain_size < count * size) {
        free(recorder->plain);
        recorder->plain = malloc(count * size);
        recorder->plain_size = recorder->plain ? count * size : 0;
        if (!recorder->plain) return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (dtype == TRACEFILE_FLOAT64) ((double *)recorder->plain)[i] = isnan(doubles[i]) ? (double)NAN : doubles[i];
        else ((float *)recorder->plain)[i] = isnan(floats[i]) ? NAN : floats[i];
    }
    return recorder->plain;
}

struct recorder *recorder_open(const char *path, const char *producer, const struct checkpoint *checkpoint,
                               const struct selection *selection, const struct run_description *run,
                               struct failure *failure)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder) {
        fail(failure, "out of memory");
        return NULL;
    }
    recorder->trace = tracefile_open(path, producer);
    recorder->checkpoint = checkpoint;
    recorder->selection = selection;
    recorder->is_float64 = strcmp(run->precision, "f64") == 0;
    if (!tracefile_error(recorder->trace)) set_header(recorder->trace, checkpoint, selection, run);
    if (tracefile_error(recorder->trace)) {
        fail(failure, "%s", tracefile_error(recorder->trace));
        tracefile_abandon(recorder->trace);
        free(recorder->plain);
        free(recorder);
        return NULL;
    }
    return recorder;
}

bool recorder_token(struct recorder *recorder, int position, int token, const void *text, size_t size)
{
    return tracefile_token(recorder->trace, position, token, text, size) == 0;
}

void recorder_record(struct recorder *recorder, enum site site, int layer, int position, const void *values)
{
    const struct configuration *config = &recorder->checkpoint->config;
    const struct site_description *description = &site_table[site];
    int dtype = recorder->is_float64 ? TRACEFILE_FLOAT64 : TRACEFILE_FLOAT32, rank = 1;
    int dims[2] = {0, 0};
    if (!selection_wants(recorder->selection, site, layer, position)) return;
    switch (description->shape) {
    case SHAPE_DIM: dims[0] = config->dim; break;
    case SHAPE_KV_DIM: dims[0] = config->kv_dim; break;
    case SHAPE_HIDDEN_DIM: dims[0] = config->hidden_dim; break;
    case SHAPE_VOCABULARY: dims[0] = config->vocab_size; break;
    case SHAPE_DIM_GROUPS: dims[0] = config->dim / config->group_size; break;
    case SHAPE_HIDDEN_GROUPS: dims[0] = config->hidden_dim / config->group_size; break;
    case SHAPE_ATTENTION:
        rank = 2;
        dims[0] = config->n_heads;
        dims[1] = position + 1;
        break;
    }
    if (description->values == QUANTIZED_VALUES) dtype = TRACEFILE_INT8;
    if (description->values == QUANTIZED_SCALES) dtype = TRACEFILE_FLOAT32;
    const uint32_t sizes[2] = {(uint32_t)dims[0], (uint32_t)dims[1]};
    const char *name = description->name;
    if (dtype != TRACEFILE_INT8)
        values = with_plain_nan(recorder, dtype, values, (size_t)dims[0] * (size_t)(rank == 2 ? dims[1] : 1));
    if (!values) recorder->is_out_of_memory = true;
    if (recorder->is_out_of_memory) return;
    if (tracefile_record(recorder->trace, name, layer, position, dtype, rank, sizes, values) == 0) recorder->count++;
}

unsigned long long recorder_count(const struct recorder *recorder)
{
    return recorder->count;
}

bool recorder_close(struct recorder *recorder, bool complete, bool *is_broken_pipe, unsigned long long *size,
                    struct failure *failure)
{
    tracefile *trace = recorder->trace;
    bool good = !tracefile_error(trace) && !recorder->is_out_of_memory;
    *is_broken_pipe = false;
    *size = tracefile_size(trace);
    if (good && complete) {
        good = tracefile_close(trace) == 0;
        if (good) trace = NULL;
    }
    if (!good) {
        *is_broken_pipe = tracefile_errno(trace) == EPIPE;
        const char *message = tracefile_error(trace);
        if (!message && recorder->is_out_of_memory) message = "out of memory";
        fail(failure, "%s", message ? message : "the trace could not be written");
    }
    tracefile_abandon(trace);
    free(recorder->plain);
    free(recorder);
    return good;
}
