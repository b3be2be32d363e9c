/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "sites.h"
#include "tokenizer.h"

#define PROGRAM "llama2-reference"
#define VERSION "0.1.0"

enum action { RUN, PRINT_TOKENS, PRINT_HELP, PRINT_VERSION, PRINT_SITES };

struct options {
    enum action action;
    const char *checkpoint;
    const char *output;    /* null: named after the checkpoint; "-": standard output */
    const char *tokenizer; /* null: tokenizer.bin */
    const char *prompt;    /* null: none */
    bool has_steps;
    long long steps;       /* 0: the whole context */
    float temperature, top_p;
    const char *sampling;  /* the last of --temperature, --top-p and --seed that was given; null: none */
    long long seed;
    bool is_forced;        /* the tokens were given */
    struct tokens tokens;
    const char *only;      /* null: every site */
    struct range layers, positions;
    bool is_float64;
    bool no_trace;
};

/* Reads the command line; checks each value by itself. */
bool options_parse(struct options *options, int argc, char **argv, struct failure *failure);

void options_free(struct options *options);

void options_print_help(FILE *output);

#endif
