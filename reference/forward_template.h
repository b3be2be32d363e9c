/* The forward pass, written once over REAL and compiled for float and for double: forward_f32.c and forward_f64.c
 * define REAL, its libm functions (EXP, POW, COS, SIN, SQRT), IS_FLOAT32 and ENGINE, and include this file.
 *
 * Every sum starts from 0 and runs in ascending order. Built without contraction and without fast-math, the float32
 * code gives llama2.c's bits. */
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "parallel.h"
#include "quantized.h"

/* The activations of one position, and the keys and values of all positions so far. */
struct state {
    const struct checkpoint *checkpoint;
    size_t positions;
    bool is_int8;      /* activations are quantized before every matmul */
    REAL *x;           /* (dim) the residual stream */
    REAL *xb;          /* (dim) a branch of it */
    REAL *xb2;         /* (dim) another */
    REAL *q;           /* (dim) queries of all heads */
    REAL *att;         /* (n_heads, pos+1) attention scores, then weights */
    REAL *hb;          /* (hidden_dim) gate of the feed-forward network */
    REAL *hb2;         /* (hidden_dim) its up projection */
    REAL *logits;      /* (vocab_size) */
    REAL *key_cache;   /* (n_layers, positions, kv_dim) */
    REAL *value_cache; /* (n_layers, positions, kv_dim) */
    REAL *rope_cos;    /* (head_size / 2) of this position's angles */
    REAL *rope_sin;    /* (head_size / 2) */
    int8_t *quantized; /* (max(dim, hidden_dim)) the activation that was quantized last: xq or hq in llama2.c */
    float *scales;     /* (max(dim, hidden_dim) / group_size) its scales: xs or hs */
};

/* ---- Operations ---- */

/* o[j] = w[j] * (s * x[j]), s = 1 / sqrt(sum x[j]^2 / n + 1e-5); o may be x */
static void rmsnorm(REAL *o, const REAL *x, const float *w, size_t n)
{
    REAL s = 0;
    for (size_t j = 0; j < n; j++) s += x[j] * x[j];
    s /= (REAL)n;
    s += (REAL)1e-5;
    s = 1 / SQRT(s);
    for (size_t j = 0; j < n; j++) o[j] = (REAL)w[j] * (s * x[j]);
}

/* out[i] = sum over j of w[i][j] * x[j] */
static void matmul(REAL *restrict out, const REAL *restrict x, const struct matrix *w)
{
    const size_t rows = w->rows, n = w->columns;
    const float *values = w->values;
    PARALLEL_FOR
    for (size_t i = 0; i < rows; i++) {
        const float *row = values + i * n;
        REAL sum = 0;
        for (size_t j = 0; j < n; j++) sum += (REAL)row[j] * x[j];
        out[i] = sum;
    }
}

#if !IS_FLOAT32
/* out[i] = sum over j of (q[i][j] * scale of its group) * x[j], the groups counted over the flat matrix */
static void matmul_dequantized(REAL *restrict out, const REAL *restrict x, const struct matrix *w, size_t group_size)
{
    const size_t rows = w->rows, n = w->columns;
    PARALLEL_FOR
    for (size_t i = 0; i < rows; i++) {
        const int8_t *row = w->quantized + i * n;
        REAL sum = 0;
        for (size_t j = 0; j < n;) {
            const size_t group = (i * n + j) / group_size;
            const size_t group_end = (group + 1) * group_size - i * n; /* as a column; at least j + 1 */
            const size_t end = group_end < n ? group_end : n;
            const REAL scale = (REAL)matrix_scale(w, group);
            for (; j < end; j++) sum += ((REAL)row[j] * scale) * x[j];
        }
        out[i] = sum;
    }
}
#endif

/* out = w x; in an int8 run x is the activation that was quantized last */
static void project(const struct state *s, REAL *out, const REAL *x, enum matrix_name name, int layer)
{
    const struct matrix w = checkpoint_matrix(s->checkpoint, name, layer);
    const size_t group_size = (size_t)s->checkpoint->config.group_size;
    if (w.values) {
        matmul(out, x, &w);
        return;
    }
#if IS_FLOAT32
    matmul_quantized(out, s->quantized, s->scales, &w, group_size);
#else
    matmul_dequantized(out, x, &w, group_size);
#endif
}

