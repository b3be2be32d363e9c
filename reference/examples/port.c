/* port.c - a small hand port of the Llama 2 forward pass, made traceable with tracefile.h.
 *
 *     cc -std=c99 -O2 -ffp-contract=off -I reference reference/examples/port.c -lm -o port
 *     ./port CHECKPOINT TRACE TOKEN...        e.g.  ./port stories15M.bin port.trace 1 9038 2501 263 931
 *     tracediff reference.trace port.trace
 *
 * CHECKPOINT is a version 0 file. Each TOKEN is the input of one position. Tracing adds the lines that begin with
 * `tracefile_`: one after each step of the forward pass, with the site that the buffer then is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tracefile.h"

typedef struct {
    int dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len;
} Config; /* vocab_size is negative in the file where the classifier is not the embedding table */

static float *x, *xb, *xb2, *q, *hb, *hb2, *att, *logits; /* activations */
static float *keys, *values;                              /* caches: (n_layers, seq_len, kv_dim) */

static void *checked(void *pointer) {
    if (!pointer) {
        fprintf(stderr, "port: out of memory\n");
        exit(2);
    }
    return pointer;
}

static float *zeros(size_t count) {
    return (float *)checked(calloc(count, sizeof(float)));
}

/* o[j] = w[j] * x[j] / rms(x) */
static void rmsnorm(float *o, const float *in, const float *w, int n) {
    float s = 0;
    for (int j = 0; j < n; j++) s += in[j] * in[j];
    s = 1.0f / sqrtf(s / (float)n + 1e-5f);
    for (int j = 0; j < n; j++) o[j] = w[j] * (s * in[j]);
}

/* out (d) = w (d, n) in (n) */
static void matmul(float *out, const float *in, const float *w, int n, int d) {
    for (int i = 0; i < d; i++) {
        float sum = 0;
        for (int j = 0; j < n; j++) sum += w[(size_t)i * (size_t)n + (size_t)j] * in[j];
        out[i] = sum;
    }
}

/* rotates each pair of each head of v (n) by its frequency times the position */
static void rope(float *v, int n, int head_size, int pos) {
    for (int i = 0; i < n; i += 2) {
        float freq = 1.0f / powf(10000.0f, (float)(i % head_size) / (float)head_size);
        float c = cosf((float)pos * freq), s = sinf((float)pos * freq), v0 = v[i], v1 = v[i + 1];
        v[i] = v0 * c - v1 * s;
        v[i + 1] = v0 * s + v1 * c;
    }
}

static void softmax(float *a, int n) {
    float max = a[0], sum = 0;
    for (int i = 1; i < n; i++) max = a[i] > max ? a[i] : max;
    for (int i = 0; i < n; i++) sum += a[i] = expf(a[i] - max);
    for (int i = 0; i < n; i++) a[i] /= sum;
}

