/* What went wrong, as one line of text. */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdbool.h>
#include <stddef.h>

struct failure {
    char text[1024]; /* empty while nothing has gone wrong */
};

/* Copies text so that it stays on one line and hides nothing: control characters and bytes that are not UTF-8 are
 * escaped. What does not fit into `size` bytes is cut off. */
void make_visible(char *visible, size_t size, const char *text);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
/* Notes what went wrong, made visible, and returns false, so that a check reads `return fail(failure, ...)`. */
bool fail(struct failure *failure, const char *format, ...);

#endif
