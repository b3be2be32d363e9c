"""Makes the small seed files in Tests/Fuzz/corpus from the built programs: python3 Tests/Fuzz/make-corpus.py"""

import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "Tests" / "Fuzz" / "corpus"
SHAPE = ["--dim", "8", "--hidden-dim", "12", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--vocab", "20",
         "--seq-len", "4"]


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
        save("trace", f"v{version}-cut.trace", data[: len(data) - 200])
    tokenizer = (temporary / "v0.tokenizer.bin").read_bytes()
    save("tokenizer", "whole.bin", tokenizer)
    save("tokenizer", "cut.bin", tokenizer[: len(tokenizer) // 2])
