/* llama2-reference: runs a llama2.c checkpoint with llama2.c's arithmetic and records every intermediate tensor.
 *
 *     options --> checkpoint, tokenizer --> tokens, selection --> generate: forward --> recorder --> trace
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "generate.h"
#include "options.h"

enum { TROUBLE = 2 };

/* Everything that a run opens, and main closes. */
struct session {
    struct options options;
    struct checkpoint checkpoint;
    struct tokenizer tokenizer;
    bool has_tokenizer;
    struct tokens tokens; /* the input: the prompt's, or those that were given */
    int steps;
    bool is_int8;
    struct selection selection;
    struct sampler sampler;
    void *state;
    char *output; /* the trace's name */
};

static int min(long long a, int b)
{
    return a < b ? (int)a : b;
}

/* Takes care that files opened later do not become standard input, output or error. */
static void fill_standard_files(void)
{
    int file = 0;
    do file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO);
    if (file >= 0) (void)close(file);
}

/* Decides how many forward passes there will be. */
static bool plan_steps(struct session *session, struct failure *failure)
{
    const struct options *options = &session->options;
    const struct configuration *config = &session->checkpoint.config;
    if (options->has_steps && options->steps > config->seq_len) {
        return fail(failure, "-n: expected 0 to %d, found %lld; see --help", config->seq_len, options->steps);
    }
    const int wanted = options->steps > 0 ? (int)options->steps : config->seq_len;
    if (!options->is_forced) {
        session->steps = options->has_steps ? wanted : min(256, config->seq_len);
        return true;
    }
    const size_t count = options->tokens.count;
    if (!options->has_steps && count > (size_t)config->seq_len) {
        return fail(failure, "--tokens: expected at most %d tokens, found %zu", config->seq_len, count);
    }
    session->steps = count < (size_t)wanted ? (int)count : wanted;
    for (size_t i = 0; i < count; i++) {
        if (options->tokens.ids[i] < config->vocab_size) continue;
        return fail(failure, "--tokens: token %d is outside the vocabulary of %d", options->tokens.ids[i],
            config->vocab_size);
    }
    return true;
}

/* Loads the tokenizer, which a run with given tokens can do without, and finds the input tokens. */
static bool find_tokens(struct session *session, struct failure *failure)
{
    const struct options *options = &session->options;
    const char *path = options->tokenizer ? options->tokenizer : "tokenizer.bin";
    const char *prompt = options->prompt ? options->prompt : "";
    struct failure ignored = {""};
    const bool is_needed = !options->is_forced || options->tokenizer;
    session->has_tokenizer = tokenizer_open(&session->tokenizer, path, session->checkpoint.config.vocab_size,
        is_needed ? failure : &ignored);
    if (!session->has_tokenizer && is_needed) return false;
    if (options->is_forced) {
        session->tokens = options->tokens;
        return true;
    }
    return tokenizer_encode(&session->tokenizer, prompt, &session->tokens, failure);
}

/* Whether two names are of one file. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Checks that writing a file of this name, or unlinking it, does not destroy what the run reads. */
static bool spare_inputs(const struct options *options, const char *name, struct failure *failure)
{
    const char *const inputs[] = {options->checkpoint, options->tokenizer ? options->tokenizer : "tokenizer.bin"};
    for (size_t i = 0; i < 2; i++) {
        if (!is_same_file(name, inputs[i])) continue;
        return fail(failure, "%s: the trace would replace the %s %s", name, i == 0 ? "checkpoint" : "tokenizer",
            inputs[i]);
    }
    return true;
}

