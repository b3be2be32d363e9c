#include "options.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One option: its names, what its value is called (null: it has none), and what it does. */
struct option {
    char short_name; /* 0: none */
    const char *long_name;
    const char *value;
    const char *help;
};

/* A short name or, where there is none, one of these identifies an option. */
enum { TOKENS = 1, ONLY, LAYERS, POSITIONS, PRECISION, NO_TRACE, TOKENS_ONLY, SITES };

struct numbered_option {
    int id;
    struct option option;
};

static const struct numbered_option table[] = {
    {'o', {'o', "output", "FILE", "the trace; - is standard output, and the text goes to standard error\n"
                                  "(default: the checkpoint's name with .trace, in the current folder)"}},
    {'z', {'z', "tokenizer", "FILE", "the tokenizer (default: tokenizer.bin)"}},
    {'i', {'i', "prompt", "TEXT", "text to begin with"}},
    {'n', {'n', "steps", "N", "forward passes; 0: the whole context (default: 256, or the context if shorter)"}},
    {'t', {'t', "temperature", "T", "0: always the likeliest token (default: 0)"}},
    {'p', {'p', "top-p", "P", "sample from the likeliest tokens whose sum exceeds P, 0 to 1 (default: 0.9)"}},
    {'s', {'s', "seed", "N", "seed of the sampling, low 32 bits, not 0 (default: 1)"}},
    {TOKENS, {0, "tokens", "ID,ID,...", "the input token of every position; nothing is generated"}},
    {ONLY, {0, "only", "SITES", "record these: comma-separated sites, buffers or globs (default: all)"}},
    {LAYERS, {0, "layers", "A..B", "record these layers, both ends included; also A, A.. and ..B"}},
    {POSITIONS, {0, "positions", "A..B", "record these positions; k.rope and v.proj from 0, which they depend on"}},
    {PRECISION, {0, "precision", "f32|f64", "f32 (default; int8 where the checkpoint is), or float64 throughout"}},
    {NO_TRACE, {0, "no-trace", NULL, "generate only"}},
    {TOKENS_ONLY, {0, "print-tokens", NULL, "print the ids of the prompt's tokens and stop"}},
    {SITES, {0, "list-sites", NULL, "print the sites (name, shape, scope, kind of run) and stop"}},
    {'h', {'h', "help", NULL, "print this and stop"}},
    {'V', {'V', "version", NULL, "print the version and stop"}},
};

enum { OPTION_COUNT = sizeof table / sizeof *table };

void options_print_help(FILE *output)
{
    (void)fputs("Usage: " PROGRAM " CHECKPOINT [OPTION]...\n"
                "Runs a llama2.c checkpoint with llama2.c's arithmetic, prints the text, and records every\n"
                "intermediate tensor in a trace file.\n\n", output);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &table[i].option;
        char names[64];
        int width = 0;
        if (option->short_name) width = snprintf(names, sizeof names, "  -%c, ", option->short_name);
        else width = snprintf(names, sizeof names, "      ");
        width += snprintf(names + width, sizeof names - (size_t)width, "--%s", option->long_name);
        if (option->value && width > 0 && (size_t)width < sizeof names) {
            (void)snprintf(names + width, sizeof names - (size_t)width, " %s", option->value);
        }
        (void)fprintf(output, "%-26s  ", names);
        for (const char *c = option->help; *c; c++) {
            if (*c == '\n') (void)fprintf(output, "\n%28s", "");
            else (void)fputc(*c, output);
        }
        (void)fputc('\n', output);
    }
    (void)fputs("\nExit status: 0, or 2 after an error.\n", output);
}

/* ---- Values ---- */

/* The greatest float64 that is rounded to a finite float32. */
static const double largest_float = 0x1.fffffefffffffp127;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads decimal digits at *text and moves past them. Returns -1 where there are none, or too many. */
static long long read_digits(const char **text)
{
    long long value = 0;
    if (!is_digit(**text)) return -1;
    for (; is_digit(**text); (*text)++) {
        const int digit = **text - '0';
        if (value > (LLONG_MAX - digit) / 10) return -1;
        value = value * 10 + digit;
    }
    return value;
}

