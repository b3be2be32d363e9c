#!/bin/sh
# make demo: a model is made and traced in Swift and in C; the traces are identical; then a real porting mistake is
# planted in a copy of the example port, and tracediff names it.
set -eu
folder=${DEMO_FOLDER:-build/demo}
rm -rf "$folder"
mkdir -p "$folder"
tokens=1,17,203,45,99,120,31,260

# Bold on a terminal, plain in a file.
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

say '1. A synthetic model: 3 layers, 6 heads, 2 key and value heads'
bin/llama2-synthesize tiny -o "$folder/tiny.bin"

say '2. The same run in Swift and in C'
bin/tracedump "$folder/tiny.bin" --tokens "$tokens" -z "$folder/tiny.tokenizer.bin" -o "$folder/swift.trace" >/dev/null
bin/llama2-reference "$folder/tiny.bin" --tokens "$tokens" -z "$folder/tiny.tokenizer.bin" \
  -o "$folder/c.trace" >/dev/null

say '3. Are they the same?   tracediff c.trace swift.trace'
bin/tracediff "$folder/c.trace" "$folder/swift.trace"

say '4. A hand-written port, with a mistake: the residual adds xb where it should add xb2'
sed 's/x\[i\] += xb2\[i\];/x[i] += xb[i];/' reference/examples/port.c > "$folder/port.c"
if cmp -s reference/examples/port.c "$folder/port.c"; then
  echo 'make demo: the line to change is not in the example' >&2
  exit 2
fi
diff reference/examples/port.c "$folder/port.c" || true
# shellcheck disable=SC2086 # CC may be several words, as in CC='gcc -m64'
${CC:-cc} -std=c11 -O2 -ffp-contract=off -Ireference -o "$folder/port" "$folder/port.c" -lm
"$folder/port" "$folder/tiny.bin" "$folder/port.trace" $(echo "$tokens" | tr , ' ') >/dev/null

say '5. Where do they part?   tracediff c.trace port.trace'
status=0
bin/tracediff "$folder/c.trace" "$folder/port.trace" > "$folder/report.txt" || status=$?
cat "$folder/report.txt"
if [ "$status" -ne 1 ] || ! head -n 1 "$folder/report.txt" | grep -q 'x.attn_residual, layer 0, position 0'; then
  echo 'make demo: tracediff did not name x.attn_residual, layer 0, position 0' >&2
  exit 2
fi
say 'Found: x.attn_residual, layer 0, position 0 - the very line that was changed.'
