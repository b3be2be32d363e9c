/* What went wrong, as one line of text. */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdbool.h>

struct failure {
    char text[1024]; /* empty while nothing has gone wrong */
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
/* Notes what went wrong and returns false, so that a check reads `return fail(failure, ...)`. */
bool fail(struct failure *failure, const char *format, ...);

#endif
