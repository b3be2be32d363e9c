/* A file's bytes, mapped into memory. */
#ifndef MAPPING_H
#define MAPPING_H

#include <stddef.h>

#include "failure.h"

struct mapping {
    const unsigned char *bytes;
    size_t size;
};

/* Maps a regular, non-empty file for reading. */
bool mapping_open(struct mapping *mapping, const char *path, struct failure *failure);

/* Unmaps it; a mapping of all zeros is left alone. */
void mapping_close(struct mapping *mapping);

/* The little-endian values at an offset, which may be unaligned; the caller has checked that they are there. */
int mapping_int32(const struct mapping *mapping, size_t offset);
float mapping_float32(const struct mapping *mapping, size_t offset);

#endif
