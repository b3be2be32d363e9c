#if defined(__linux__)
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#endif

#include "file_space.h"

void file_space_reserve(int descriptor, int64_t byte_count)
{
#if defined(__linux__)
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    if (offset >= 0) (void)fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, (off_t)byte_count);
#else
    (void)descriptor;
    (void)byte_count;
#endif
}
