/* What a signal handler must do is not possible in Swift, whose runtime may allocate or lock at any place. */
#ifndef LOST_PAGES_H
#define LOST_PAGES_H

/* From now on, reading a page of a mapped file that is no longer there (the file was cut short, or its disk fails) writes
 * `message` to standard error and ends the process with `status`, instead of ending it by SIGBUS without a word. The message is
 * copied, and cut at 255 bytes; it should end with a newline. Any other SIGBUS ends the process as before. */
void lost_pages_report(const char *message, int status);

#endif
