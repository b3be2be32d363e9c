/* tracefile.h - writes trace files, version 1 (docs/trace-format.md), from C99 or C++, with nothing but a POSIX libc.
 *
 * Include it in one source file of your port and call it after each step of the forward pass:
 *
 *     tracefile *trace = tracefile_open("port.trace", "myport 1.2");
 *     tracefile_describe_checkpoint(trace, "stories15M.bin");         // optional
 *     ...
 *     tracefile_token(trace, position, token, NULL, 0);               // before the first record of the position
 *     tracefile_vector(trace, "q.rope", layer, position, q, dim);     // as often as you like
 *     ...
 *     if (tracefile_close(trace) != 0) {
 *         fprintf(stderr, "%s\n", tracefile_error(trace));
 *         tracefile_abandon(trace);
 *     }
 *
 * Errors are sticky: after the first one every call returns -1 and does nothing, so checking the result of
 * tracefile_close is enough. A null trace is allowed everywhere and counts as an error.
 *
 * A record is handed to the kernel before its call returns; a port that crashes later loses nothing. Until it is
 * closed, a regular file is called PATH.partial. Memory grows by at most 64 bytes per record. A trace is not
 * thread-safe. Writing to a pipe whose reader has gone raises SIGPIPE, and writing beyond the limit of a file's size
 * SIGXFSZ, unless the program ignores these signals.
 * The header is written by the first token; the index and the tail, by tracefile_close, which also checks that nothing
 * was recorded twice.
 *
 * It calls open, writev, fcntl, poll and stat of POSIX.1-2008 (Linux, macOS, the BSDs) and needs a little-endian
 * machine. No feature macro has to be defined, not even with -std=c99; it does not compile on Windows.
 */
#ifndef TRACEFILE_H
#define TRACEFILE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tracefile.h writes values as they are in memory and needs a little-endian machine"
#endif

#if defined(__GNUC__)
#define TRACEFILE_PRINTF __attribute__((format(printf, 3, 4)))
#else
#define TRACEFILE_PRINTF
#endif

/* Element types of a record. Values are stored as they are in memory. */
enum { TRACEFILE_FLOAT32 = 1, TRACEFILE_FLOAT64, TRACEFILE_FLOAT16, TRACEFILE_BFLOAT16, TRACEFILE_INT8 };

/* A header field, encoded as the file holds it: type, length of the name, name, value. */
typedef struct {
    char name[65];
    unsigned char *bytes;
    size_t size;
} tracefile_field;

/* One entry of the index, as the file holds it. */
typedef struct {
    uint64_t offset;
    uint32_t name; /* index into names; 0xFFFFFFFF for a token */
    int32_t layer;
    uint32_t position, zero;
} tracefile_entry;

/* Positions that have a token: a run of them without a gap, both ends included. */
typedef struct {
    uint32_t first, last;
} tracefile_run;

/* A trace that is being written. Its members are private. */
typedef struct {
    int file;
    int has_header;
    int error_number; /* errno of a failed system call, else 0 */
    char message[512];
    char *path;    /* the final name */
    char *partial; /* the name while writing; null if the target is written directly */
    uint64_t offset;
    unsigned char producer[64];
    tracefile_field *fields; /* sorted by name */
    char **names;
    tracefile_entry *entries;
    tracefile_run *runs; /* ascending, with a gap between any two */
    size_t field_count, name_count, name_capacity, last_name, entry_count, entry_capacity, run_count, run_capacity;
} tracefile;

/* ---- Checksum ---- */

/* A checksum over bytes that arrive in pieces. Start from all zeros. */
typedef struct {
    uint64_t sum, words, bytes;
    unsigned char rest[8]; /* the bytes % 8 that do not make a word yet */
} tracefile_sum;

static inline uint64_t tracefile_sum_word(const unsigned char *bytes, uint64_t key) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    word ^= key;
    word ^= word >> 32;
    word *= 0x9FB21C65u;
    return word ^ word >> 29;
}

/* Adds `size` bytes, in four sums side by side: the terms are independent, and one sum would wait for its own adds. */
static inline void tracefile_sum_add(tracefile_sum *state, const void *data, size_t size) {
    const uint64_t step = UINT64_C(0x9E3779B97F4A7C15);
    const unsigned char *bytes = (const unsigned char *)data;
    uint64_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, key;
    size_t filled = (size_t)(state->bytes % 8), words, i;
    if (size == 0) return;
    state->bytes += size;
    if (filled > 0) {
        size_t taken = size < 8 - filled ? size : 8 - filled;
        memcpy(state->rest + filled, bytes, taken);
        if (filled + taken < 8) return;
        state->sum += tracefile_sum_word(state->rest, ++state->words * step);
        bytes += taken;
        size -= taken;
    }
    words = size / 8;
    key = state->words * step;
    for (i = 0; i + 4 <= words; i += 4) {
        sum0 += tracefile_sum_word(bytes, key + step);
        sum1 += tracefile_sum_word(bytes + 8, key + 2 * step);
        sum2 += tracefile_sum_word(bytes + 16, key + 3 * step);
        sum3 += tracefile_sum_word(bytes + 24, key + 4 * step);
        key += 4 * step;
        bytes += 32;
    }
    for (; i < words; i++) {
        sum0 += tracefile_sum_word(bytes, key += step);
        bytes += 8;
    }
    state->sum += sum0 + sum1 + sum2 + sum3;
    state->words += words;
    memcpy(state->rest, bytes, size % 8);
}