/* Runs one position. w: the weights, in the order of a version 0 checkpoint. */
static void forward(const Config *p, const float *w, int token, int pos, tracefile *trace) {
    const int dim = p->dim, hidden_dim = p->hidden_dim, head_size = dim / p->n_heads;
    const int kv_dim = p->n_kv_heads * head_size, count = pos + 1, vocab_size = abs(p->vocab_size);
    const size_t d = (size_t)dim, kd = (size_t)kv_dim, hd = (size_t)hidden_dim, layers = (size_t)p->n_layers;
    const float *embedding = w, *attention_norm = embedding + (size_t)vocab_size * d;
    const float *wq = attention_norm + layers * d, *wk = wq + layers * d * d, *wv = wk + layers * kd * d;
    const float *wo = wv + layers * kd * d, *ffn_norm = wo + layers * d * d, *w1 = ffn_norm + layers * d;
    const float *w2 = w1 + layers * hd * d, *w3 = w2 + layers * d * hd, *final_norm = w3 + layers * hd * d;

    memcpy(x, embedding + (size_t)token * d, d * sizeof(float));
    tracefile_token(trace, pos, token, NULL, 0);
    tracefile_vector(trace, "x.embed", -1, pos, x, d);
    for (int l = 0; l < p->n_layers; l++) {
        const size_t layer = (size_t)l;
        float *layer_keys = keys + layer * (size_t)p->seq_len * kd, *k = layer_keys + (size_t)pos * kd;
        float *layer_values = values + layer * (size_t)p->seq_len * kd, *v = layer_values + (size_t)pos * kd;

        rmsnorm(xb, x, attention_norm + layer * d, dim);
        tracefile_vector(trace, "xb.attn_norm", l, pos, xb, d);
        matmul(q, xb, wq + layer * d * d, dim, dim);
        tracefile_vector(trace, "q.proj", l, pos, q, d);
        matmul(k, xb, wk + layer * kd * d, dim, kv_dim);
        tracefile_vector(trace, "k.proj", l, pos, k, kd);
        matmul(v, xb, wv + layer * kd * d, dim, kv_dim);
        tracefile_vector(trace, "v.proj", l, pos, v, kd);
        rope(q, dim, head_size, pos);
        tracefile_vector(trace, "q.rope", l, pos, q, d);
        rope(k, kv_dim, head_size, pos);
        tracefile_vector(trace, "k.rope", l, pos, k, kd);

        for (int h = 0; h < p->n_heads; h++) {
            const size_t kv_head = (size_t)(h / (p->n_heads / p->n_kv_heads) * head_size);
            for (int t = 0; t < count; t++) {
                const float *qh = q + h * head_size, *kt = layer_keys + (size_t)t * kd + kv_head;
                float score = 0;
                for (int i = 0; i < head_size; i++) score += qh[i] * kt[i];
                att[(size_t)h * (size_t)count + (size_t)t] = score / sqrtf((float)head_size);
            }
        }
        tracefile_matrix(trace, "att.scores", l, pos, att, (size_t)p->n_heads, (size_t)count);
        for (int h = 0; h < p->n_heads; h++) softmax(att + (size_t)h * (size_t)count, count);
        tracefile_matrix(trace, "att.softmax", l, pos, att, (size_t)p->n_heads, (size_t)count);
        for (int h = 0; h < p->n_heads; h++) {
            const size_t kv_head = (size_t)(h / (p->n_heads / p->n_kv_heads) * head_size);
            float *out = xb + h * head_size;
            for (int i = 0; i < head_size; i++) out[i] = 0;
            for (int t = 0; t < count; t++) {
                const float a = att[(size_t)h * (size_t)count + (size_t)t];
                for (int i = 0; i < head_size; i++) out[i] += a * layer_values[(size_t)t * kd + kv_head + (size_t)i];
            }
        }
        tracefile_vector(trace, "xb.attn", l, pos, xb, d);
        matmul(xb2, xb, wo + layer * d * d, dim, dim);
        tracefile_vector(trace, "xb2.wo", l, pos, xb2, d);
        for (int i = 0; i < dim; i++) {
            x[i] += xb2[i];
        }
        tracefile_vector(trace, "x.attn_residual", l, pos, x, d);

        rmsnorm(xb, x, ffn_norm + layer * d, dim);
        tracefile_vector(trace, "xb.ffn_norm", l, pos, xb, d);
        matmul(hb, xb, w1 + layer * hd * d, dim, hidden_dim);
        tracefile_vector(trace, "hb.w1", l, pos, hb, hd);
        matmul(hb2, xb, w3 + layer * hd * d, dim, hidden_dim);
        tracefile_vector(trace, "hb2.w3", l, pos, hb2, hd);
        for (int i = 0; i < hidden_dim; i++) {
            float gate = hb[i];
            gate *= 1.0f / (1.0f + expf(-gate));
            hb[i] = gate * hb2[i];
        }
        tracefile_vector(trace, "hb.swiglu", l, pos, hb, hd);
        matmul(xb, hb, w2 + layer * d * hd, hidden_dim, dim);
        tracefile_vector(trace, "xb.w2", l, pos, xb, d);
        for (int i = 0; i < dim; i++) {
            x[i] += xb[i];
        }
        tracefile_vector(trace, "x.ffn_residual", l, pos, x, d);
    }
    rmsnorm(x, x, final_norm, dim);
    tracefile_vector(trace, "x.final_norm", -1, pos, x, d);
    /* a separate classifier follows the final norm and two unused tables of (seq_len, head_size / 2) */
    matmul(logits, x, p->vocab_size > 0 ? embedding : final_norm + d + p->seq_len * head_size, dim, vocab_size);
    tracefile_vector(trace, "logits", -1, pos, logits, (size_t)vocab_size);
}