/* Names the trace: as asked for, or after the checkpoint. */
static bool name_output(struct session *session, struct failure *failure)
{
    static const char extension[] = ".trace", partial[] = ".partial";
    const struct options *options = &session->options;
    const char *slash = strrchr(options->checkpoint, '/');
    const char *name = options->output ? options->output : slash ? slash + 1 : options->checkpoint;
    size_t length = strlen(name);
    session->output = malloc(length + sizeof extension);
    if (!session->output) return fail(failure, "out of memory");
    memcpy(session->output, name, length + 1);
    if (!options->output) {
        if (length >= 4 && strcmp(name + length - 4, ".bin") == 0) length -= 4;
        memcpy(session->output + length, extension, sizeof extension);
    }
    if (options->no_trace || options->action != RUN || strcmp(session->output, "-") == 0) return true;
    length = strlen(session->output);
    char *unfinished = malloc(length + sizeof partial);
    if (!unfinished) return fail(failure, "out of memory");
    memcpy(unfinished, session->output, length);
    memcpy(unfinished + length, partial, sizeof partial);
    const bool good = spare_inputs(options, session->output, failure) && spare_inputs(options, unfinished, failure);
    free(unfinished);
    return good;
}

/* Reads the files and checks everything that can be checked before anything is written. */
static bool prepare(struct session *session, struct failure *failure)
{
    const struct options *options = &session->options;
    const struct configuration *config = &session->checkpoint.config;
    if (!checkpoint_open(&session->checkpoint, options->checkpoint, failure)) return false;
    session->is_int8 = session->checkpoint.version == 2 && !options->is_float64;
    return plan_steps(session, failure) && find_tokens(session, failure) &&
           selection_make(&session->selection, options->only, options->layers, options->positions, session->is_int8,
               config->n_layers, session->steps, failure) &&
           name_output(session, failure);
}

/* Prints a warning about a file. */
static void warn(const char *path, const char *text)
{
    char visible[1024];
    make_visible(visible, sizeof visible, path);
    (void)fprintf(stderr, PROGRAM ": warning: %s%s\n", visible, text);
}

/* Says what of the input will not count. */
static void warn_about_input(const struct session *session)
{
    const struct options *options = &session->options;
    if (session->has_tokenizer && session->tokenizer.has_more) {
        char text[96];
        (void)snprintf(text, sizeof text, " holds more entries than the vocabulary of %d; they are ignored",
            session->tokenizer.vocab_size);
        warn(options->tokenizer ? options->tokenizer : "tokenizer.bin", text);
    }
    if (!options->is_forced && session->tokens.count > (size_t)session->steps) {
        (void)fprintf(stderr, PROGRAM ": warning: the prompt's %zu tokens are cut to %d positions\n",
            session->tokens.count, session->steps);
    }
}

/* llama2.c leaves the columns of a matmul that do not fill a group out of the sum. */
static void warn_about_groups(const struct session *session)
{
    const struct configuration *config = &session->checkpoint.config;
    const bool dim_fits = !session->is_int8 || config->dim % config->group_size == 0;
    if (dim_fits && (!session->is_int8 || config->hidden_dim % config->group_size == 0)) return;
    const int n = dim_fits ? config->hidden_dim : config->dim;
    char text[192];
    (void)snprintf(text, sizeof text, ": the group size %d does not divide %s %d: as in llama2.c, the last %d inputs "
        "of such a matmul do not count", config->group_size, dim_fits ? "hidden_dim" : "dim", n, n % config->group_size);
    warn(session->options.checkpoint, text);
}

static void print_summary(const struct session *session, const struct generation *generation,
                          unsigned long long records, unsigned long long size)
{
    const double rate = generation->seconds > 0 ? generation->positions / generation->seconds : 0;
    (void)fprintf(stderr, PROGRAM ": ");
    if (generation->recorder) {
        char name[1024];
        make_visible(name, sizeof name, strcmp(session->output, "-") == 0 ? "standard output" : session->output);
        (void)fprintf(stderr, "%llu records, %.1f MB in %s; ", records, (double)size / 1e6, name);
    }
    (void)fprintf(stderr, "%d positions at %.1f tokens/s\n", generation->positions, rate);
}

