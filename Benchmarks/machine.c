/* What this machine can do at most: `machine THREADS` prints, for so many threads together, the bytes read from memory
 * and the multiply-adds of float32 computed per second, in units of 10^9. Built with -ffp-contract=fast a multiply-add is
 * one fused instruction, with -ffp-contract=off a multiplication and an addition, as exact arithmetic needs. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
typedef float vector __attribute__((vector_size(WIDTH)));

enum {
    CHAINS = 12,            /* independent sums, enough to hide the latency of both instructions, few enough for registers */
    LANES = WIDTH / 4
};
#ifndef BYTES
#define BYTES (1 << 28) /* per thread, far beyond any cache */
#endif
#ifndef DURATION
#define DURATION 0.5 /* seconds */
#endif
static const double duration = DURATION;

struct job {
    pthread_t thread;
    vector *values;
    double bytes, multiply_adds; /* per second */
    float sink;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static float total(const vector *sums)
{
    float result = 0;
    for (int i = 0; i < CHAINS; i++) {
        for (int lane = 0; lane < LANES; lane++) result += sums[i][lane];
    }
    return result;
}

static void *read_memory(void *opaque)
{
    struct job *job = opaque;
    const size_t count = BYTES / sizeof(vector) / CHAINS * CHAINS;
    vector sums[CHAINS] = {{0}};
    double passes = 0, start = now(), end;
    do {
        for (size_t i = 0; i < count; i += CHAINS) {
            for (size_t c = 0; c < CHAINS; c++) sums[c] += job->values[i + c];
        }
        passes++;
        end = now();
    } while (end - start < duration);
    job->bytes = passes * (double)(count * sizeof(vector)) / (end - start);
    job->sink += total(sums);
    return NULL;
}

static void *multiply_add(void *opaque)
{
    struct job *job = opaque;
    const int steps = 1 << 20;
    vector sums[CHAINS], factor, term;
    for (int lane = 0; lane < LANES; lane++) factor[lane] = 0.5f + job->sink * 0, term[lane] = 0.25f + job->sink * 0;
    for (int c = 0; c < CHAINS; c++) sums[c] = factor * (float)c;
    double rounds = 0, start = now(), end;
    do {
        for (int i = 0; i < steps; i++) {
            for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * factor + term;
        }
        rounds++;
        end = now();
    } while (end - start < duration);
    job->multiply_adds = rounds * steps * CHAINS * LANES / (end - start);
    job->sink += total(sums);
    return NULL;
}

static int run_all(struct job *jobs, int threads, void *(*body)(void *))
{
    for (int t = 0; t < threads; t++) {
        if (pthread_create(&jobs[t].thread, NULL, body, &jobs[t]) != 0) return 1;
    }
    for (int t = 0; t < threads; t++) pthread_join(jobs[t].thread, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    struct job *jobs = calloc((size_t)(threads > 0 ? threads : 1), sizeof *jobs);
    double bytes = 0, multiply_adds = 0;
    if (!jobs || threads < 1) return 2;
    for (int t = 0; t < threads; t++) {
        void *memory = NULL;
        if (posix_memalign(&memory, 4096, BYTES) != 0) return 2;
        memset(memory, 0, BYTES); /* touched, so that every page is memory of its own */
        jobs[t].values = memory;
    }
    if (run_all(jobs, threads, read_memory) || run_all(jobs, threads, multiply_add)) return 2;
    float sink = 0;
    for (int t = 0; t < threads; t++) {
        bytes += jobs[t].bytes;
        multiply_adds += jobs[t].multiply_adds;
        sink += jobs[t].sink;
    }
    printf("%.3f %.3f %s\n", bytes * 1e-9, multiply_adds * 1e-9, sink == 1 ? " " : "");
    return 0;
}