/* Returns the checksum of everything added. */
static inline uint64_t tracefile_sum_finish(tracefile_sum *state) {
    const uint64_t step = UINT64_C(0x9E3779B97F4A7C15);
    size_t filled = (size_t)(state->bytes % 8);
    uint64_t hash;
    if (filled > 0) {
        memset(state->rest + filled, 0, 8 - filled);
        state->sum += tracefile_sum_word(state->rest, ++state->words * step);
    }
    hash = state->sum ^ state->bytes * step;
    hash ^= hash >> 33;
    hash *= UINT64_C(0xFF51AFD7ED558CCD);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xC4CEB9FE1A85EC53);
    return hash ^ hash >> 33;
}

/* Returns the checksum of `size` bytes: the function of chunks and of checkpoint fingerprints. */
static inline uint64_t tracefile_checksum(const void *data, size_t size) {
    tracefile_sum state;
    memset(&state, 0, sizeof state);
    tracefile_sum_add(&state, data, size);
    return tracefile_sum_finish(&state);
}

/* ---- Errors ---- */

/* Returns the message of the first error, or null if there was none. It lives as long as the trace. */
static inline const char *tracefile_error(const tracefile *trace) {
    if (!trace) return "out of memory";
    return trace->message[0] ? trace->message : NULL;
}

/* Returns the errno of the system call behind the first error, or 0: EPIPE, ENOSPC, ... */
static inline int tracefile_errno(const tracefile *trace) {
    return trace ? trace->error_number : ENOMEM;
}

/* Returns the number of bytes written so far. */
static inline uint64_t tracefile_size(const tracefile *trace) {
    return trace ? trace->offset : 0;
}

TRACEFILE_PRINTF
static inline int tracefile_fail(tracefile *trace, int error_number, const char *format, ...) {
    va_list arguments;
    if (!trace || trace->message[0]) return -1;
    va_start(arguments, format);
    (void)vsnprintf(trace->message, sizeof trace->message, format, arguments);
    va_end(arguments);
    trace->error_number = error_number;
    return -1;
}

static inline int tracefile_fail_memory(tracefile *trace) {
    return tracefile_fail(trace, ENOMEM, "%s: out of memory", trace->path);
}

/* ---- Opening ---- */

static inline char *tracefile_join(const char *first, size_t length, const char *second) {
    size_t more = strlen(second);
    char *joined = (char *)malloc(length + more + 1);
    if (!joined) return NULL;
    memcpy(joined, first, length);
    memcpy(joined + length, second, more + 1);
    return joined;
}

static inline int tracefile_is_utf8(const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        unsigned lead = *p++, low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80; /* no overlong forms */
        unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF; /* no surrogates, nothing above 10FFFF */
        int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4) return 0;
        for (; more > 0; more--, p++, low = 0x80, high = 0xBF) {
            if (*p < low || *p > high) return 0;
        }
    }
    return 1;
}

/* Opens a file for writing, never as standard input, output or error: where one of these is closed, the next file gets
 * its number, and whatever the program prints would go into the trace. A file that is `fresh` replaces one of its name:
 * that is unlinked and not truncated, because somebody may have mapped it. Returns -1 with errno set. */
static inline int tracefile_open_file(const char *name, int fresh) {
    int file, moved, error;
    if (fresh && unlink(name) != 0 && errno != ENOENT) return -1;
    file = open(name, O_WRONLY | O_CREAT | (fresh ? O_EXCL : O_TRUNC), 0666);
    if (file < 0 || file > STDERR_FILENO) return file;
#ifdef F_DUPFD_CLOEXEC
    moved = fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
#else
    moved = fcntl(file, F_DUPFD, STDERR_FILENO + 1);
#endif
    error = errno;
    (void)close(file);
    errno = error;
    return moved;
}

/* Starts a trace.
 * path: the file to write, or "-" for standard output. A pipe or a device is written directly.
 * producer: name and version of the program, 1 to 64 bytes of UTF-8.
 * Returns the trace, or null when there is no memory for it; whether it could be opened is in tracefile_error. */
static inline tracefile *tracefile_open(const char *path, const char *producer) {
    tracefile *trace = (tracefile *)calloc(1, sizeof *trace);
    struct stat status;
    size_t length = producer ? strlen(producer) : 0;
    if (!trace) return NULL;
    trace->file = -1;
    trace->path = tracefile_join(path ? path : "", path ? strlen(path) : 0, "");
    if (!trace->path) {
        free(trace);
        return NULL;
    }
    if (!path || !*path) {
        tracefile_fail(trace, 0, "the name of the trace file is empty");
    } else if (length < 1 || length > sizeof trace->producer || !tracefile_is_utf8(producer)) {
        tracefile_fail(trace, 0, "%s: the producer must be 1 to 64 bytes of UTF-8", path);
    } else if (strcmp(path, "-") == 0) {
        trace->file = STDOUT_FILENO;
    } else {
        /* A name for a file that is already open, like /dev/stdout, cannot be replaced by renaming. */
        int direct = strncmp(path, "/dev/std", 8) == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
                     strncmp(path, "/proc/", 6) == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode));
        const char *name = path;
        if (!direct) {
            trace->partial = tracefile_join(path, strlen(path), ".partial");
            if (!trace->partial) tracefile_fail_memory(trace);
            name = trace->partial;
        }
        if (name) {
            trace->file = tracefile_open_file(name, !direct);
            if (trace->file < 0) tracefile_fail(trace, errno, "%s: %s", name, strerror(errno));
        }
    }
    if (!trace->message[0]) memcpy(trace->producer, producer, length);
    return trace;
}

