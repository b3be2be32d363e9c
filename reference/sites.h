/* The sites: the points of the forward pass at which a buffer has a meaning, in order of execution. */
#ifndef SITES_H
#define SITES_H

#include <stddef.h>
#include <stdio.h>

#include "failure.h"

enum site {
    X_EMBED,
    XB_ATTN_NORM,
    XQ_ATTN_NORM,
    XS_ATTN_NORM,
    Q_PROJ,
    K_PROJ,
    V_PROJ,
    Q_ROPE,
    K_ROPE,
    ATT_SCORES,
    ATT_SOFTMAX,
    XB_ATTN,
    XQ_ATTN,
    XS_ATTN,
    XB2_WO,
    X_ATTN_RESIDUAL,
    XB_FFN_NORM,
    XQ_FFN_NORM,
    XS_FFN_NORM,
    HB_W1,
    HB2_W3,
    HB_SWIGLU,
    HQ_SWIGLU,
    HS_SWIGLU,
    XB_W2,
    X_FFN_RESIDUAL,
    X_FINAL_NORM,
    XQ_FINAL_NORM,
    XS_FINAL_NORM,
    LOGITS,
    SITE_COUNT
};

enum site_shape {
    SHAPE_DIM,
    SHAPE_KV_DIM,
    SHAPE_HIDDEN_DIM,
    SHAPE_VOCABULARY,
    SHAPE_ATTENTION,     /* n_heads x (pos+1) */
    SHAPE_DIM_GROUPS,    /* dim/group_size */
    SHAPE_HIDDEN_GROUPS, /* hidden_dim/group_size */
};

enum site_scope { BEFORE_LAYERS, IN_LAYERS, AFTER_LAYERS };

/* What the values of a site are: the activations themselves, or what an int8 run quantizes them to. */
enum site_values { ACTIVATION, QUANTIZED_VALUES, QUANTIZED_SCALES };

struct site_description {
    const char *name; /* buffer.stage */
    enum site_shape shape;
    enum site_scope scope;
    enum site_values values;
};

extern const struct site_description site_table[SITE_COUNT];

/* Writes the table: name, shape, scope, and the kind of run that has the site, separated by tabs. */
void sites_print(FILE *output);

/* A range of layers or positions, both ends included. */
struct range {
    const char *text;      /* as it was given; null: it was not */
    long long first, last; /* last is LLONG_MAX where it was left open */
};

/* What is to be recorded. */
struct selection {
    bool sites[SITE_COUNT];
    int first_layer, last_layer;
    int first_position, last_position;
};

/* Chooses the sites that a comma-separated list of names, buffers and globs matches (all, where it is null) of those
 * that exist in this kind of run, in these layers and at these positions. */
bool selection_make(struct selection *selection, const char *patterns, struct range layers, struct range positions,
                    bool is_int8, int n_layers, int steps, struct failure *failure);

/* Whether a record is to be written. `layer` is -1 outside the layers. k.rope and v.proj are wanted at every position
 * before the first one too, because attention at later positions reads them. */
bool selection_wants(const struct selection *selection, enum site site, int layer, int position);

#endif
