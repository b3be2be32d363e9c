#include "checkpoint.h"

#include <limits.h>
#include <string.h>

/* A checkpoint while its parts are found one after the other. */
struct layout {
    struct checkpoint *checkpoint;
    const char *path;
    struct failure *failure;
    size_t offset; /* where the next part begins */
    bool fits;     /* false once the sizes leave size_t; the file cannot be that long */
};

static const char *const size_names[] = {
    "dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len",
};

enum { SIZE_COUNT = sizeof size_names / sizeof *size_names };

static const uint32_t magic = 0x616b3432;

/* A group's sum of products of two int8 must fit an int32. */
static const int largest_group_size = INT_MAX / (128 * 128);

bool multiply_sizes(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

/* Returns where `count` elements of a size begin, and steps over them. */
static size_t take(struct layout *layout, size_t count, size_t element)
{
    const size_t begin = layout->offset;
    size_t size = 0;
    if (!multiply_sizes(count, element, &size) || size > SIZE_MAX - begin) layout->fits = false;
    else layout->offset += size;
    return begin;
}

static size_t take_product(struct layout *layout, size_t a, size_t b, size_t element)
{
    size_t count = 0;
    if (!multiply_sizes(a, b, &count)) layout->fits = false;
    return take(layout, count, element);
}

/* The pointer to an offset; null while the offsets are not known to be inside the file. */
static const void *at(const struct layout *layout, size_t offset)
{
    const struct mapping *file = &layout->checkpoint->file;
    return layout->fits && offset < file->size ? file->bytes + offset : NULL;
}

static const float *take_floats(struct layout *layout, size_t rows, size_t columns)
{
    return at(layout, take_product(layout, rows, columns, sizeof(float)));
}

/* Takes one matrix for each of `layers` layers. */
static bool take_matrix(struct layout *layout, enum matrix_name name, int layers, int rows, int columns)
{
    struct matrix *matrix = &layout->checkpoint->matrices[name];
    const size_t group_size = (size_t)layout->checkpoint->config.group_size;
    size_t count = 0;
    matrix->rows = (size_t)rows;
    matrix->columns = (size_t)columns;
    if (!multiply_sizes(matrix->rows, matrix->columns, &count)) layout->fits = false;
    if (group_size == 0) {
        matrix->values = at(layout, take_product(layout, (size_t)layers, count, sizeof(float)));
        return true;
    }
    if (count % group_size != 0) {
        return fail(layout->failure, "%s: offset 37: group size: expected a divisor of %d x %d weights, found %zu",
            layout->path, rows, columns, group_size);
    }
    const size_t bytes = count / group_size * sizeof(float); /* cannot overflow unless group_size is below 4 */
    if (count / group_size > SIZE_MAX / sizeof(float) || bytes > SIZE_MAX - count) layout->fits = false;
    const size_t begin = take_product(layout, (size_t)layers, layout->fits ? count + bytes : 0, 1);
    matrix->quantized = at(layout, begin);
    matrix->scales = layout->fits ? at(layout, begin + count) : NULL;
    return true;
}

/* Finds every part of the file, in the order of its version. */
static bool take_weights(struct layout *layout)
{
    struct checkpoint *checkpoint = layout->checkpoint;
    const struct configuration *config = &checkpoint->config;
    const int layers = config->n_layers, dim = config->dim, kv_dim = config->kv_dim, hidden_dim = config->hidden_dim;
    const size_t layer_count = (size_t)layers, width = (size_t)dim;
    const bool norms_first = checkpoint->version > 0;
    bool good = true;
    if (norms_first) {
        checkpoint->attention_norms = take_floats(layout, layer_count, width);
        checkpoint->ffn_norms = take_floats(layout, layer_count, width);
        checkpoint->final_norm = take_floats(layout, 1, width);
    }
    good = good && take_matrix(layout, EMBEDDING, 1, config->vocab_size, dim);
    if (!norms_first) checkpoint->attention_norms = take_floats(layout, layer_count, width);
    good = good && take_matrix(layout, WQ, layers, dim, dim);
    good = good && take_matrix(layout, WK, layers, kv_dim, dim);
    good = good && take_matrix(layout, WV, layers, kv_dim, dim);
    good = good && take_matrix(layout, WO, layers, dim, dim);
    if (!norms_first) checkpoint->ffn_norms = take_floats(layout, layer_count, width);
    good = good && take_matrix(layout, W1, layers, hidden_dim, dim);
    good = good && take_matrix(layout, W2, layers, dim, hidden_dim);
    good = good && take_matrix(layout, W3, layers, hidden_dim, dim);
    if (!norms_first) {
        checkpoint->final_norm = take_floats(layout, 1, width);
        (void)take_floats(layout, (size_t)config->seq_len, (size_t)config->head_size); /* two unused RoPE tables */
    }
    if (config->shared_classifier) checkpoint->matrices[CLASSIFIER] = checkpoint->matrices[EMBEDDING];
    else good = good && take_matrix(layout, CLASSIFIER, 1, config->vocab_size, dim);
    return good;
}

/* Reads the seven sizes and checks each by itself and against the others. `base` is the offset of the first. */
static bool read_sizes(struct checkpoint *checkpoint, const char *path, size_t base, struct failure *failure)
{
    struct configuration *config = &checkpoint->config;
    int sizes[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const int size = mapping_int32(&checkpoint->file, base + 4 * i);
        const bool is_vocabulary = i == 5;
        sizes[i] = size;
        if (is_vocabulary && checkpoint->version == 0) { /* its sign says whether the classifier is the embedding */
            config->shared_classifier = size > 0;
            if (size < 0 && size != INT_MIN) sizes[i] = -size;
        }
        if (sizes[i] <= 0) {
            return fail(failure, "%s: offset %zu: %s: expected a positive number, found %d", path, base + 4 * i,
                size_names[i], size);
        }
    }
    config->dim = sizes[0];
    config->hidden_dim = sizes[1];
    config->n_layers = sizes[2];
    config->n_heads = sizes[3];
    config->n_kv_heads = sizes[4];
    config->vocab_size = sizes[5];
    config->seq_len = sizes[6];
    if (config->dim % config->n_heads != 0) {
        return fail(failure, "%s: offset %zu: n_heads: expected a divisor of dim %d, found %d", path, base + 12,
            config->dim, config->n_heads);
    }
    if (config->n_heads % config->n_kv_heads != 0) {
        return fail(failure, "%s: offset %zu: n_kv_heads: expected a divisor of n_heads %d, found %d", path, base + 16,
            config->n_heads, config->n_kv_heads);
    }
    config->head_size = config->dim / config->n_heads;
    config->kv_dim = config->n_kv_heads * config->head_size;
    if (config->head_size % 2 != 0) {
        return fail(failure, "%s: offset %zu: n_heads: expected an even head size, found dim %d / %d heads = %d", path,
            base + 12, config->dim, config->n_heads, config->head_size);
    }
    return true;
}

/* Reads the header and returns where the weights begin, or 0. */
static size_t read_header(struct checkpoint *checkpoint, const char *path, struct failure *failure)
{
    const struct mapping *file = &checkpoint->file;
    size_t header_size = 28, base = 0;
    if (file->size >= 4 && (uint32_t)mapping_int32(file, 0) == magic) {
        header_size = 256;
        base = 8;
    }
    if (file->size < header_size) {
        fail(failure, "%s: offset %zu: expected a header of %zu bytes, found the end of the file", path, file->size,
            header_size);
        return 0;
    }
    if (base > 0) {
        checkpoint->version = mapping_int32(file, 4);
        if (checkpoint->version != 1 && checkpoint->version != 2) {
            fail(failure, "%s: offset 4: unknown version: expected 1 or 2, found %d", path, checkpoint->version);
            return 0;
        }
    }
    if (!read_sizes(checkpoint, path, base, failure)) return 0;
    if (checkpoint->version > 0) {
        if (file->bytes[36] > 1) {
            fail(failure, "%s: offset 36: shared classifier: expected 0 or 1, found %d", path, file->bytes[36]);
            return 0;
        }
        checkpoint->config.shared_classifier = file->bytes[36] == 1;
    }
    if (checkpoint->version == 2) {
        const int group_size = mapping_int32(file, 37);
        if (group_size <= 0 || group_size > largest_group_size) {
            fail(failure, "%s: offset 37: group size: expected 1 to %d, found %d", path, largest_group_size,
                group_size);
            return 0;
        }
        checkpoint->config.group_size = group_size;
    }
    return header_size;
}

bool checkpoint_open(struct checkpoint *checkpoint, const char *path, struct failure *failure)
{
    struct layout layout = {checkpoint, path, failure, 0, true};
    memset(checkpoint, 0, sizeof *checkpoint);
    if (!mapping_open(&checkpoint->file, path, failure)) return false;
    layout.offset = read_header(checkpoint, path, failure);
    bool good = layout.offset > 0 && take_weights(&layout);
    if (good && !layout.fits) {
        good = fail(failure, "%s: offset %zu: expected more bytes than a file can have, found the end of the file",
            path, checkpoint->file.size);
    } else if (good && layout.offset != checkpoint->file.size) {
        const bool cut = checkpoint->file.size < layout.offset;
        good = fail(failure, "%s: offset %zu: expected a file of %zu bytes, found %s (%zu bytes)", path,
            cut ? checkpoint->file.size : layout.offset, layout.offset,
            cut ? "the end of the file" : "more data", checkpoint->file.size);
    }
    if (!good) checkpoint_close(checkpoint);
    return good;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    mapping_close(&checkpoint->file);
}

struct matrix checkpoint_matrix(const struct checkpoint *checkpoint, enum matrix_name name, int layer)
{
    struct matrix matrix = checkpoint->matrices[name];
    const size_t count = matrix.rows * matrix.columns, index = (size_t)layer;
    if (matrix.values) {
        matrix.values += index * count;
    } else {
        const size_t stride = count + count / (size_t)checkpoint->config.group_size * sizeof(float);
        matrix.quantized += index * stride;
        matrix.scales += index * stride;
    }
    return matrix;
}
