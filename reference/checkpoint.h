/* llama2.c checkpoints: v0 and v1 (float32) and v2 (int8), mapped into memory. */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdint.h>
#include <string.h>

#include "mapping.h"

/* Sizes of the model; all are positive. */
struct configuration {
    int dim;        /* of the activations between the layers */
    int hidden_dim; /* of the feed-forward network */
    int n_layers;
    int n_heads;    /* query heads; divides dim */
    int n_kv_heads; /* key and value heads; divides n_heads */
    int vocab_size;
    int seq_len;    /* positions at most */
    int head_size;  /* dim / n_heads, even */
    int kv_dim;     /* n_kv_heads * head_size */
    int group_size; /* values per quantization scale; 0 in a float32 checkpoint */
    bool shared_classifier; /* the classifier is the embedding table */
};

/* A weight matrix (rows, columns), row-major; one row per output. Either `values` is set, or the other two are. */
struct matrix {
    size_t rows, columns;
    const float *values;         /* (rows, columns) */
    const int8_t *quantized;     /* (rows, columns) */
    const unsigned char *scales; /* (rows * columns / group_size) float32, possibly unaligned: see matrix_scale */
};

/* The matrices of a checkpoint. The embedding and the classifier exist once, the others once per layer. */
enum matrix_name {
    EMBEDDING,  /* (vocab_size, dim) */
    WQ,         /* (dim, dim) */
    WK,         /* (kv_dim, dim) */
    WV,         /* (kv_dim, dim) */
    WO,         /* (dim, dim) */
    W1,         /* (hidden_dim, dim) */
    W2,         /* (dim, hidden_dim) */
    W3,         /* (hidden_dim, dim) */
    CLASSIFIER, /* (vocab_size, dim) */
    MATRIX_COUNT
};

struct checkpoint {
    struct mapping file;
    int version; /* 0, 1 or 2 */
    struct configuration config;
    const float *attention_norms;         /* (n_layers, dim) */
    const float *ffn_norms;               /* (n_layers, dim) */
    const float *final_norm;              /* (dim) */
    struct matrix matrices[MATRIX_COUNT]; /* of layer 0 */
};

/* Maps and validates a checkpoint. */
bool checkpoint_open(struct checkpoint *checkpoint, const char *path, struct failure *failure);

void checkpoint_close(struct checkpoint *checkpoint);

/* The matrix of a layer; layer 0 for EMBEDDING and CLASSIFIER. */
struct matrix checkpoint_matrix(const struct checkpoint *checkpoint, enum matrix_name name, int layer);

/* The scale of a group of a quantized matrix, the groups counted over the flat matrix. */
static inline float matrix_scale(const struct matrix *matrix, size_t group)
{
    float scale;
    memcpy(&scale, matrix->scales + group * sizeof scale, sizeof scale);
    return scale;
}

/* Multiplies, and returns false where the product does not fit. */
bool multiply_sizes(size_t a, size_t b, size_t *product);

#endif