/* ---- Header fields ---- */

/* Returns the type that the format gives to a field name, or 0 for a name that is free. */
static inline char tracefile_field_type(const char *name) {
    static const char *const types[3] = {
        ("i checkpoint_version dim hidden_dim n_layers n_heads n_kv_heads vocab_size seq_len first_layer last_layer "
         "first_position last_position forced_tokens group_size part parts seed shared_classifier steps "),
        "r rms_norm_eps rope_base temperature top_p ", "t checkpoint_fingerprint precision prompt sites "};
    char word[67];
    int i;
    snprintf(word, sizeof word, " %s ", name);
    for (i = 0; i < 3; i++) {
        if (strstr(types[i], word)) return types[i][0];
    }
    return 0;
}

/* Adds or replaces a field; `value` is its value as the file holds it, less a text's length. */
static inline int tracefile_set(tracefile *trace, const char *name, char type, const void *value, size_t length) {
    const size_t name_length = name ? strlen(name) : 0, prefix = 2 + name_length + (type == 't' ? 4 : 0);
    const uint32_t text_length = (uint32_t)length;
    unsigned char *bytes;
    char known;
    size_t i;
    if (!trace || trace->message[0]) return -1;
    if (trace->has_header) return tracefile_fail(trace, 0, "%s: a header field comes too late", trace->path);
    if (name_length < 1 || name_length > 64 || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]) {
        return tracefile_fail(trace, 0, "%s: a header field's name must be 1 to 64 of a-z, 0-9 and _", trace->path);
    }
    if (strcmp(name, "producer") == 0) {
        return tracefile_fail(trace, 0, "%s: header field producer: the name is reserved, give it to tracefile_open",
            trace->path);
    }
    known = tracefile_field_type(name);
    if (known && known != type) {
        return tracefile_fail(trace, 0, "%s: header field %s: expected type %c, not %c", trace->path, name, known,
            type);
    }
    if (length > 16777216 || (length > 0 && !value)) {
        return tracefile_fail(trace, 0, "%s: header field %s is too long or has no value", trace->path, name);
    }
    for (i = 0; i < trace->field_count && strcmp(trace->fields[i].name, name) < 0; i++) {}
    if (i == trace->field_count || strcmp(trace->fields[i].name, name) != 0) {
        tracefile_field *grown =
            (tracefile_field *)realloc(trace->fields, (trace->field_count + 1) * sizeof *trace->fields);
        if (!grown) return tracefile_fail_memory(trace);
        trace->fields = grown;
        memmove(grown + i + 1, grown + i, (trace->field_count - i) * sizeof *grown);
        trace->field_count++;
        memset(&grown[i], 0, sizeof *grown);
        memcpy(grown[i].name, name, name_length);
    }
    bytes = (unsigned char *)malloc(prefix + length);
    if (!bytes) return tracefile_fail_memory(trace);
    bytes[0] = (unsigned char)type;
    bytes[1] = (unsigned char)name_length;
    memcpy(bytes + 2, name, name_length);
    if (type == 't') memcpy(bytes + prefix - 4, &text_length, 4);
    if (length > 0) memcpy(bytes + prefix, value, length);
    free(trace->fields[i].bytes);
    trace->fields[i].bytes = bytes;
    trace->fields[i].size = prefix + length;
    return 0;
}

/* Set a header field (names, types and meanings: docs/trace-format.md), before the first token. Return 0, or -1. */
static inline int tracefile_set_int(tracefile *trace, const char *name, int64_t value) {
    return tracefile_set(trace, name, 'i', &value, sizeof value);
}

static inline int tracefile_set_real(tracefile *trace, const char *name, double value) {
    return tracefile_set(trace, name, 'r', &value, sizeof value);
}

static inline int tracefile_set_text(tracefile *trace, const char *name, const void *bytes, size_t length) {
    return tracefile_set(trace, name, 't', bytes, length);
}

/* ---- Checkpoints ---- */

/* What is wrong with a checkpoint. Returns -1. */
static inline int tracefile_misfit(tracefile *trace, const char *path, unsigned offset, const char *what,
                                   const char *expected, long long found) {
    return tracefile_fail(trace, 0, "%s: offset %u: %s: expected %s, found %lld", path, offset, what, expected, found);
}

/* a * b + c, or the greatest number where that is too large: no file is so long. */
static inline uint64_t tracefile_multiply_add(uint64_t a, uint64_t b, uint64_t c) {
    return b != 0 && a > (UINT64_MAX - c) / b ? UINT64_MAX : a * b + c;
}

/* A checkpoint's sizes, as its header has them; vocab_size is positive. */
typedef struct {
    int32_t version, shared, group_size; /* group_size is 0 unless the weights are int8 */
    int32_t sizes[7];                    /* dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len */
    uint64_t length;                     /* of the whole file */
} tracefile_checkpoint;

static inline const char *tracefile_size_name(size_t i) {
    static const char *const names[7] = {
        "dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"};
    return names[i];
}

