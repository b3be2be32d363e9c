"""Both programs against what llama2.c itself computed: text, tokens and every intermediate value, bit for bit.

The data is not part of the repository. LLAMA2_MODELS names the folder of checkpoints and tokenizers, LLAMA2_UPSTREAM that of
the values; the defaults, relative to the repository, are ../shared/models and ../shared/upstream. Where a folder is absent the
tests are skipped and say so.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))
import tracefile  # noqa: E402

MODELS = pathlib.Path(os.environ.get("LLAMA2_MODELS", ROOT.parent / "shared" / "models"))
UPSTREAM = pathlib.Path(os.environ.get("LLAMA2_UPSTREAM", ROOT.parent / "shared" / "upstream"))
BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
OUTSIDE_LAYERS = tracefile.SITES[:1] + tracefile.SITES[-4:]
PROGRAMS = ("tracedump", "llama2-reference")
UNITS = ("baseline", "avx2", "avx512")
THREADS = (1, 2, 5)


@unittest.skipUnless((UPSTREAM / "cases.json").exists() and MODELS.exists(), f"no upstream data in {UPSTREAM}")
@unittest.skipUnless(all((BIN / name).exists() for name in PROGRAMS), f"the programs are not in {BIN}")
class UpstreamTests(unittest.TestCase):
    def test_cases(self):
        cases = json.loads((UPSTREAM / "cases.json").read_text())
        self.assertGreater(len(cases), 0)
        for case in cases:
            for program in PROGRAMS:
                with self.subTest(case=case["name"], program=program), tempfile.TemporaryDirectory() as folder:
                    trace_path = pathlib.Path(folder) / "out.trace"
                    self.assertEqual(self.run_case(case, program, trace_path), case["stdout_hex"])
                    trace = tracefile.read_trace(trace_path)
                    self.assertEqual(trace.problems, [])
                    self.assertEqual(list(trace.tokens), case["tokens"])
                    if case.get("tensors"):
                        self.compare_values(trace, np.load(UPSTREAM / case["tensors"]))

    def run_case(self, case, program, trace_path, options=()):
        result = subprocess.run(
            [BIN / program, MODELS / case["checkpoint"], "-z", MODELS / case["tokenizer"], "-o", trace_path,
             *case["arguments"], *options], capture_output=True, check=True)
        return result.stdout.hex()

    def test_threads_and_vectors(self):
        """Text and trace of every case are those of the default, which test_cases judges, byte for byte."""
        with tempfile.TemporaryDirectory() as folder:
            cases = json.loads((UPSTREAM / "cases.json").read_text())
            default, found = pathlib.Path(folder) / "default.trace", pathlib.Path(folder) / "found.trace"
            expected = {}
            for case in cases:
                text = self.run_case(case, "tracedump", default)
                expected[case["name"]] = text, default.read_bytes()
            for unit in UNITS:
                with self.subTest(vectors=unit):
                    if not self.is_available(unit):
                        self.skipTest("this processor does not have the vector unit " + unit)
                    for case in cases:
                        for threads in THREADS:
                            text = self.run_case(case, "tracedump", found, ["--vectors", unit, "--threads", str(threads)])
                            is_same = (text, found.read_bytes()) == expected[case["name"]]
                            self.assertTrue(is_same, (case["name"], unit, threads))

    def is_available(self, unit):
        result = subprocess.run([BIN / "tracedump", "missing.bin", "--vectors", unit], capture_output=True, text=True)
        return "a unit that this processor has" not in result.stderr

    def compare_values(self, trace, upstream):
        self.assertEqual({site for site, _, _ in trace.records}, set(upstream.files))
        # One array per site, (positions, values...) or (positions, layers, values...): every one of them is a record.
        layers, positions = trace.header["n_layers"], len(trace.tokens)
        wanted = {(site, layer, position) for site in upstream.files for position in range(positions)
                  for layer in ([None] if site in OUTSIDE_LAYERS else range(layers))}
        self.assertEqual(set(trace.records), wanted)
        self.assertEqual(len(trace.records), positions * sum(1 if site in OUTSIDE_LAYERS else layers for site in upstream.files))
        for site in upstream.files:
            shape = (positions,) if site in OUTSIDE_LAYERS else (positions, layers)
            self.assertEqual(upstream[site].shape[: len(shape)], shape, site)
        for (site, layer, position), found in trace.records.items():
            expected = upstream[site][position] if layer is None else upstream[site][position, layer]
            if site.startswith("att."):
                expected = expected[:, : position + 1]
            self.assertEqual(found.shape, expected.shape, (site, layer, position))
            is_values = site.startswith(("xq.", "hq."))
            self.assertEqual(found.dtype, np.int8 if is_values else np.float32, (site, layer, position))
            bits = np.ascontiguousarray(found, dtype=np.float32).view(np.uint32)
            wanted = np.ascontiguousarray(expected, dtype=np.float32).view(np.uint32)
            self.assertTrue(np.array_equal(bits, wanted), (site, layer, position))

    def test_tokenizer(self):
        cases = json.loads((UPSTREAM / "tokenizer.json").read_text())
        self.assertGreater(len(cases), 0)
        with tempfile.TemporaryDirectory() as folder:
            large = pathlib.Path(folder) / "large.bin"
            subprocess.run(
                [BIN / "llama2-synthesize", "tiny", "--vocab", "32000", "-o", large, "--tokenizer", "none"],
                check=True, capture_output=True)
            models = {"tok512.bin": MODELS / "stories260K.bin", "tokenizer.bin": large}
            for case in cases:
                for program in PROGRAMS:
                    with self.subTest(text=case["text"], tokenizer=case["tokenizer"], program=program):
                        result = subprocess.run(
                            [BIN / program, models[case["tokenizer"]], "-z", MODELS / case["tokenizer"],
                             "--print-tokens", "-i", case["text"]], capture_output=True, check=True, text=True)
                        self.assertEqual([int(token) for token in result.stdout.split()], case["tokens"])


if __name__ == "__main__":
    unittest.main()