/* Reads a token: decimal digits and nothing else, below the vocabulary's size. Returns -1 for anything else. */
static int parse_token(const char *text, size_t vocab_size) {
    size_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9' && value < vocab_size; c++) value = value * 10 + (size_t)(*c - '0');
    return c > text && *c == '\0' && value < vocab_size ? (int)value : -1;
}

/* Writes what is wrong, and returns the exit status. */
static int fail(tracefile *trace, const char *subject, const char *problem) {
    fprintf(stderr, "port: %s%s%s\n", subject, *subject && *problem ? ": " : "", problem);
    tracefile_abandon(trace);
    return 2;
}

int main(int argc, char **argv) {
    Config p;
    if (argc < 4) return fail(NULL, "usage: port CHECKPOINT TRACE TOKEN...", "");
    /* a version 1 or 2 file begins with a magic number, which would be taken for dim */
    FILE *file = fopen(argv[1], "rb");
    if (!file) return fail(NULL, argv[1], strerror(errno));
    if (fread(&p, sizeof p, 1, file) != 1) return fail(NULL, argv[1], "too short for a checkpoint");
    if (p.dim == 0x616b3432) return fail(NULL, argv[1], "this port reads version 0 checkpoints alone");

    tracefile *trace = tracefile_open(argv[2], "port 1.0");
    if (tracefile_describe_checkpoint(trace, argv[1]) != 0) { /* it also checks the sizes and the file's length */
        return fail(trace, tracefile_error(trace), "");
    }
    const size_t dim = (size_t)p.dim, hidden_dim = (size_t)p.hidden_dim, layers = (size_t)p.n_layers;
    const size_t seq_len = (size_t)p.seq_len, vocab_size = (size_t)abs(p.vocab_size);
    const size_t head_size = dim / (size_t)p.n_heads, kv_dim = (size_t)p.n_kv_heads * head_size;
    const size_t count = vocab_size * dim * (p.vocab_size > 0 ? 1 : 2) + dim + seq_len * head_size +
                         layers * dim * (2 + 2 * dim + 2 * kv_dim + 3 * hidden_dim);
    if ((size_t)argc - 3 > seq_len) return fail(trace, "more tokens than the model has positions", argv[3 + seq_len]);
    for (int i = 3; i < argc; i++) {
        if (parse_token(argv[i], vocab_size) < 0) return fail(trace, argv[i], "not a token of the model");
    }
    float *weights = zeros(count);
    if (fread(weights, sizeof(float), count, file) != count) return fail(trace, argv[1], "the weights cannot be read");
    fclose(file);
    x = zeros(dim), xb = zeros(dim), xb2 = zeros(dim), q = zeros(dim), hb = zeros(hidden_dim), hb2 = zeros(hidden_dim);
    att = zeros((size_t)p.n_heads * seq_len), logits = zeros(vocab_size);
    keys = zeros(layers * seq_len * kv_dim), values = zeros(layers * seq_len * kv_dim);

    for (int pos = 0; pos < argc - 3; pos++) forward(&p, weights, parse_token(argv[pos + 3], vocab_size), pos, trace);
    if (tracefile_close(trace) != 0) return fail(trace, tracefile_error(trace), "");
    free(weights);
    return 0;
}