/* Adds the length of `times` matrices of `rows` x `columns` weights. Returns 0, or -1. */
static inline int tracefile_add_matrices(tracefile *trace, const char *path, tracefile_checkpoint *checkpoint,
                                         int64_t times, int64_t rows, int64_t columns) {
    const uint64_t count = (uint64_t)rows * (uint64_t)columns, group = (uint64_t)checkpoint->group_size;
    uint64_t size = tracefile_multiply_add(count, 4, 0);
    if (times == 0) return 0;
    if (group > 0) {
        char expected[64];
        snprintf(expected, sizeof expected, "a divisor of %lld x %lld weights", (long long)rows, (long long)columns);
        if (count % group != 0) return tracefile_misfit(trace, path, 37, "group size", expected, (long long)group);
        size = tracefile_multiply_add(count / group, 4, count);
    }
    checkpoint->length = tracefile_multiply_add(size, (uint64_t)times, checkpoint->length);
    return 0;
}

/* Reads the sizes from the first `have` bytes of a checkpoint, checks them, and computes the length of the file.
 * Returns 0, or -1. */
static inline int tracefile_parse_checkpoint(tracefile *trace, const char *path, const unsigned char *head, size_t have,
                                             tracefile_checkpoint *checkpoint) {
    const int32_t *sizes = checkpoint->sizes;
    const int has_magic = have >= 4 && memcmp(head, "24ka", 4) == 0; /* of versions 1 and 2: 0x616b3432 */
    const unsigned base = has_magic ? 8 : 0;
    const size_t head_size = has_magic ? 256 : 28;
    int32_t layers, dim, hidden_dim, kv_dim, vocab_size, head_dim;
    char expected[64];
    size_t i;
    memset(checkpoint, 0, sizeof *checkpoint);
    if (have < head_size) {
        return tracefile_fail(trace, 0, "%s: offset %u: expected a header of %u bytes, found the end of the file", path,
            (unsigned)have, (unsigned)head_size);
    }
    if (has_magic) memcpy(&checkpoint->version, head + 4, 4);
    if (has_magic && checkpoint->version != 1 && checkpoint->version != 2) {
        return tracefile_misfit(trace, path, 4, "version", "1 or 2", checkpoint->version);
    }
    memcpy(checkpoint->sizes, head + base, sizeof checkpoint->sizes);
    checkpoint->shared = has_magic ? head[36] : sizes[5] > 0;
    if (!has_magic && sizes[5] < 0 && sizes[5] != INT32_MIN) checkpoint->sizes[5] = -sizes[5];
    for (i = 0; i < 7; i++) {
        if (sizes[i] > 0) continue;
        return tracefile_misfit(trace, path, base + 4 * (unsigned)i, tracefile_size_name(i), "a positive number",
            sizes[i]);
    }
    if (sizes[0] % sizes[3] != 0) {
        snprintf(expected, sizeof expected, "a divisor of dim %d", (int)sizes[0]);
        return tracefile_misfit(trace, path, base + 12, "n_heads", expected, sizes[3]);
    }
    if (sizes[3] % sizes[4] != 0) {
        snprintf(expected, sizeof expected, "a divisor of n_heads %d", (int)sizes[3]);
        return tracefile_misfit(trace, path, base + 16, "n_kv_heads", expected, sizes[4]);
    }
    head_dim = sizes[0] / sizes[3];
    if (head_dim % 2 != 0) {
        return tracefile_misfit(trace, path, base + 12, "head size (dim / n_heads)", "an even number", head_dim);
    }
    if (checkpoint->shared > 1) {
        return tracefile_misfit(trace, path, 36, "shared classifier", "0 or 1", checkpoint->shared);
    }
    if (checkpoint->version == 2) {
        memcpy(&checkpoint->group_size, head + 37, 4);
        if (checkpoint->group_size <= 0) {
            return tracefile_misfit(trace, path, 37, "group size", "a positive number", checkpoint->group_size);
        }
    }
    dim = sizes[0], hidden_dim = sizes[1], layers = sizes[2], kv_dim = head_dim * sizes[4], vocab_size = sizes[5];
    /* the norms, and in version 0 two tables of (seq_len, head size / 2) */
    checkpoint->length = tracefile_multiply_add(2 * (uint64_t)layers + 1, 4 * (uint64_t)dim, head_size);
    if (!has_magic) {
        checkpoint->length = tracefile_multiply_add((uint64_t)sizes[6] * 4, (uint64_t)head_dim, checkpoint->length);
    }
    if (tracefile_add_matrices(trace, path, checkpoint, checkpoint->shared ? 1 : 2, vocab_size, dim) != 0 ||
        tracefile_add_matrices(trace, path, checkpoint, 2 * (int64_t)layers, dim, dim) != 0 ||
        tracefile_add_matrices(trace, path, checkpoint, 2 * (int64_t)layers, kv_dim, dim) != 0 ||
        tracefile_add_matrices(trace, path, checkpoint, 3 * (int64_t)layers, hidden_dim, dim) != 0) {
        return -1;
    }
    return 0;
}

/* Reads a checkpoint to its end, but not further than its sizes say. Returns 0, or -1. */
static inline int tracefile_read_checkpoint(tracefile *trace, const char *path, FILE *file, unsigned char *block,
                                            size_t block_size, tracefile_checkpoint *checkpoint, uint64_t *sum) {
    size_t count = fread(block, 1, block_size, file);
    uint64_t length = 0;
    tracefile_sum state;
    memset(&state, 0, sizeof state);
    if (!ferror(file) && tracefile_parse_checkpoint(trace, path, block, count, checkpoint) != 0) return -1;
    while (count > 0 && length <= checkpoint->length) {
        tracefile_sum_add(&state, block, count);
        length += count;
        count = fread(block, 1, block_size, file);
    }
    if (ferror(file)) return tracefile_fail(trace, errno, "%s: %s", path, strerror(errno));
    if (length != checkpoint->length) {
        const int is_cut = length < checkpoint->length;
        return tracefile_fail(trace, 0, "%s: offset %llu: expected a file of %llu bytes, found %s", path,
            (unsigned long long)(is_cut ? length : checkpoint->length), (unsigned long long)checkpoint->length,
            is_cut ? "the end of the file" : "more data");
    }
    *sum = tracefile_sum_finish(&state);
    return 0;
}

