/* Uses of tracefile.h that the tests look at: emitter CASE ARGUMENT... Built as C99 and, where there is a compiler for
 * it, as C++17. What a case finds out goes to standard output; Tests/Python/test_emitter.py reads it and the traces. */
#include <signal.h>

#include "tracefile.h"

static int report(tracefile *trace, int result) {
    const char *error = tracefile_error(trace);
    printf("%d %d %s\n", result, tracefile_errno(trace), error ? error : "-");
    tracefile_abandon(trace);
    return 0;
}

/* The worked example of docs/trace-format.md. */
static int example(const char *path) {
    const float values[2] = {1, -2.5f};
    tracefile *trace = tracefile_open(path, "hexample 1");
    tracefile_set_text(trace, "precision", "f32", 3); /* fields are sorted by the emitter */
    tracefile_set_int(trace, "dim", 2);
    tracefile_token(trace, 0, 1, "\n<s>\n", 5);
    tracefile_vector(trace, "x.embed", -1, 0, values, 2);
    return tracefile_close(trace) != 0;
}

static int describe(const char *path, const char *checkpoint) {
    tracefile *trace = tracefile_open(path, "describe");
    if (tracefile_describe_checkpoint(trace, checkpoint) != 0 || tracefile_close(trace) != 0) return report(trace, -1);
    puts("0");
    return 0;
}

/* Every element type and rank, names and positions in no order, extents of 0. */
static int types(const char *path) {
    static const uint16_t halves[6] = {0x3C00, 0xC100, 0x7C00, 0x8000, 0x0001, 0x3555};
    static const uint16_t brains[6] = {0x3F80, 0xC020, 0x7F80, 0x8000, 0x0001, 0x3EAB};
    static const double doubles[3] = {0.1, -1e300, 5e-324};
    static const signed char bytes[4] = {-128, -1, 0, 127};
    static const float scalar = 1.5f, matrix[6] = {1, 2, 3, 4, 5, 6};
    static const uint32_t dims3[3] = {1, 2, 3}, dims4[4] = {3, 1, 2, 1}, one[1] = {3};
    static const uint32_t two[2] = {2, 2}, none[2] = {0, 7};
    tracefile *trace = tracefile_open(path, "types");
    tracefile_token(trace, 5, 7, NULL, 0);
    tracefile_record(trace, "half", 3, 5, TRACEFILE_FLOAT16, 3, dims3, halves);
    tracefile_token(trace, 2, 8, "", 0);
    tracefile_record(trace, "logits", -1, 2, TRACEFILE_FLOAT32, 0, NULL, &scalar);
    tracefile_record(trace, "brain", 1, 5, TRACEFILE_BFLOAT16, 4, dims4, brains);
    tracefile_record(trace, "brain", 0, 2, TRACEFILE_BFLOAT16, 4, dims4, brains);
    tracefile_matrix(trace, "att.scores", 0, 2, matrix, 2, 3);
    tracefile_record(trace, "a.double", -1, 5, TRACEFILE_FLOAT64, 1, one, doubles);
    tracefile_record(trace, "x.embed", -1, 2, TRACEFILE_INT8, 2, two, bytes);
    tracefile_record(trace, "half", 0, 5, TRACEFILE_FLOAT32, 2, none, NULL);
    return tracefile_close(trace) != 0;
}

/* One record twice, among others that differ from it in the name, the layer or the position alone. */
static int twice(const char *path, int layer) {
    const float value = 1;
    tracefile *trace = tracefile_open(path, "twice");
    int position, i;
    for (position = 0; position < 3; position++) tracefile_token(trace, position, 1, NULL, 0);
    for (i = -1; i < 40; i++) tracefile_vector(trace, "a", i, 1, &value, 1);
    for (i = -1; i < 40; i++) tracefile_vector(trace, "b", i, 1, &value, 1);
    for (i = -1; i < 40; i++) tracefile_vector(trace, "a", i, 2, &value, 1);
    if (layer >= -1) tracefile_vector(trace, "a", layer, 2, &value, 1);
    if (tracefile_close(trace) != 0) return report(trace, -1);
    puts("0");
    return 0;
}

