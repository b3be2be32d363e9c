/* PARALLEL_FOR before a loop spreads its iterations over threads where the compiler has OpenMP (-fopenmp), and is
 * nothing elsewhere. It stands only before loops whose iterations are independent, so no bit depends on it. */
#ifndef PARALLEL_H
#define PARALLEL_H

#ifdef _OPENMP
#define PARALLEL_FOR _Pragma("omp parallel for schedule(static)")
#else
#define PARALLEL_FOR
#endif

#endif