/* A number with or without a sign, a fraction and an exponent, all of the text, from 0 to a limit. It is rounded to
 * float64 and then to float32, as llama2.c does. */
static bool parse_real(const char *text, double limit, float *value)
{
    const char *c = text + (*text == '-' || *text == '+');
    const bool has_whole = is_digit(*c);
    while (is_digit(*c)) c++;
    if (*c == '.') {
        c++;
        if (!has_whole && !is_digit(*c)) return false;
        while (is_digit(*c)) c++;
    } else if (!has_whole) {
        return false;
    }
    if (*c == 'e' || *c == 'E') {
        c++;
        if (*c == '-' || *c == '+') c++;
        if (!is_digit(*c)) return false;
        while (is_digit(*c)) c++;
    }
    const double number = strtod(text, NULL);
    if (*c != '\0' || !(number >= 0 && number <= limit)) return false;
    *value = (float)number + 0.0f; /* -0 becomes 0 */
    return true;
}

/* A decimal integer of any length: its low 32 bits, sign-extended. */
static bool parse_seed(const char *text, long long *value)
{
    const bool is_negative = *text == '-';
    const char *c = text + (*text == '-' || *text == '+');
    uint32_t low = 0;
    if (!is_digit(*c)) return false;
    for (; is_digit(*c); c++) low = low * 10 + (uint32_t)(*c - '0');
    if (*c != '\0') return false;
    if (is_negative) low = 0 - low;
    *value = low <= INT32_MAX ? (long long)low : (long long)low - 4294967296;
    return true;
}

static bool parse_count(const char *text, long long *value)
{
    if (*text == '+') text++;
    *value = read_digits(&text);
    return *value >= 0 && *text == '\0';
}

/* A, A..B, A.. or ..B, with A not above B */
static bool parse_range(const char *text, struct range *range)
{
    const bool has_first = is_digit(*text);
    const char *const whole = text;
    const long long first = read_digits(&text);
    range->text = whole;
    range->first = first < 0 ? 0 : first;
    range->last = first;
    if (strncmp(text, "..", 2) == 0) {
        text += 2;
        if (has_first && *text == '\0') range->last = LLONG_MAX;
        else range->last = read_digits(&text);
    }
    return (first >= 0 || !has_first) && range->last >= range->first && *text == '\0';
}

/* Ids separated by commas. */
static bool parse_tokens(const char *text, struct tokens *tokens)
{
    size_t most = 1;
    for (const char *c = text; *c; c++) most += *c == ',';
    free(tokens->ids);
    tokens->count = 0;
    tokens->ids = calloc(most, sizeof *tokens->ids);
    if (!tokens->ids) return false;
    for (;;) {
        const long long id = read_digits(&text);
        if (id < 0 || id > INT_MAX) return false;
        tokens->ids[tokens->count++] = (int)id;
        if (*text == '\0') return true;
        if (*text++ != ',') return false;
    }
}

/* ---- The command line ---- */

