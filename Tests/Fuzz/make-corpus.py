"""Makes the small seed files in Tests/Fuzz/corpus from the built programs and numpy: python3 Tests/Fuzz/make-corpus.py"""

import pathlib
import re
import subprocess
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "Tests" / "Fuzz" / "corpus"
SHAPE = ["--dim", "8", "--hidden-dim", "12", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--vocab", "20",
         "--seq-len", "4"]

# Fits the arrays that the fuzz target reads through mappings.
SAMPLE_MAPPING = """\
tensor q -> q.rope axes=layer,position,head,element rope=halves layers=1
tensor h.{layer} -> x.ffn_residual axes=position,feature layers=-1 positions=2 # h.1, h.2
tensor s -> mine.s axes=head,position,key
tensor "x {position}" -> x.embed
tokens ids axes=batch,position batch=0
tensor raw -> mine axes=position,feature dtype=bfloat16
tensor {site}/layer{layer}/pos{position} -> {site}
set dim = 8
set producer = "a \\"sample\\""
"""


def save(reader, name, data):
    folder = CORPUS / reader
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


with tempfile.TemporaryDirectory() as name:
    temporary = pathlib.Path(name)
    for version in ("0", "1", "2"):
        model = temporary / f"v{version}.bin"
        extra = ["--group-size", "4"] if version == "2" else []
        subprocess.run([ROOT / "bin/llama2-synthesize", "tiny", *SHAPE, "--version", version, *extra, "-o", model],
                       check=True, stdout=subprocess.DEVNULL)
        data = model.read_bytes()
        save("checkpoint", f"v{version}.bin", data)
        save("checkpoint", f"v{version}-cut.bin", data[: len(data) // 2])
        trace = temporary / "t.trace"
        subprocess.run([ROOT / "bin/llama2-reference", model, "--tokens", "1,5", "-o", trace], check=True,
                       stderr=subprocess.DEVNULL)
        data = trace.read_bytes()
        save("trace", f"v{version}.trace", data)
        golden = temporary / "t.golden"
        subprocess.run([ROOT / "bin/tracediff", "golden", "record", trace, "-o", golden], check=True,
                       stderr=subprocess.DEVNULL)
        save("golden", f"v{version}.golden", golden.read_bytes())
        save("trace", f"v{version}-cut.trace", data[: len(data) - 200])
        if version != "1":
            for reader in ("npz", "safetensors"):
                arrays = temporary / f"a.{reader}"
                subprocess.run([ROOT / "bin/tracediff", "export", trace, "--only", "x.embed,*.attn_norm,att.softmax,logits",
                                "-o", arrays], check=True, stderr=subprocess.DEVNULL)
                data = arrays.read_bytes()
                save(reader, f"v{version}.{reader}", data)
                save(reader, f"v{version}-cut.{reader}", data[: len(data) - 100])
    # The last trace against itself, and against one of another prompt.
    history = temporary / "h.jsonl"
    other = temporary / "o.trace"
    subprocess.run([ROOT / "bin/llama2-reference", model, "--tokens", "1,6", "-o", other], check=True,
                   stderr=subprocess.DEVNULL)
    for commit, actual in (("a1", trace), ("b2", other)):
        subprocess.run([ROOT / "bin/tracediff", "history", "append", history, trace, actual, "--commit", commit],
                       check=True, stdout=subprocess.DEVNULL)
    save("history", "two.jsonl", history.read_bytes())
    stack = numpy.arange(12, dtype="<f4").reshape(2, 3, 2)
    numpy.savez(temporary / "numpy.npz", a=stack, ids=numpy.arange(3), raw=stack.astype("<u2"))
    save("npz", "numpy.npz", (temporary / "numpy.npz").read_bytes())
    page = (ROOT / "docs/mapping.md").read_text()
    for number, mapping in enumerate(re.findall("```mapping\n(.*?)```", page, re.S)):
        save("mapping", f"page-{number}.map", mapping.encode())
    save("mapping", "sample.map", SAMPLE_MAPPING.encode())
    tokenizer = (temporary / "v0.tokenizer.bin").read_bytes()
    save("tokenizer", "whole.bin", tokenizer)
    save("tokenizer", "cut.bin", tokenizer[: len(tokenizer) // 2])
