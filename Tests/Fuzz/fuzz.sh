#!/bin/sh
# make fuzz: each reader (or those in FUZZ_READERS) under libFuzzer for FUZZ_SECONDS (60), from the corpus in the
# repository. A crash ends the run with a reproducer in build/fuzz.
set -eu
seconds=${FUZZ_SECONDS:-60}
folder=build/fuzz
export FUZZ=1 SWIFT_BACKTRACE=enable=no
system=$(uname -s)
if [ "$system" = Darwin ]; then
  echo 'fuzz: Xcode has no libFuzzer for Swift; use a toolchain from swift.org' >&2
fi
mkdir -p "$folder"

# Links a reader's library whole into a program; libFuzzer brings its main function.
link() {
  if [ "$system" = Darwin ]; then
    swiftc -sanitize=fuzzer -o "$2" -Xlinker -force_load -Xlinker "$1"
  else
    swiftc -sanitize=fuzzer -o "$2" -Xlinker --whole-archive "$1" -Xlinker --no-whole-archive
  fi
}

for reader in ${FUZZ_READERS:-Checkpoint Tokenizer Trace Npz Safetensors Mapping Golden History}; do
  name=Fuzz$reader
  swift build -c release --scratch-path "$folder/swift" --product "$name" \
    -Xswiftc -sanitize=fuzzer -Xswiftc -parse-as-library >"$folder/build.log" 2>&1 || { cat "$folder/build.log" >&2; exit 1; }
  library=$(find "$folder/swift/release/" -name "lib$name.a" | head -n 1)
  link "$library" "$folder/$name" 2>"$folder/link.log" || { cat "$folder/link.log" >&2; exit 1; }
  lower=$(echo "$reader" | tr '[:upper:]' '[:lower:]')
  mkdir -p "$folder/corpus/$lower"
  status=0
  "$folder/$name" -max_total_time="$seconds" -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$folder/$lower-" "$folder/corpus/$lower" "Tests/Fuzz/corpus/$lower" >"$folder/$lower.log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$folder/$lower.log" >&2
    echo "fuzz: $reader failed; run $folder/$name with the file named above" >&2
    exit 1
  fi
  echo "$reader: $(grep -o 'number_of_executed_units: .*' "$folder/$lower.log"), $(grep -o 'cov: [0-9]*' "$folder/$lower.log" | tail -n 1)"
done