/* Notes the value of an option; `value` is null for one that has none. */
static bool apply(struct options *options, int id, const char *name, const char *value, struct failure *failure)
{
    const char *expected = NULL; /* set where the value is wrong */
    switch (id) {
    case 'o': options->output = value; break;
    case 'z': options->tokenizer = value; break;
    case 'i': options->prompt = value; break;
    case 'n':
        options->has_steps = true;
        if (!parse_count(value, &options->steps)) expected = "a number of steps, 0 or more";
        break;
    case 't':
        options->sampling = "--temperature";
        if (!parse_real(value, largest_float, &options->temperature)) expected = "a finite number, 0 or more";
        break;
    case 'p':
        options->sampling = "--top-p";
        if (!parse_real(value, 1, &options->top_p)) expected = "a number from 0 to 1";
        break;
    case 's':
        options->sampling = "--seed";
        if (!parse_seed(value, &options->seed) || options->seed == 0) {
            expected = "an integer whose low 32 bits are not 0";
        }
        break;
    case TOKENS:
        options->is_forced = true;
        if (!parse_tokens(value, &options->tokens)) expected = "token ids separated by commas";
        break;
    case ONLY: options->only = value; break;
    case LAYERS:
        if (!parse_range(value, &options->layers)) expected = "A..B, A, A.. or ..B with A not above B";
        break;
    case POSITIONS:
        if (!parse_range(value, &options->positions)) expected = "A..B, A, A.. or ..B with A not above B";
        break;
    case PRECISION:
        options->is_float64 = strcmp(value, "f64") == 0;
        if (!options->is_float64 && strcmp(value, "f32") != 0) expected = "f32 or f64";
        break;
    case NO_TRACE: options->no_trace = true; break;
    case TOKENS_ONLY: options->action = PRINT_TOKENS; break;
    case SITES: options->action = PRINT_SITES; break;
    case 'h': options->action = PRINT_HELP; break;
    case 'V': options->action = PRINT_VERSION; break;
    default: break;
    }
    return !expected || fail(failure, "%s: expected %s, found '%s'; see --help", name, expected, value);
}

/* Finds an option by its short name, or by `length` characters of its long one. */
static const struct numbered_option *find(char short_name, const char *long_name, size_t length)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &table[i].option;
        if (long_name && strlen(option->long_name) == length && memcmp(option->long_name, long_name, length) == 0) {
            return &table[i];
        }
        if (!long_name && short_name && option->short_name == short_name) return &table[i];
    }
    return NULL;
}

/* Reads the option at argv[*index], and its value, which may be the next argument. */
static bool parse_option(struct options *options, int argc, char **argv, int *index, struct failure *failure)
{
    const char *argument = argv[*index], *value = NULL;
    const bool is_long = argument[1] == '-';
    const size_t length = is_long ? strcspn(argument + 2, "=") : 0;
    const struct numbered_option *found = find(argument[1], is_long ? argument + 2 : NULL, length);
    if (!found) return fail(failure, "unknown option '%s'; see --help", argument);
    if (is_long && argument[2 + length] == '=') value = argument + 3 + length;
    if (!is_long && argument[2] != '\0') value = argument + 2;
    if (!found->option.value && value) return fail(failure, "'%s': the option takes no value; see --help", argument);
    if (found->option.value && !value) {
        if (*index + 1 >= argc) return fail(failure, "%s: the value is missing; see --help", argument);
        value = argv[++*index];
    }
    char name[64];
    if (is_long) (void)snprintf(name, sizeof name, "--%s", found->option.long_name);
    else (void)snprintf(name, sizeof name, "-%c", found->option.short_name);
    return apply(options, found->id, name, value, failure);
}

bool options_parse(struct options *options, int argc, char **argv, struct failure *failure)
{
    bool only_operands = false;
    memset(options, 0, sizeof *options);
    options->top_p = 0.9f;
    options->seed = 1;
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (only_operands || argument[0] != '-' || argument[1] == '\0') {
            if (options->checkpoint) return fail(failure, "unexpected argument '%s'; see --help", argument);
            options->checkpoint = argument;
        } else if (strcmp(argument, "--") == 0) {
            only_operands = true;
        } else {
            if (!parse_option(options, argc, argv, &i, failure)) return false;
            if (options->action == PRINT_HELP || options->action == PRINT_VERSION) return true;
        }
    }
    if (options->action == PRINT_SITES) return true;
    if (!options->checkpoint) return fail(failure, "expected a checkpoint; see --help");
    if (options->no_trace && options->output) return fail(failure, "--output and --no-trace exclude each other");
    if (options->is_forced && options->prompt) return fail(failure, "--prompt and --tokens exclude each other");
    if (options->is_forced && options->sampling) {
        return fail(failure, "%s and --tokens exclude each other: nothing is sampled", options->sampling);
    }
    if (options->output && !*options->output) return fail(failure, "--output: expected a file name, found ''");
    return true;
}

void options_free(struct options *options)
{
    free(options->tokens.ids);
    options->tokens.ids = NULL;
}