/* x = row `token` of the embedding table; of a quantized one, value * scale */
static void embed(const struct state *s, int token)
{
    const struct matrix *table = &s->checkpoint->matrices[EMBEDDING];
    const size_t dim = table->columns, begin = (size_t)token * dim;
    for (size_t i = 0; i < dim; i++) {
        if (table->values) {
            s->x[i] = (REAL)table->values[begin + i];
        } else {
            const size_t group = (begin + i) / (size_t)s->checkpoint->config.group_size;
            s->x[i] = (REAL)table->quantized[begin + i] * (REAL)matrix_scale(table, group);
        }
    }
}

/* cos and sin of position * freq, freq = 1 / 10000^(d / head_size) for even d; the same in every layer and head */
static void rope_angles(const struct state *s, int position)
{
    const int head_size = s->checkpoint->config.head_size;
    for (int d = 0; d < head_size; d += 2) {
        const REAL freq = 1 / POW(10000, (REAL)d / (REAL)head_size);
        const REAL angle = (REAL)position * freq;
        s->rope_cos[d / 2] = COS(angle);
        s->rope_sin[d / 2] = SIN(angle);
    }
}

/* Rotates each pair (v[d], v[d+1]) by its angle: (v0 cos - v1 sin, v0 sin + v1 cos). v: (heads, head_size) */
static void rope(const struct state *s, REAL *v, int heads)
{
    const size_t head_size = (size_t)s->checkpoint->config.head_size;
    for (int h = 0; h < heads; h++, v += head_size) {
        for (size_t d = 0; d < head_size; d += 2) {
            const REAL v0 = v[d], v1 = v[d + 1], c = s->rope_cos[d / 2], n = s->rope_sin[d / 2];
            v[d] = v0 * c - v1 * n;
            v[d + 1] = v0 * n + v1 * c;
        }
    }
}

/* att[h][t] = (sum over i of q[h][i] * k[t][i]) / sqrt(head_size), t = 0...position. keys: (positions, kv_dim) */
static void attention_scores(const struct state *s, const REAL *keys, int position)
{
    const struct configuration *c = &s->checkpoint->config;
    const size_t head_size = (size_t)c->head_size, kv_dim = (size_t)c->kv_dim, count = (size_t)position + 1;
    const REAL root = SQRT((REAL)c->head_size);
    PARALLEL_FOR
    for (int h = 0; h < c->n_heads; h++) {
        const size_t kv_head = (size_t)(h / (c->n_heads / c->n_kv_heads));
        const REAL *q = s->q + (size_t)h * head_size;
        REAL *att = s->att + (size_t)h * count;
        for (size_t t = 0; t < count; t++) {
            const REAL *k = keys + t * kv_dim + kv_head * head_size;
            REAL score = 0;
            for (size_t i = 0; i < head_size; i++) score += q[i] * k[i];
            att[t] = score / root;
        }
    }
}

/* att[h][t] = exp(att[h][t] - max) / sum, per head */
static void attention_softmax(const struct state *s, int position)
{
    const int n_heads = s->checkpoint->config.n_heads;
    const size_t count = (size_t)position + 1;
    PARALLEL_FOR
    for (int h = 0; h < n_heads; h++) {
        REAL *att = s->att + (size_t)h * count;
        REAL max = att[0], sum = 0;
        for (size_t t = 1; t < count; t++) {
            if (att[t] > max) max = att[t];
        }
        for (size_t t = 0; t < count; t++) {
            att[t] = EXP(att[t] - max);
            sum += att[t];
        }
        for (size_t t = 0; t < count; t++) att[t] /= sum;
    }
}

/* xb[h][i] = sum over t of att[h][t] * v[t][i]. values: (positions, kv_dim) */
static void attention_mix(const struct state *s, const REAL *values, int position)
{
    const struct configuration *c = &s->checkpoint->config;
    const size_t head_size = (size_t)c->head_size, kv_dim = (size_t)c->kv_dim, count = (size_t)position + 1;
    PARALLEL_FOR
    for (int h = 0; h < c->n_heads; h++) {
        const size_t kv_head = (size_t)(h / (c->n_heads / c->n_kv_heads));
        const REAL *att = s->att + (size_t)h * count;
        REAL *restrict xb = s->xb + (size_t)h * head_size;
        for (size_t i = 0; i < head_size; i++) xb[i] = 0;
        for (size_t t = 0; t < count; t++) {
            const REAL *restrict v = values + t * kv_dim + kv_head * head_size;
            const REAL a = att[t];
            for (size_t i = 0; i < head_size; i++) xb[i] += a * v[i];
        }
    }
}