/* Fills the header from a llama2.c checkpoint (v0, v1 or v2): configuration, version, group size, epsilon, RoPE base,
 * and the fingerprint, for which the whole file is read. Also checks that the file is exactly such a checkpoint, and
 * not the file that the trace will replace. Returns 0, or -1. */
static inline int tracefile_describe_checkpoint(tracefile *trace, const char *path) {
    const size_t block_size = 1 << 20;
    tracefile_checkpoint checkpoint;
    struct stat input, output;
    unsigned char *block;
    char text[17];
    uint64_t sum = 0;
    FILE *file;
    size_t i;
    int result;
    if (!trace || trace->message[0]) return -1;
    if (!path) return tracefile_fail(trace, 0, "%s: the checkpoint has no name", trace->path);
    if (trace->partial && stat(path, &input) == 0 && stat(trace->path, &output) == 0 &&
        input.st_dev == output.st_dev && input.st_ino == output.st_ino) {
        return tracefile_fail(trace, 0, "%s: the trace would replace the checkpoint", trace->path);
    }
    file = fopen(path, "rb");
    if (!file) return tracefile_fail(trace, errno, "%s: %s", path, strerror(errno));
    block = (unsigned char *)malloc(block_size);
    result = block ? tracefile_read_checkpoint(trace, path, file, block, block_size, &checkpoint, &sum)
                   : tracefile_fail_memory(trace);
    free(block);
    fclose(file);
    if (result != 0) return -1;
    for (i = 0; i < 7; i++) tracefile_set_int(trace, tracefile_size_name(i), checkpoint.sizes[i]);
    tracefile_set_int(trace, "checkpoint_version", checkpoint.version);
    tracefile_set_int(trace, "shared_classifier", checkpoint.shared);
    if (checkpoint.version == 2) tracefile_set_int(trace, "group_size", checkpoint.group_size);
    tracefile_set_real(trace, "rms_norm_eps", 1e-5);
    tracefile_set_real(trace, "rope_base", 10000);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
    return tracefile_set_text(trace, "checkpoint_fingerprint", text, 16);
}

/* ---- Chunks ---- */

static inline int tracefile_write(tracefile *trace, struct iovec *parts, int count) {
    const size_t most = (size_t)1 << 30; /* some systems refuse more in one call */
    while (count > 0) {
        size_t size = 0;
        int batch = 0;
        ssize_t written;
        while (batch < count && parts[batch].iov_len <= most - size) size += parts[batch++].iov_len;
        written = batch > 0 ? writev(trace->file, parts, batch) : write(trace->file, parts[0].iov_base, most);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd ready;
            ready.fd = trace->file;
            ready.events = POLLOUT;
            (void)poll(&ready, 1, -1);
            continue;
        }
        if (written < 0) {
            return tracefile_fail(trace, errno, "%s: offset %llu: %s", trace->partial ? trace->partial : trace->path,
                (unsigned long long)trace->offset, strerror(errno));
        }
        trace->offset += (uint64_t)written;
        while (count > 0 && (size_t)written >= parts[0].iov_len) {
            written -= (ssize_t)parts[0].iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts[0].iov_base = (unsigned char *)parts[0].iov_base + written;
            parts[0].iov_len -= (size_t)written;
        }
    }
    return 0;
}

static inline void tracefile_part(struct iovec *part, const void *bytes, size_t size) {
    part->iov_base = (void *)(uintptr_t)bytes; /* writev only reads */
    part->iov_len = size;
}

/* Writes a chunk: parts[0] is its head (whose checksum is still zero), parts[1...] its body; parts[count] is free. */
static inline int tracefile_chunk(tracefile *trace, struct iovec *parts, int count) {
    static const unsigned char zeros[64] = {0};
    tracefile_sum state;
    uint64_t sum;
    size_t size = 0;
    int i;
    memset(&state, 0, sizeof state);
    for (i = 0; i < count; i++) size += parts[i].iov_len;
    tracefile_part(&parts[count], zeros, (64 - size % 64) % 64);
    for (i = 0; i <= count; i++) tracefile_sum_add(&state, parts[i].iov_base, parts[i].iov_len);
    sum = tracefile_sum_finish(&state);
    memcpy((unsigned char *)parts[0].iov_base + 16, &sum, 8);
    return tracefile_write(trace, parts, count + 1);
}

static inline void tracefile_put(unsigned char *head, size_t offset, uint64_t value, size_t size) {
    memcpy(head + offset, &value, size); /* little-endian: the low bytes come first */
}