/* Generates, with or without a trace. Returns the exit status. */
static int run(struct session *session, struct failure *failure)
{
    const struct options *options = &session->options;
    const struct configuration *config = &session->checkpoint.config;
    const struct engine *engine = options->is_float64 ? &engine_f64 : &engine_f32;
    const bool trace_takes_stdout = !options->no_trace && strcmp(session->output, "-") == 0;
    struct text_output text = {trace_takes_stdout ? stderr : stdout, false, 0};
    const struct run_description description = {
        .prompt = options->is_forced ? NULL : options->prompt ? options->prompt : "",
        .precision = options->is_float64 ? "f64" : session->is_int8 ? "int8" : "f32",
        .temperature = options->temperature,
        .top_p = options->top_p,
        .seed = options->seed,
        .steps = session->steps,
    };
    session->state = engine->open(&session->checkpoint, session->steps);
    if (!session->state) {
        (void)fail(failure, "%s: out of memory for %d positions", options->checkpoint, session->steps);
        return TROUBLE;
    }
    if (!sampler_open(&session->sampler, config->vocab_size, options->temperature, options->top_p,
                      (uint64_t)options->seed, failure)) {
        return TROUBLE;
    }
    struct generation generation = {
        .engine = engine,
        .state = session->state,
        .tokenizer = session->has_tokenizer ? &session->tokenizer : NULL,
        .sampler = &session->sampler,
        .text = &text,
        .tokens = &session->tokens,
        .is_forced = options->is_forced,
        .steps = session->steps,
        .vocab_size = config->vocab_size,
        .shows_progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) && !trace_takes_stdout,
    };
    if (!options->no_trace) {
        generation.recorder = recorder_open(session->output, PROGRAM " " VERSION, &session->checkpoint,
            &session->selection, &description, failure);
        if (!generation.recorder) return TROUBLE;
    }
    warn_about_groups(session);
    warn_about_input(session);
    bool good = generate(&generation, failure), is_broken_pipe = false;
    unsigned long long records = 0, size = 0;
    if (generation.recorder) {
        records = recorder_count(generation.recorder);
        good = recorder_close(generation.recorder, good, &is_broken_pipe, &size, failure) && good;
        if (is_broken_pipe) failure->text[0] = '\0';
    }
    if (good && text.error != 0 && text.file == stdout) {
        good = fail(failure, "standard output: %s", strerror(text.error));
    }
    if (good) print_summary(session, &generation, records, size);
    return good ? EXIT_SUCCESS : TROUBLE;
}

/* Flushes what was printed on standard output; a reader that has gone is not an error. */
static int finish_output(struct failure *failure)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_SUCCESS;
    if (errno == EPIPE) return EXIT_SUCCESS;
    (void)fail(failure, "standard output: %s", strerror(errno != 0 ? errno : EIO));
    return TROUBLE;
}

static int print_tokens(const struct session *session, struct failure *failure)
{
    for (size_t i = 0; i < session->tokens.count; i++) {
        (void)printf("%s%d", i > 0 ? " " : "", session->tokens.ids[i]);
    }
    (void)printf("\n");
    return finish_output(failure);
}

static int perform(struct session *session, int argc, char **argv, struct failure *failure)
{
    const struct options *options = &session->options;
    if (!options_parse(&session->options, argc, argv, failure)) return TROUBLE;
    switch (options->action) {
    case PRINT_HELP: options_print_help(stdout); return finish_output(failure);
    case PRINT_VERSION: (void)printf(PROGRAM " " VERSION "\n"); return finish_output(failure);
    case PRINT_SITES: sites_print(stdout); return finish_output(failure);
    case PRINT_TOKENS: return prepare(session, failure) ? print_tokens(session, failure) : TROUBLE;
    case RUN: return prepare(session, failure) ? run(session, failure) : TROUBLE;
    }
    return TROUBLE;
}

int main(int argc, char **argv)
{
    struct session session;
    struct failure failure = {""};
    memset(&session, 0, sizeof session); /* nothing is open */
    (void)signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe, or beyond a file size limit, is an error to handle */
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, SIG_IGN);
#endif
    fill_standard_files();
    const int status = perform(&session, argc, argv, &failure);
    if (failure.text[0]) (void)fprintf(stderr, PROGRAM ": %s\n", failure.text);
    (session.options.is_float64 ? &engine_f64 : &engine_f32)->close(session.state);
    sampler_close(&session.sampler);
    if (!session.options.is_forced) free(session.tokens.ids);
    options_free(&session.options);
    tokenizer_close(&session.tokenizer);
    checkpoint_close(&session.checkpoint);
    free(session.output);
    return status;
}
