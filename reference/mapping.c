#define _POSIX_C_SOURCE 200809L

#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool mapping_open(struct mapping *mapping, const char *path, struct failure *failure)
{
    const int file = open(path, O_RDONLY | O_NONBLOCK); /* O_NONBLOCK: do not wait for the writer of a named pipe */
    struct stat status;
    void *bytes = MAP_FAILED;
    bool good = false;
    if (file < 0) return fail(failure, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(file, &status) != 0) {
        fail(failure, "%s: %s", path, strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        fail(failure, "%s: expected a file, found a directory", path);
    } else if (!S_ISREG(status.st_mode)) {
        fail(failure, "%s: expected a regular file, found a pipe or a device", path);
    } else if (status.st_size <= 0) {
        fail(failure, "%s: offset 0: the file is empty", path);
    } else if ((uintmax_t)status.st_size > SIZE_MAX) {
        fail(failure, "%s: the file is too large for this machine", path);
    } else {
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        good = bytes != MAP_FAILED;
        if (!good) fail(failure, "%s: %s", path, strerror(errno));
    }
    (void)close(file);
    if (!good) return false;
    mapping->bytes = bytes;
    mapping->size = (size_t)status.st_size;
    return true;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->bytes) (void)munmap((void *)(uintptr_t)mapping->bytes, mapping->size);
    mapping->bytes = NULL;
    mapping->size = 0;
}

int mapping_int32(const struct mapping *mapping, size_t offset)
{
    int32_t value;
    memcpy(&value, mapping->bytes + offset, sizeof value);
    return value;
}

float mapping_float32(const struct mapping *mapping, size_t offset)
{
    float value;
    memcpy(&value, mapping->bytes + offset, sizeof value);
    return value;
}
