#!/bin/sh
# The C program under sanitizers: sanitize.sh PROGRAM SYNTHESIZE. Good input in every arithmetic, then files cut at many
# lengths and with bytes changed: each must end with status 0 or 2, the latter with one line that says why, and never
# with a sanitizer's report.
set -eu
program=$1
synthesize=$2
folder=build/sanitize
rm -rf "$folder"
mkdir -p "$folder"
runs=0

# Runs the program; any status but the wanted ones, or a sanitizer's words, is a failure.
check() {
  wanted=$1
  shift
  status=0
  "$program" "$@" -o "$folder/out.trace" >/dev/null 2>"$folder/errors" || status=$?
  runs=$((runs + 1))
  case " $wanted " in
    *" $status "*) ;;
    *) echo "sanitize: status $status from: $*"; cat "$folder/errors"; exit 1 ;;
  esac
  if grep -q -e 'Sanitizer' -e 'runtime error' "$folder/errors"; then
    echo "sanitize: report from: $*"; cat "$folder/errors"; exit 1
  fi
  if [ "$status" -eq 2 ]; then
    if [ "$(wc -l < "$folder/errors")" -ne 1 ] || ! grep -q '^llama2-reference: ' "$folder/errors"; then
      echo "sanitize: expected one line of error from: $*"; cat "$folder/errors"; exit 1
    fi
  fi
}

for version in 0 1 2; do
  model=$folder/v$version.bin
  "$synthesize" tiny --version $version -o "$model" >/dev/null
  tokenizer=$folder/v$version.tokenizer.bin
  check 0 "$model" -z "$tokenizer" -n 12 -i 'one two'
  check 0 "$model" -z "$tokenizer" -n 12 -t 0.9 -s 5
  check 0 "$model" --precision f64 --tokens 1,5,9
  size=$(wc -c < "$model")
  for cut in 0 1 4 27 28 36 40 41 255 256 257 1000 $((size / 2)) $((size - 1)); do
    head -c "$cut" "$model" > "$folder/cut.bin"
    check 2 "$folder/cut.bin" --tokens 1,2
  done
  offset=0
  while [ $offset -lt 42 ]; do
    for byte in '\000' '\177' '\377'; do
      cp "$model" "$folder/changed.bin"
      printf "$byte" | dd of="$folder/changed.bin" bs=1 seek=$offset conv=notrunc 2>/dev/null
      check '0 2' "$folder/changed.bin" --tokens 1,2
    done
    offset=$((offset + 1))
  done
  size=$(wc -c < "$tokenizer")
  for cut in 0 3 4 11 12 13 $((size / 2)) $((size - 1)); do
    head -c "$cut" "$tokenizer" > "$folder/cut.tok"
    check 2 "$model" -z "$folder/cut.tok" -n 3
  done
done
echo "sanitize: $runs runs of the C program, no report"
