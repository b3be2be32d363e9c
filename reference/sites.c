#include "sites.h"

#include <limits.h>
#include <string.h>

const struct site_description site_table[SITE_COUNT] = {
    [X_EMBED] = {"x.embed", SHAPE_DIM, BEFORE_LAYERS, ACTIVATION},
    [XB_ATTN_NORM] = {"xb.attn_norm", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [XQ_ATTN_NORM] = {"xq.attn_norm", SHAPE_DIM, IN_LAYERS, QUANTIZED_VALUES},
    [XS_ATTN_NORM] = {"xs.attn_norm", SHAPE_DIM_GROUPS, IN_LAYERS, QUANTIZED_SCALES},
    [Q_PROJ] = {"q.proj", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [K_PROJ] = {"k.proj", SHAPE_KV_DIM, IN_LAYERS, ACTIVATION},
    [V_PROJ] = {"v.proj", SHAPE_KV_DIM, IN_LAYERS, ACTIVATION},
    [Q_ROPE] = {"q.rope", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [K_ROPE] = {"k.rope", SHAPE_KV_DIM, IN_LAYERS, ACTIVATION},
    [ATT_SCORES] = {"att.scores", SHAPE_ATTENTION, IN_LAYERS, ACTIVATION},
    [ATT_SOFTMAX] = {"att.softmax", SHAPE_ATTENTION, IN_LAYERS, ACTIVATION},
    [XB_ATTN] = {"xb.attn", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [XQ_ATTN] = {"xq.attn", SHAPE_DIM, IN_LAYERS, QUANTIZED_VALUES},
    [XS_ATTN] = {"xs.attn", SHAPE_DIM_GROUPS, IN_LAYERS, QUANTIZED_SCALES},
    [XB2_WO] = {"xb2.wo", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [X_ATTN_RESIDUAL] = {"x.attn_residual", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [XB_FFN_NORM] = {"xb.ffn_norm", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [XQ_FFN_NORM] = {"xq.ffn_norm", SHAPE_DIM, IN_LAYERS, QUANTIZED_VALUES},
    [XS_FFN_NORM] = {"xs.ffn_norm", SHAPE_DIM_GROUPS, IN_LAYERS, QUANTIZED_SCALES},
    [HB_W1] = {"hb.w1", SHAPE_HIDDEN_DIM, IN_LAYERS, ACTIVATION},
    [HB2_W3] = {"hb2.w3", SHAPE_HIDDEN_DIM, IN_LAYERS, ACTIVATION},
    [HB_SWIGLU] = {"hb.swiglu", SHAPE_HIDDEN_DIM, IN_LAYERS, ACTIVATION},
    [HQ_SWIGLU] = {"hq.swiglu", SHAPE_HIDDEN_DIM, IN_LAYERS, QUANTIZED_VALUES},
    [HS_SWIGLU] = {"hs.swiglu", SHAPE_HIDDEN_GROUPS, IN_LAYERS, QUANTIZED_SCALES},
    [XB_W2] = {"xb.w2", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [X_FFN_RESIDUAL] = {"x.ffn_residual", SHAPE_DIM, IN_LAYERS, ACTIVATION},
    [X_FINAL_NORM] = {"x.final_norm", SHAPE_DIM, AFTER_LAYERS, ACTIVATION},
    [XQ_FINAL_NORM] = {"xq.final_norm", SHAPE_DIM, AFTER_LAYERS, QUANTIZED_VALUES},
    [XS_FINAL_NORM] = {"xs.final_norm", SHAPE_DIM_GROUPS, AFTER_LAYERS, QUANTIZED_SCALES},
    [LOGITS] = {"logits", SHAPE_VOCABULARY, AFTER_LAYERS, ACTIVATION},
};

void sites_print(FILE *output)
{
    static const char *const shapes[] = {
        [SHAPE_DIM] = "dim",
        [SHAPE_KV_DIM] = "kv_dim",
        [SHAPE_HIDDEN_DIM] = "hidden_dim",
        [SHAPE_VOCABULARY] = "vocab_size",
        [SHAPE_ATTENTION] = "n_heads x (pos+1)",
        [SHAPE_DIM_GROUPS] = "dim/group_size",
        [SHAPE_HIDDEN_GROUPS] = "hidden_dim/group_size",
    };
    static const char *const scopes[] = {"before", "layer", "after"};
    for (int i = 0; i < SITE_COUNT; i++) {
        const struct site_description *site = &site_table[i];
        (void)fprintf(output, "%s\t%s\t%s\t%s\n", site->name, shapes[site->shape], scopes[site->scope],
            site->values == ACTIVATION ? "all" : "int8");
    }
}

/* Whether a glob of `length` characters matches a whole name: * stands for any characters, ? for one.
 * Where the match fails, the last * takes one character more. */
static bool matches_glob(const char *glob, size_t length, const char *name)
{
    size_t i = 0, star = length; /* length: no * was seen */
    const char *retry = NULL;
    while (*name) {
        if (i < length && glob[i] == '*') {
            star = i++;
            retry = name;
        } else if (i < length && (glob[i] == '?' || glob[i] == *name)) {
            i++;
            name++;
        } else if (star < length) {
            i = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (i < length && glob[i] == '*') i++;
    return i == length;
}

/* Whether a pattern is the name's buffer, the part before the dot, or a glob for the whole name. */
static bool matches(const char *pattern, size_t length, const char *name)
{
    const bool is_buffer = strcspn(name, ".") == length && memcmp(pattern, name, length) == 0;
    return is_buffer || matches_glob(pattern, length, name);
}

/* Takes a range of layers or positions, numbered from 0 to `last_number`. */
static bool take_range(const char *option, struct range range, int last_number, int *first, int *last,
                       struct failure *failure)
{
    *first = 0;
    *last = last_number;
    if (!range.text) return true;
    const bool is_open = range.last == LLONG_MAX;
    if (range.first > last_number || (!is_open && range.last > last_number)) {
        return fail(failure, "%s: expected a range within 0..%d, found '%s'; see --help", option, last_number,
            range.text);
    }
    *first = (int)range.first;
    if (!is_open) *last = (int)range.last;
    return true;
}

bool selection_make(struct selection *selection, const char *patterns, struct range layers, struct range positions,
                    bool is_int8, int n_layers, int steps, struct failure *failure)
{
    const char *pattern = patterns ? patterns : "*";
    bool any = false;
    memset(selection, 0, sizeof *selection);
    for (;;) {
        const size_t length = strcspn(pattern, ",");
        bool found = false;
        if (length == 0) {
            return fail(failure, "--only: expected names separated by commas, found '%s'; see --help", patterns);
        }
        for (int i = 0; i < SITE_COUNT; i++) {
            const bool exists = is_int8 || site_table[i].values == ACTIVATION;
            if (!exists || !matches(pattern, length, site_table[i].name)) continue;
            selection->sites[i] = true;
            found = true;
        }
        if (!found) {
            return fail(failure, "--only: '%.*s' matches no site of this run; see --list-sites", (int)length, pattern);
        }
        if (pattern[length] == '\0') break;
        pattern += length + 1;
    }
    for (int i = 0; i < SITE_COUNT; i++) {
        if (layers.text && site_table[i].scope != IN_LAYERS) selection->sites[i] = false;
        any = any || selection->sites[i];
    }
    if (!any) return fail(failure, "--only and --layers together select no site");
    return take_range("--layers", layers, n_layers - 1, &selection->first_layer, &selection->last_layer, failure) &&
           take_range("--positions", positions, steps - 1, &selection->first_position, &selection->last_position,
               failure);
}

bool selection_wants(const struct selection *selection, enum site site, int layer, int position)
{
    const bool is_cached = site == K_ROPE || site == V_PROJ;
    if (!selection->sites[site] || position > selection->last_position) return false;
    if (position < selection->first_position && !is_cached) return false;
    return layer < 0 || (layer >= selection->first_layer && layer <= selection->last_layer);
}