static inline int tracefile_header(tracefile *trace) {
    unsigned char head[128], *body, *end;
    struct iovec parts[3];
    size_t size = 0, i;
    int result;
    if (trace->has_header) return 0;
    for (i = 0; i < trace->field_count; i++) size += trace->fields[i].size;
    if (size > 16777216) return tracefile_fail(trace, 0, "%s: the header is longer than 16777216 bytes", trace->path);
    body = end = (unsigned char *)malloc(size + 1);
    if (!body) return tracefile_fail_memory(trace);
    for (i = 0; i < trace->field_count; i++) {
        memcpy(end, trace->fields[i].bytes, trace->fields[i].size);
        end += trace->fields[i].size;
    }
    memset(head, 0, sizeof head);
    memcpy(head, "\x89L2TRC\r\n", 8);
    tracefile_put(head, 8, 1, 4);
    tracefile_put(head, 12, trace->field_count, 4);
    tracefile_put(head, 24, size, 8);
    memcpy(head + 64, trace->producer, sizeof trace->producer);
    tracefile_part(&parts[0], head, sizeof head);
    tracefile_part(&parts[1], body, size);
    result = tracefile_chunk(trace, parts, 2);
    free(body);
    trace->has_header = result == 0;
    return result;
}

/* Returns an array of `count` elements with room for one more, or null. Growing by a quarter, the index takes at most
 * 54 bytes per entry even while it is being copied, and the runs of tokens, at most one for each, 10 more. */
static inline void *tracefile_grow(tracefile *trace, void *array, size_t count, size_t *capacity, size_t element) {
    size_t wanted = *capacity + *capacity / 4 + 16;
    void *grown;
    if (count < *capacity) return array;
    grown = wanted <= SIZE_MAX / element ? realloc(array, wanted * element) : NULL;
    if (grown) *capacity = wanted;
    else tracefile_fail_memory(trace);
    return grown;
}

/* Writes a token or a record, and notes where it is. */
static inline int tracefile_entry_chunk(tracefile *trace, struct iovec *parts, uint32_t name, int layer, int position) {
    tracefile_entry *entry = (tracefile_entry *)tracefile_grow(trace, trace->entries, trace->entry_count,
        &trace->entry_capacity, sizeof *entry);
    if (!entry) return -1;
    trace->entries = entry;
    entry += trace->entry_count;
    entry->offset = trace->offset;
    entry->name = name;
    entry->layer = layer;
    entry->position = (uint32_t)position;
    entry->zero = 0;
    trace->entry_count++;
    return tracefile_chunk(trace, parts, 2);
}

/* Returns the number of runs that begin at or before a position. */
static inline size_t tracefile_runs_up_to(const tracefile *trace, uint32_t position) {
    size_t low = 0, high = trace->run_count;
    if (high > 0 && trace->runs[high - 1].first <= position) return high; /* in order of execution */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trace->runs[middle].first <= position) low = middle + 1;
        else high = middle;
    }
    return low;
}

static inline int tracefile_has_token(const tracefile *trace, int position) {
    size_t count = tracefile_runs_up_to(trace, (uint32_t)position);
    return count > 0 && (uint32_t)position <= trace->runs[count - 1].last;
}

/* Notes that a position, which had none, has a token. */
static inline int tracefile_mark_token(tracefile *trace, int position) {
    const uint32_t place = (uint32_t)position;
    const size_t next = tracefile_runs_up_to(trace, place);
    const int joins_left = next > 0 && trace->runs[next - 1].last + 1 == place;
    const int joins_right = next < trace->run_count && trace->runs[next].first == place + 1;
    tracefile_run *runs = trace->runs;
    if (joins_left && joins_right) {
        runs[next - 1].last = runs[next].last;
        memmove(runs + next, runs + next + 1, (--trace->run_count - next) * sizeof *runs);
    } else if (joins_left) {
        runs[next - 1].last = place;
    } else if (joins_right) {
        runs[next].first = place;
    } else {
        runs = (tracefile_run *)tracefile_grow(trace, runs, trace->run_count, &trace->run_capacity, sizeof *runs);
        if (!runs) return -1;
        trace->runs = runs;
        memmove(runs + next + 1, runs + next, (trace->run_count++ - next) * sizeof *runs);
        runs[next].first = runs[next].last = place;
    }
    return 0;
}

/* Writes the input token of a position, before the first record of that position.
 * id: not negative. text: `length` bytes of the token's piece as the tokenizer holds them, or null if unknown.
 * Returns 0, or -1. */
static inline int tracefile_token(tracefile *trace, int position, int id, const void *text, size_t length) {
    unsigned char head[32] = {'T', 'O', 'K', 'N'};
    struct iovec parts[3];
    if (!trace || trace->message[0]) return -1;
    if (position < 0 || id < 0) {
        return tracefile_fail(trace, 0, "%s: token %d at position %d: expected no negative", trace->path, id, position);
    }
    if (tracefile_has_token(trace, position)) {
        return tracefile_fail(trace, 0, "%s: position %d has a token already", trace->path, position);
    }
    if (!text) length = 0;
    if (tracefile_header(trace) != 0 || tracefile_mark_token(trace, position) != 0) return -1;
    tracefile_put(head, 4, (uint32_t)id, 4);
    tracefile_put(head, 8, text ? 1 : 0, 4);
    tracefile_put(head, 12, (uint32_t)position, 4);
    tracefile_put(head, 24, length, 8);
    tracefile_part(&parts[0], head, sizeof head);
    tracefile_part(&parts[1], text, length);
    return tracefile_entry_chunk(trace, parts, UINT32_MAX, -1, position);
}