/* Each of these calls is wrong; a good one after it does nothing. */
static int wrong(const char *path, int number) {
    const float values[4] = {0, 0, 0, 0};
    const uint32_t large[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    tracefile *trace = tracefile_open(path, number == 0 ? "" : number == 1 ? "\xff" : "wrong");
    int result = -1;
    if (number >= 8) tracefile_token(trace, 0, 1, NULL, 0);
    switch (number) {
    case 0: case 1: break;
    case 2: result = tracefile_set_int(trace, "producer", 1); break;
    case 3: result = tracefile_set_int(trace, "Dim", 1); break;
    case 4: result = tracefile_set_real(trace, "dim", 1); break;
    case 5: result = tracefile_token(trace, -1, 1, NULL, 0); break;
    case 6: result = tracefile_token(trace, 0, -1, NULL, 0); break;
    case 7: result = tracefile_vector(trace, "a", 0, 0, values, 4); break;
    case 8: result = tracefile_set_int(trace, "dim", 1); break;
    case 9: result = tracefile_token(trace, 0, 1, NULL, 0); break;
    case 10: result = tracefile_vector(trace, "", 0, 0, values, 4); break;
    case 11: result = tracefile_vector(trace, "a b", 0, 0, values, 4); break;
    case 12: result = tracefile_vector(trace, "a", -2, 0, values, 4); break;
    case 13: result = tracefile_vector(trace, "a", 0, 1, values, 4); break;
    case 14: result = tracefile_record(trace, "a", 0, 0, 6, 1, large, values); break;
    case 15: result = tracefile_record(trace, "a", 0, 0, 1, 5, large, values); break;
    case 16: result = tracefile_record(trace, "a", 0, 0, 1, 4, large, values); break;
    case 17: result = tracefile_vector(trace, "a", 0, 0, NULL, 4); break;
    case 18: result = tracefile_describe_checkpoint(trace, path); break;
    default: return 3;
    }
    if (tracefile_vector(trace, "a", 0, 0, values, 4) != -1 || tracefile_close(trace) != -1) return 4;
    return report(trace, result);
}

/* A null trace is an error and nothing else. */
static int null(void) {
    const float value = 1;
    if (tracefile_set_int(NULL, "dim", 1) != -1 || tracefile_describe_checkpoint(NULL, "x") != -1) return 1;
    if (tracefile_token(NULL, 0, 1, NULL, 0) != -1 || tracefile_vector(NULL, "a", 0, 0, &value, 1) != -1) return 1;
    if (tracefile_matrix(NULL, "a", 0, 0, &value, 1, 1) != -1 || tracefile_close(NULL) != -1) return 1;
    if (tracefile_size(NULL) != 0) return 1;
    return report(NULL, 0);
}

/* Tokens at positions in no order and far apart, and every one of them once more, which is refused. */
static int far(const char *path) {
    static const int positions[] = {2147483647, 0, 2, 1, 1000000000, 999999999, 1000000001, 7, 5, 6, 3};
    const int count = (int)(sizeof positions / sizeof *positions);
    int i, again;
    for (again = -1; again < count; again++) {
        tracefile *trace = tracefile_open(path, "far");
        for (i = 0; i < count; i++) tracefile_token(trace, positions[i], i, NULL, 0);
        if (again >= 0) {
            if (tracefile_error(trace) || tracefile_token(trace, positions[again], 1, NULL, 0) != -1) return 1;
            tracefile_abandon(trace);
        } else if (tracefile_close(trace) != 0) {
            return report(trace, -1);
        }
    }
    puts("0");
    return 0;
}

/* What a port prints with its standard output and error closed must not land in its trace. */
static int closed(const char *path) {
    tracefile *trace;
    (void)close(STDOUT_FILENO);
    (void)close(STDERR_FILENO);
    trace = tracefile_open(path, "closed");
    puts("noise");
    fflush(stdout);
    fputs("noise", stderr);
    tracefile_token(trace, 0, 1, NULL, 0);
    puts("more noise");
    fflush(stdout);
    return tracefile_close(trace) != 0;
}

/* More than a full device, or a file of limited size, has room for. */
static int full(const char *path) {
    float values[1024];
    tracefile *trace = tracefile_open(path, "full");
    int layer;
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, SIG_IGN);
#endif
    memset(values, 0, sizeof values);
    tracefile_token(trace, 0, 1, NULL, 0);
    for (layer = 0; layer < 16; layer++) tracefile_vector(trace, "a", layer, 0, values, 1024);
    if (tracefile_close(trace) != 0) return report(trace, -1);
    puts("0");
    return 0;
}

/* Acknowledges the header and the token with a byte on standard output, then each record; never closes the trace. */
static int acknowledge(const char *path, int count) {
    float values[300];
    tracefile *trace = tracefile_open(path, "acknowledge");
    int i;
    memset(values, 0, sizeof values);
    tracefile_token(trace, 0, 1, NULL, 0);
    for (i = 0; i < count; i++) {
        values[0] = (float)i;
        if (tracefile_vector(trace, "a", i, 0, values, 300) != 0) return 1;
        if (write(STDOUT_FILENO, "", 1) != 1) return 1;
    }
    abort(); /* what an aborted program held back is lost */
}

/* The greatest memory of the process so far, in bytes; 0 where Linux's /proc does not say. (getrusage would also count
 * the process before exec.) */
static long peak_memory(void) {
    char line[128];
    long size = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmHWM:", 6) == 0) size = 1024 * atol(line + 6);
    }
    fclose(file);
    return size;
}

/* Many records and a token for every other position; prints how much memory all of them took, closing included. */
static int many(const char *path, int count) {
    const float value = 1;
    const long before = peak_memory();
    tracefile *trace = tracefile_open(path, "many");
    int i;
    for (i = 0; i < count; i++) {
        tracefile_token(trace, 2 * i, 1, NULL, 0);
        tracefile_vector(trace, "a", i % 7, 2 * i, &value, 1);
    }
    if (tracefile_close(trace) != 0) return report(trace, -1);
    printf("%ld\n", peak_memory() - before);
    return 0;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : NULL, *more = argc > 3 ? argv[3] : "";
    if (strcmp(name, "example") == 0) return example(path);
    if (strcmp(name, "describe") == 0) return describe(path, more);
    if (strcmp(name, "types") == 0) return types(path);
    if (strcmp(name, "twice") == 0) return twice(path, atoi(more));
    if (strcmp(name, "wrong") == 0) return wrong(path, atoi(more));
    if (strcmp(name, "null") == 0) return null();
    if (strcmp(name, "far") == 0) return far(path);
    if (strcmp(name, "closed") == 0) return closed(path);
    if (strcmp(name, "full") == 0) return full(path);
    if (strcmp(name, "many") == 0) return many(path, atoi(more));
    if (strcmp(name, "acknowledge") == 0) return acknowledge(path, atoi(more));
    fprintf(stderr, "emitter: no such case\n");
    return 2;
}
