#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lost_pages.h"

static char text[256];
static size_t text_length;
static int exit_status;

/* Calls nothing but what POSIX lists as safe in a handler. */
static void report(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code == BUS_ADRERR) {
        ssize_t written = write(STDERR_FILENO, text, text_length);
        (void)written;
        _exit(exit_status);
    }
    /* The instruction is repeated when this returns, and then the signal has its own effect. */
    signal(number, SIG_DFL);
}

void lost_pages_report(const char *message, int status)
{
    text_length = strlen(message);
    if (text_length > sizeof text - 1) text_length = sizeof text - 1;
    memcpy(text, message, text_length);
    exit_status = status;

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = report;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