/* Finds or adds a name of `length` bytes. In order of execution each name follows the one before: look there first. */
static inline int tracefile_intern(tracefile *trace, const char *name, size_t length, uint32_t *number) {
    size_t next = trace->last_name + 1 < trace->name_count ? trace->last_name + 1 : 0, i;
    char **names;
    for (i = 0; i < trace->name_count; i++) {
        if (strcmp(trace->names[next], name) == 0) {
            trace->last_name = next;
            *number = (uint32_t)next;
            return 0;
        }
        next = next + 1 < trace->name_count ? next + 1 : 0;
    }
    names = (char **)tracefile_grow(trace, trace->names, trace->name_count, &trace->name_capacity, sizeof *names);
    if (!names) return -1;
    trace->names = names;
    if (trace->name_count == UINT32_MAX) return tracefile_fail(trace, 0, "%s: too many names", trace->path);
    trace->names[trace->name_count] = tracefile_join(name, length, "");
    if (!trace->names[trace->name_count]) return tracefile_fail_memory(trace);
    trace->last_name = trace->name_count;
    *number = (uint32_t)trace->name_count++;
    return 0;
}

/* Writes one tensor.
 * site: its name, e.g. "q.rope": 1 to 255 printable ASCII characters without , * ? and =.
 * layer: from 0, or -1 outside the layers. position: from 0; its token must have been written. One site at one layer
 * and position is recorded once; tracefile_close fails if any was recorded twice.
 * dtype: TRACEFILE_FLOAT32, ... rank: 0 to 4. dims: `rank` sizes, slowest first. values: their product, row-major.
 * Returns 0, or -1. */
static inline int tracefile_record(tracefile *trace, const char *site, int layer, int position, int dtype, int rank,
                                   const uint32_t *dims, const void *values) {
    static const unsigned char element_sizes[6] = {0, 4, 8, 2, 2, 1};
    unsigned char head[48 + 255 + 17];
    struct iovec parts[3];
    size_t length = site ? strlen(site) : 0, size;
    uint32_t number = 0;
    int i;
    if (!trace || trace->message[0]) return -1;
    if (length < 1 || length > 255) {
        return tracefile_fail(trace, 0, "%s: a record's name must have 1 to 255 bytes", trace->path);
    }
    for (i = 0; i < (int)length; i++) {
        if (site[i] < 0x21 || site[i] > 0x7E || strchr(",*?=", site[i])) {
            return tracefile_fail(trace, 0, "%s: a record's name has a forbidden character, number %d", trace->path, i);
        }
    }
    if (layer < -1 || position < 0) {
        return tracefile_fail(trace, 0, "%s: %s at layer %d, position %d", trace->path, site, layer, position);
    }
    if (dtype < TRACEFILE_FLOAT32 || dtype > TRACEFILE_INT8) {
        return tracefile_fail(trace, 0, "%s: %s: expected a dtype from 1 to 5, found %d", trace->path, site, dtype);
    }
    if (rank < 0 || rank > 4 || (rank > 0 && !dims)) {
        return tracefile_fail(trace, 0, "%s: %s: expected 0 to 4 dimensions, found %d", trace->path, site, rank);
    }
    memset(head, 0, sizeof head);
    size = element_sizes[dtype];
    for (i = 0; i < rank; i++) {
        if (dims[i] != 0 && size > (SIZE_MAX >> 2) / dims[i]) {
            return tracefile_fail(trace, 0, "%s: %s: the dimensions' product is too large", trace->path, site);
        }
        size *= dims[i];
        tracefile_put(head, 32 + 4 * (size_t)i, dims[i], 4);
    }
    if (size > 0 && !values) return tracefile_fail(trace, 0, "%s: %s has no values", trace->path, site);
    if (!tracefile_has_token(trace, position)) {
        return tracefile_fail(trace, 0, "%s: %s: position %d has no token yet", trace->path, site, position);
    }
    if (tracefile_intern(trace, site, length, &number) != 0) return -1;
    memcpy(head, "TENS", 4);
    head[4] = (unsigned char)dtype;
    head[5] = (unsigned char)rank;
    tracefile_put(head, 6, length, 2);
    tracefile_put(head, 8, (uint32_t)layer, 4);
    tracefile_put(head, 12, (uint32_t)position, 4);
    tracefile_put(head, 24, size, 8);
    memcpy(head + 48, site, length);
    tracefile_part(&parts[0], head, (48 + length + 63) / 64 * 64);
    tracefile_part(&parts[1], values, size);
    return tracefile_entry_chunk(trace, parts, number, layer, position);
}

/* Write `size` float32 values, or `rows` times `columns` of them in row-major order. Return 0, or -1. */
static inline int tracefile_vector(tracefile *trace, const char *site, int layer, int position, const float *values,
                                   size_t size) {
    uint32_t dim = (uint32_t)size;
    if (trace && dim != size) return tracefile_fail(trace, 0, "%s: a vector is too long", trace->path);
    return tracefile_record(trace, site, layer, position, TRACEFILE_FLOAT32, 1, &dim, values);
}

static inline int tracefile_matrix(tracefile *trace, const char *site, int layer, int position, const float *values,
                                   size_t rows, size_t columns) {
    uint32_t dims[2];
    dims[0] = (uint32_t)rows;
    dims[1] = (uint32_t)columns;
    if (trace && (dims[0] != rows || dims[1] != columns)) {
        return tracefile_fail(trace, 0, "%s: a matrix is too large", trace->path);
    }
    return tracefile_record(trace, site, layer, position, TRACEFILE_FLOAT32, 2, dims, values);
}

/* ---- Closing ---- */