/* g[i] = g[i] * (1 / (1 + exp(-g[i]))), then times up[i] */
static void swiglu(REAL *restrict g, const REAL *restrict up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REAL value = g[i];
        value *= 1 / (1 + EXP(-value));
        value *= up[i];
        g[i] = value;
    }
}

/* x[i] += branch[i] */
static void add_residual(REAL *restrict x, const REAL *restrict branch, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += branch[i];
}

/* ---- One position ---- */

/* In an int8 run, quantizes the activation that the next matmuls read. */
static void quantize_activation(const struct state *s, const REAL *x, size_t n, enum site values, enum site scales,
                                int layer, int position, struct recorder *recorder)
{
#if IS_FLOAT32
    if (!s->is_int8) return;
    quantize(s->quantized, s->scales, x, n, (size_t)s->checkpoint->config.group_size);
    record(recorder, values, layer, position, s->quantized);
    record(recorder, scales, layer, position, s->scales);
#else
    (void)s, (void)x, (void)n, (void)values, (void)scales, (void)layer, (void)position, (void)recorder;
#endif
}

static void attention(const struct state *s, int layer, int position, struct recorder *recorder)
{
    const struct configuration *c = &s->checkpoint->config;
    const size_t dim = (size_t)c->dim, kv_dim = (size_t)c->kv_dim;
    REAL *const keys = s->key_cache + (size_t)layer * s->positions * kv_dim;
    REAL *const values = s->value_cache + (size_t)layer * s->positions * kv_dim;
    REAL *const k = keys + (size_t)position * kv_dim;
    REAL *const v = values + (size_t)position * kv_dim;

    rmsnorm(s->xb, s->x, s->checkpoint->attention_norms + (size_t)layer * dim, dim);
    record(recorder, XB_ATTN_NORM, layer, position, s->xb);
    quantize_activation(s, s->xb, dim, XQ_ATTN_NORM, XS_ATTN_NORM, layer, position, recorder);
    project(s, s->q, s->xb, WQ, layer);
    record(recorder, Q_PROJ, layer, position, s->q);
    project(s, k, s->xb, WK, layer);
    record(recorder, K_PROJ, layer, position, k);
    project(s, v, s->xb, WV, layer);
    record(recorder, V_PROJ, layer, position, v);
    rope(s, s->q, c->n_heads);
    record(recorder, Q_ROPE, layer, position, s->q);
    rope(s, k, c->n_kv_heads);
    record(recorder, K_ROPE, layer, position, k);
    attention_scores(s, keys, position);
    record(recorder, ATT_SCORES, layer, position, s->att);
    attention_softmax(s, position);
    record(recorder, ATT_SOFTMAX, layer, position, s->att);
    attention_mix(s, values, position);
    record(recorder, XB_ATTN, layer, position, s->xb);
    quantize_activation(s, s->xb, dim, XQ_ATTN, XS_ATTN, layer, position, recorder);
    project(s, s->xb2, s->xb, WO, layer);
    record(recorder, XB2_WO, layer, position, s->xb2);
    add_residual(s->x, s->xb2, dim);
    record(recorder, X_ATTN_RESIDUAL, layer, position, s->x);
}

