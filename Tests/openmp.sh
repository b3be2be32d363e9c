#!/bin/sh
# The C program on several threads: openmp.sh PROGRAM SYNTHESIZE. A build with OpenMP writes the bytes that PROGRAM,
# built without, writes; where the compiler has no OpenMP, that is said. CC and CFLAGS are the compiler and its flags.
set -eu
program=$1
synthesize=$2
folder=build/openmp
rm -rf "$folder"
mkdir -p "$folder"
# $CC and $CFLAGS are several words each.
if ! ${CC:-cc} ${CFLAGS:-} -fopenmp -o "$folder/reference" reference/*.c -lm 2>"$folder/log"; then
  echo "openmp: SKIPPED: the compiler cannot build with -fopenmp: $(grep -v '^$' "$folder/log" | head -n 1)"
  exit 0
fi
"$synthesize" tiny -o "$folder/tiny.bin" --tokenizer none >/dev/null
if ! OMP_NUM_THREADS=3 OMP_DISPLAY_ENV=true "$folder/reference" "$folder/tiny.bin" --tokens 1 --no-trace 2>&1 |
  grep -q "OMP_NUM_THREADS *= *'3'"; then
  echo 'openmp: the build with -fopenmp does not use OpenMP' >&2
  exit 1
fi
runs=0
for version in 0 2; do
  for preset in tiny '15M --layers 1'; do
    model=$folder/v$version.bin
    # shellcheck disable=SC2086
    "$synthesize" $preset --version $version -o "$model" --tokenizer none >/dev/null
    for precision in f32 f64; do
      "$program" "$model" --precision $precision --tokens 1,5,9,200 -o "$folder/one.trace" 2>/dev/null
      for threads in 2 5; do
        OMP_NUM_THREADS=$threads "$folder/reference" "$model" --precision $precision --tokens 1,5,9,200 \
          -o "$folder/many.trace" 2>/dev/null
        cmp "$folder/one.trace" "$folder/many.trace" || exit 1
        runs=$((runs + 1))
      done
    done
  done
done
echo "openmp: $runs runs on 2 and 5 threads, the same bytes"