/* Frees the trace without completing it: PATH.partial stays, and everything in it is readable. Where nothing was
 * written yet, PATH.partial is removed. */
static inline void tracefile_abandon(tracefile *trace) {
    size_t i;
    if (!trace) return;
    if (trace->file >= 0 && trace->partial && trace->offset == 0) (void)unlink(trace->partial);
    if (trace->file >= 0 && trace->file != STDOUT_FILENO) (void)close(trace->file);
    for (i = 0; i < trace->field_count; i++) free(trace->fields[i].bytes);
    for (i = 0; i < trace->name_count; i++) free(trace->names[i]);
    free(trace->fields);
    free(trace->names);
    free(trace->entries);
    free(trace->runs);
    free(trace->path);
    free(trace->partial);
    free(trace);
}

static inline int tracefile_write_index(tracefile *trace) {
    unsigned char head[64] = {'I', 'N', 'D', 'X'}, *names;
    struct iovec parts[4];
    size_t size = 0, end = 0, i;
    int result;
    for (i = 0; i < trace->name_count; i++) size += 2 + strlen(trace->names[i]);
    size = (size + 7) / 8 * 8;
    names = (unsigned char *)calloc(1, size + 1);
    if (!names) return tracefile_fail_memory(trace);
    for (i = 0; i < trace->name_count; i++) {
        size_t length = strlen(trace->names[i]);
        tracefile_put(names, end, length, 2);
        memcpy(names + end + 2, trace->names[i], length);
        end += 2 + length;
    }
    tracefile_put(head, 4, trace->name_count, 4);
    tracefile_put(head, 8, trace->entry_count, 8);
    tracefile_put(head, 24, size + trace->entry_count * sizeof *trace->entries, 8);
    tracefile_part(&parts[0], head, sizeof head);
    tracefile_part(&parts[1], names, size);
    tracefile_part(&parts[2], trace->entries, trace->entry_count * sizeof *trace->entries);
    result = tracefile_chunk(trace, parts, 3);
    free(names);
    return result;
}

/* Checks that no two records have the same name, layer and position, with a hash table of the entries (12 bytes for
 * each, when nothing else grows any more). Returns 0, or -1. */
static inline int tracefile_check_entries(tracefile *trace) {
    const size_t size = trace->entry_count + trace->entry_count / 2 + 1;
    size_t *slots, i, slot; /* slots hold the number of an entry, plus one; 0 is free */
    int result = 0;
    if (size > SIZE_MAX / sizeof *slots) return tracefile_fail_memory(trace);
    slots = (size_t *)calloc(size, sizeof *slots);
    if (!slots) return tracefile_fail_memory(trace);
    for (i = 0; i < trace->entry_count && result == 0; i++) {
        const tracefile_entry *entry = &trace->entries[i];
        uint64_t hash = ((uint64_t)entry->position << 32 | (uint32_t)entry->layer) * UINT64_C(0x9E3779B97F4A7C15);
        if (entry->name == UINT32_MAX) continue; /* a second token was refused when it came */
        hash = ((hash ^ hash >> 32) + entry->name) * UINT64_C(0xFF51AFD7ED558CCD);
        for (slot = (size_t)((hash ^ hash >> 33) % size); slots[slot] != 0; slot = slot + 1 < size ? slot + 1 : 0) {
            const tracefile_entry *other = &trace->entries[slots[slot] - 1];
            if (other->name != entry->name || other->layer != entry->layer || other->position != entry->position) {
                continue;
            }
            if (entry->layer < 0) {
                result = tracefile_fail(trace, 0, "%s: %s, position %u is recorded twice, at offsets %llu and %llu",
                    trace->path, trace->names[entry->name], (unsigned)entry->position,
                    (unsigned long long)other->offset, (unsigned long long)entry->offset);
            } else {
                result = tracefile_fail(trace, 0,
                    "%s: %s, layer %d, position %u is recorded twice, at offsets %llu and %llu", trace->path,
                    trace->names[entry->name], (int)entry->layer, (unsigned)entry->position,
                    (unsigned long long)other->offset, (unsigned long long)entry->offset);
            }
            break;
        }
        slots[slot] = i + 1;
    }
    free(slots);
    return result;
}

/* Completes the trace: writes the index and the tail, gives the file its name, and frees the trace. Returns 0.
 * On an error returns -1 and frees nothing, so that tracefile_error can be asked; then call tracefile_abandon. */
static inline int tracefile_close(tracefile *trace) {
    unsigned char tail[64] = {'T', 'A', 'I', 'L'};
    struct iovec parts[2];
    uint64_t index;
    if (!trace || trace->message[0] || tracefile_header(trace) != 0) return -1;
    index = trace->offset;
    if (tracefile_check_entries(trace) != 0 || tracefile_write_index(trace) != 0) return -1;
    tracefile_put(tail, 8, index, 8);
    tracefile_part(&parts[0], tail, sizeof tail);
    if (tracefile_chunk(trace, parts, 1) != 0) return -1;
    if (trace->file != STDOUT_FILENO) {
        int file = trace->file;
        trace->file = -1;
        if (close(file) != 0) return tracefile_fail(trace, errno, "%s: %s", trace->path, strerror(errno));
    }
    if (trace->partial && rename(trace->partial, trace->path) != 0) {
        return tracefile_fail(trace, errno, "%s: %s", trace->path, strerror(errno));
    }
    tracefile_abandon(trace);
    return 0;
}

#endif