static void feed_forward(const struct state *s, int layer, int position, struct recorder *recorder)
{
    const struct configuration *c = &s->checkpoint->config;
    const size_t dim = (size_t)c->dim, hidden_dim = (size_t)c->hidden_dim;

    rmsnorm(s->xb, s->x, s->checkpoint->ffn_norms + (size_t)layer * dim, dim);
    record(recorder, XB_FFN_NORM, layer, position, s->xb);
    quantize_activation(s, s->xb, dim, XQ_FFN_NORM, XS_FFN_NORM, layer, position, recorder);
    project(s, s->hb, s->xb, W1, layer);
    record(recorder, HB_W1, layer, position, s->hb);
    project(s, s->hb2, s->xb, W3, layer);
    record(recorder, HB2_W3, layer, position, s->hb2);
    swiglu(s->hb, s->hb2, hidden_dim);
    record(recorder, HB_SWIGLU, layer, position, s->hb);
    quantize_activation(s, s->hb, hidden_dim, HQ_SWIGLU, HS_SWIGLU, layer, position, recorder);
    project(s, s->xb, s->hb, W2, layer);
    record(recorder, XB_W2, layer, position, s->xb);
    add_residual(s->x, s->xb, dim);
    record(recorder, X_FFN_RESIDUAL, layer, position, s->x);
}

static void forward(void *opaque, int token, int position, struct recorder *recorder, float *logits)
{
    const struct state *s = opaque;
    const struct configuration *c = &s->checkpoint->config;
    const size_t dim = (size_t)c->dim, vocab_size = (size_t)c->vocab_size;

    embed(s, token);
    record(recorder, X_EMBED, -1, position, s->x);
    rope_angles(s, position);
    for (int layer = 0; layer < c->n_layers; layer++) {
        attention(s, layer, position, recorder);
        feed_forward(s, layer, position, recorder);
    }
    rmsnorm(s->x, s->x, s->checkpoint->final_norm, dim);
    record(recorder, X_FINAL_NORM, -1, position, s->x);
    quantize_activation(s, s->x, dim, XQ_FINAL_NORM, XS_FINAL_NORM, -1, position, recorder);
    project(s, s->logits, s->x, CLASSIFIER, 0);
    record(recorder, LOGITS, -1, position, s->logits);
    for (size_t i = 0; i < vocab_size; i++) logits[i] = (float)s->logits[i];
}

/* ---- Memory ---- */

/* Returns a zeroed array of a * b * c reals, or null. */
static REAL *reals(size_t a, size_t b, size_t c)
{
    size_t count = 0;
    if (!multiply_sizes(a, b, &count) || !multiply_sizes(count, c, &count)) return NULL;
    return calloc(count, sizeof(REAL));
}

static void close_state(void *opaque)
{
    struct state *s = opaque;
    if (!s) return;
    free(s->x), free(s->xb), free(s->xb2), free(s->q), free(s->att), free(s->hb), free(s->hb2), free(s->logits);
    free(s->key_cache), free(s->value_cache), free(s->rope_cos), free(s->rope_sin), free(s->quantized), free(s->scales);
    free(s);
}

static void *open_state(const struct checkpoint *checkpoint, int positions)
{
    const struct configuration *c = &checkpoint->config;
    const size_t dim = (size_t)c->dim, hidden_dim = (size_t)c->hidden_dim, kv_dim = (size_t)c->kv_dim;
    const size_t most = dim > hidden_dim ? dim : hidden_dim, half_head = (size_t)c->head_size / 2;
    struct state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->checkpoint = checkpoint;
    s->positions = (size_t)positions;
    s->is_int8 = IS_FLOAT32 && c->group_size > 0;
    s->x = reals(dim, 1, 1);
    s->xb = reals(dim, 1, 1);
    s->xb2 = reals(dim, 1, 1);
    s->q = reals(dim, 1, 1);
    s->att = reals((size_t)c->n_heads, s->positions, 1);
    s->hb = reals(hidden_dim, 1, 1);
    s->hb2 = reals(hidden_dim, 1, 1);
    s->logits = reals((size_t)c->vocab_size, 1, 1);
    s->key_cache = reals((size_t)c->n_layers, s->positions, kv_dim);
    s->value_cache = reals((size_t)c->n_layers, s->positions, kv_dim);
    s->rope_cos = reals(half_head, 1, 1);
    s->rope_sin = reals(half_head, 1, 1);
    s->quantized = calloc(most, sizeof *s->quantized);
    s->scales = calloc(most, sizeof *s->scales);
    if (s->x && s->xb && s->xb2 && s->q && s->att && s->hb && s->hb2 && s->logits && s->key_cache && s->value_cache &&
        s->rope_cos && s->rope_sin && s->quantized && s->scales) {
        return s;
    }
    close_state(s);
    return NULL;
}

const struct engine ENGINE = {open_state, close_state, forward};
