"""Tests of the examples, reference/examples/port.py and port.c: `python3 -m unittest discover Tests/Python`.

LLAMA2_BIN names the folder of the programs, LLAMA2_BUILD that of port-example, which is port.c (`make test-programs`).
"""

import json
import math
import os
import struct
import subprocess
import sys
import unittest
from unittest import mock

import numpy as np

from folder_case import FolderTestCase

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(ROOT, "reference"))
sys.path.insert(0, os.path.join(ROOT, "reference", "examples"))
import port  # noqa: E402
import tracefile  # noqa: E402

MODELS = os.environ.get("LLAMA2_MODELS", os.path.join(ROOT, os.pardir, "shared", "models"))
UPSTREAM = os.environ.get("LLAMA2_UPSTREAM", os.path.join(ROOT, os.pardir, "shared", "upstream"))
PROGRAMS = os.environ.get("LLAMA2_BIN", os.path.join(ROOT, "bin"))
C_PORT = os.path.join(os.environ.get("LLAMA2_BUILD", os.path.join(ROOT, "build")), "port-example")
PORT = os.path.join(ROOT, "reference", "examples", "port.py")
SITES = [site for site in tracefile.SITES if not site.startswith(("xq.", "xs.", "hq.", "hs."))]

UNIT = 2.0 ** -24


def bound(dim, hidden_dim, n_layers, head_size):
    """How far two honest float32 runs may be apart, as a multiple of a record's root mean square.

    A sum of n float32 products is within n units of rounding of its exact value, relative to the products' absolute
    values. A layer chains two norms, the projections and the output projection (dim terms each), the scores (head_size)
    and the way through the feed-forward network (dim, then hidden_dim), each on what the one before gave, and the residual
    stream carries the differences on to the next layer. Taken as if every sum were at its worst in the same
    direction, this adds up to the number below: 1.5e-4 for a model of dim 64, hidden_dim 172 and 5 layers.
    """
    return n_layers * (5 * dim + head_size + hidden_dim) * UNIT


def worst_difference(records, expected):
    """The greatest difference of an element, divided by the expected record's root mean square, and its key."""
    worst, where = 0.0, None
    for key, actual in records.items():
        wanted = np.asarray(expected(*key), dtype=np.float64)
        if actual.shape != wanted.shape or actual.dtype != np.float32:
            return math.inf, key
        scale = math.sqrt(np.mean(wanted * wanted)) or 1.0
        difference = np.abs(actual - wanted).max() / scale
        if not difference <= worst:  # also true of a NaN
            worst, where = difference, key
            if math.isnan(worst):
                return math.inf, where
    return worst, where


def plain_forward(sizes, floats, shared, tokens):
    """llama2.c's forward pass in float64 and plain loops, written independently of port.py: a dict of records."""
    dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len = sizes
    head, kv_dim = dim // n_heads, dim // n_heads * n_kv_heads
    floats = [float(value) for value in floats]
    used = 0

    def take(rows, columns):
        nonlocal used
        start, used = used, used + rows * columns
        return [floats[start + r * columns:start + (r + 1) * columns] for r in range(rows)]

    embedding, attn_norm = take(vocab_size, dim), take(n_layers, dim)
    wq, wk, wv, wo = ([take(rows, dim) for _ in range(n_layers)] for rows in (dim, kv_dim, kv_dim, dim))
    ffn_norm = take(n_layers, dim)
    w1 = [take(hidden_dim, dim) for _ in range(n_layers)]
    w2 = [take(dim, hidden_dim) for _ in range(n_layers)]
    w3 = [take(hidden_dim, dim) for _ in range(n_layers)]
    final_norm = take(1, dim)[0]
    take(seq_len, head)
    classifier = embedding if shared else take(vocab_size, dim)
    assert used == len(floats)

    def norm(x, w):
        s = 1 / math.sqrt(sum(v * v for v in x) / len(x) + 1e-5)
        return [a * (s * b) for a, b in zip(w, x)]

    def times(matrix, x):
        return [sum(a * b for a, b in zip(row, x)) for row in matrix]

    def rotate(v, position):
        out = list(v)
        for i in range(0, len(v), 2):
            angle = position / 10000 ** (i % head / head)
            out[i] = v[i] * math.cos(angle) - v[i + 1] * math.sin(angle)
            out[i + 1] = v[i] * math.sin(angle) + v[i + 1] * math.cos(angle)
        return out

    records, keys, values = {}, [[] for _ in range(n_layers)], [[] for _ in range(n_layers)]
    for position, token in enumerate(tokens):
        x = records["x.embed", None, position] = embedding[token]
        for layer in range(n_layers):
            def put(site, value):
                records[site, layer, position] = value
                return value
            xb = put("xb.attn_norm", norm(x, attn_norm[layer]))
            q, k = put("q.proj", times(wq[layer], xb)), put("k.proj", times(wk[layer], xb))
            values[layer].append(put("v.proj", times(wv[layer], xb)))
            q = put("q.rope", rotate(q, position))
            keys[layer].append(put("k.rope", rotate(k, position)))
            scores, weights, mixed = [], [], []
            for h in range(n_heads):
                at = h // (n_heads // n_kv_heads) * head
                row = [sum(q[h * head + i] * key[at + i] for i in range(head)) / math.sqrt(head) for key in keys[layer]]
                scores.append(row)
                e = [math.exp(s) for s in row]
                weights.append([v / sum(e) for v in e])
                mixed += [sum(a * v[at + i] for a, v in zip(weights[h], values[layer])) for i in range(head)]
            put("att.scores", scores)
            put("att.softmax", weights)
            put("xb.attn", mixed)
            x = put("x.attn_residual", [a + b for a, b in zip(x, put("xb2.wo", times(wo[layer], mixed)))])
            xb = put("xb.ffn_norm", norm(x, ffn_norm[layer]))
            gate, up = put("hb.w1", times(w1[layer], xb)), put("hb2.w3", times(w3[layer], xb))
            hb = put("hb.swiglu", [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)])
            x = put("x.ffn_residual", [a + b for a, b in zip(x, put("xb.w2", times(w2[layer], hb)))])
        x = records["x.final_norm", None, position] = norm(x, final_norm)
        records["logits", None, position] = times(classifier, x)
    return records


class TestCase(FolderTestCase):
    def run_port(self, checkpoint, tokens):
        port.run(checkpoint, self.path, tokens)
        trace = tracefile.read_trace(self.path)
        self.assertEqual((trace.problems, trace.tokens), ([], tokens))
        self.assertEqual(list(trace.records), sorted(trace.records, key=tracefile.execution_order), "execution order")
        self.assertEqual({key[0] for key in trace.records}, set(SITES))
        layers = trace.header["n_layers"]
        self.assertEqual(len(trace.records), len(tokens) * (layers * (len(SITES) - 3) + 3))
        return trace


class SyntheticModelTests(TestCase):
    #        dim hidden layers heads kv vocab seq
    SIZES = (16, 20, 3, 4, 2, 11, 8)
    TOKENS = [1, 10, 0, 7, 7, 3]

    def checkpoint(self, shared):
        """A random checkpoint with grouped heads, and its floats."""
        dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len = self.SIZES
        head = dim // n_heads
        count = (vocab_size * dim * (1 if shared else 2) + n_layers * (2 * dim + 2 * dim * dim + 2 * dim * head * n_kv_heads
                                                                       + 3 * dim * hidden_dim) + dim + seq_len * head)
        floats = np.random.default_rng(11).normal(0, 0.5, count).astype(np.float32)
        sizes = list(self.SIZES)
        if not shared:
            sizes[5] = -vocab_size
        path = os.path.join(self.folder, "model.bin")
        with open(path, "wb") as file:
            file.write(struct.pack("<7i", *sizes) + floats.tobytes())
        return path, floats

    def test_against_plain_loops(self):
        for shared in (True, False):
            path, floats = self.checkpoint(shared)
            expected = plain_forward(self.SIZES, floats, shared, self.TOKENS)
            trace = self.run_port(path, self.TOKENS)
            self.assertEqual(set(trace.records), set(expected))
            worst, where = worst_difference(trace.records, lambda *key: expected[key])
            self.assertLessEqual(worst, bound(16, 20, 3, 4), where)
            self.assertEqual(trace.header["shared_classifier"], int(shared))

    def test_the_comparison_sees_planted_faults(self):
        path, floats = self.checkpoint(True)
        expected = plain_forward(self.SIZES, floats, True, self.TOKENS)

        def split_half(v, position, head_size):
            order = np.arange(head_size).reshape(2, -1).T.reshape(-1)
            rotated = np.empty_like(v)
            rotated[:, order] = honest_rope(v[:, order], position, head_size)
            return rotated

        def other_epsilon(x, weight):
            return weight * (x / np.sqrt(np.mean(x * x) + np.float32(1e-4)))

        honest_rope = port.rope
        for name, fault, first in (("rope", split_half, "q.rope"), ("rmsnorm", other_epsilon, "xb.attn_norm"),
                                   ("swiglu", lambda gate, up: gate * up, "hb.swiglu"),
                                   ("softmax", lambda s: np.exp(s) * np.float32(0.01), "att.softmax")):
            with mock.patch.object(port, name, fault):
                trace = self.run_port(path, self.TOKENS)
            faulty = [key for key, value in trace.records.items()
                      if worst_difference({key: value}, lambda *key: expected[key])[0] > bound(16, 20, 3, 4)]
            self.assertEqual(faulty[0][0], first)
            # Position 0 rotates by nothing, so a wrong rotation first shows at position 1.
            self.assertEqual(faulty[0][1:], (0, 1 if name == "rope" else 0))

    def test_the_program(self):
        path, _ = self.checkpoint(True)

        def run(*arguments):
            return subprocess.run([sys.executable, PORT, *arguments], capture_output=True, encoding="utf-8")
        result = run(path, self.path, "1", "2", "3")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        trace = tracefile.read_trace(self.path)
        self.assertEqual((trace.tokens, trace.complete), ([1, 2, 3], True))
        self.assertEqual(trace.header["producer"], "numpy port 1.0")
        os.unlink(self.path)
        for arguments in ((), (path,), (path, self.path), (path, self.path, "x"), (path, self.path, "11"),
                          (path, self.path, "-1"), (path, self.path, *"123456789"), (path + "x", self.path, "1"),
                          (PORT, self.path, "1"), (path, path, "1")):
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertRegex(result.stderr, r"\Aport\.py: .*\n\Z")
            self.assertFalse(os.path.exists(self.path))


class ReferenceTests(TestCase):
    """Both examples against llama2-reference, on models of llama2-synthesize."""

    #         preset and sizes, and tokens
    MODELS = (
        (["tiny"], [1, 17, 203, 45, 99, 120, 31, 260, 1, 17, 0, 319]),
        (["tiny", "--heads", "4", "--kv-heads", "1", "--dim", "24", "--hidden-dim", "7", "--layers", "2", "--vocab", "261",
          "--seq-len", "5", "--classifier", "shared"], [1, 260, 7, 7, 100]),
        (["tiny", "--heads", "8", "--kv-heads", "8", "--dim", "16", "--layers", "1", "--seq-len", "40"], list(range(1, 41))),
    )

    def setUp(self):
        super().setUp()
        for program in ("llama2-reference", "llama2-synthesize"):
            if not os.path.exists(os.path.join(PROGRAMS, program)):
                self.skipTest("no %s in LLAMA2_BIN (%s)" % (program, PROGRAMS))

    def reference(self, sizes, tokens):
        """The path of a checkpoint, and what llama2-reference records of it."""
        model, path = os.path.join(self.folder, "model.bin"), os.path.join(self.folder, "reference.trace")
        for command in (["llama2-synthesize", *sizes, "-o", model, "--tokenizer", "none"],
                        ["llama2-reference", model, "--tokens", ",".join(map(str, tokens)), "-o", path]):
            subprocess.run([os.path.join(PROGRAMS, command[0]), *command[1:]], check=True, capture_output=True)
        return model, tracefile.read_trace(path)

    def test_port_in_c_records_the_same_bits(self):
        if not os.path.exists(C_PORT):
            self.skipTest("no port-example in LLAMA2_BUILD: run make test-programs")
        for sizes, tokens in self.MODELS:
            model, expected = self.reference(sizes, tokens)
            subprocess.run([C_PORT, model, self.path, *map(str, tokens)], check=True)
            found = tracefile.read_trace(self.path)
            self.assertEqual((found.problems, found.tokens), ([], tokens))
            self.assertEqual(list(found.records), list(expected.records), "the same records in the same order")
            for key, array in expected.records.items():
                self.assertEqual((found.records[key].shape, found.records[key].dtype), (array.shape, array.dtype), key)
                self.assertEqual(found.records[key].tobytes(), array.tobytes(), key)
            known = dict(expected.header, producer="port 1.0")
            self.assertEqual({name: known[name] for name in found.header}, found.header)
            self.assertIn("checkpoint_fingerprint", found.header)

    def test_port_in_python_records_the_same_within_rounding(self):
        for sizes, tokens in self.MODELS:
            model, expected = self.reference(sizes, tokens)
            found = self.run_port(model, tokens)
            self.assertEqual(list(found.records), list(expected.records), "the same records in the same order")
            worst, where = worst_difference(found.records, lambda *key: expected.records[key])
            dim, hidden_dim, layers = (found.header[name] for name in ("dim", "hidden_dim", "n_layers"))
            self.assertLessEqual(worst, bound(dim, hidden_dim, layers, dim // found.header["n_heads"]), where)

    def test_what_port_in_c_refuses(self):
        if not os.path.exists(C_PORT):
            self.skipTest("no port-example in LLAMA2_BUILD: run make test-programs")
        sizes, _ = self.MODELS[1]
        model, _ = self.reference(sizes, [1])
        for version in "12":
            subprocess.run([os.path.join(PROGRAMS, "llama2-synthesize"), "tiny", "--version", version, "--tokenizer", "none",
                            "-o", model + version], check=True, capture_output=True)
        with open(model, "rb") as file:
            data = file.read()
        with open(model + "cut", "wb") as file:
            file.write(data[:-1])
        with open(model + "short", "wb") as file:
            file.write(data[:20])
        os.unlink(os.path.join(self.folder, "reference.trace"))
        left = sorted(os.listdir(self.folder))
        for arguments, message in (
            ((), "usage: port CHECKPOINT TRACE TOKEN..."), ((model, self.path), "usage"),
            ((model, self.path, "x"), "x: not a token"), ((model, self.path, ""), "not a token"),
            ((model, self.path, "1x"), "1x: not a token"), ((model, self.path, "1", "-1"), "-1: not a token"),
            ((model, self.path, "261"), "261: not a token"), ((model, self.path, "9" * 40), "9: not a token"),
            ((model, self.path, *"123456"), "more tokens than the model has positions: 6"),
            ((model + "1", self.path, "1"), "model.bin1: this port reads version 0 checkpoints alone"),
            ((model + "2", self.path, "1"), "model.bin2: this port reads version 0 checkpoints alone"),
            ((model + "cut", self.path, "1"), "offset %d: expected a file of %d bytes" % (len(data) - 1, len(data))),
            ((model + "short", self.path, "1"), "too short"), ((model + "x", self.path, "1"), "No such file"),
            ((model, model, "1"), "the trace would replace the checkpoint"),
            ((model, os.path.join(self.folder, "none", "a"), "1"), "none/a.partial: No such file"),
        ):
            result = subprocess.run([C_PORT, *arguments], capture_output=True, encoding="utf-8")
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertRegex(result.stderr, r"\Aport: [^\n]*\n\Z")
            self.assertIn(message, result.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), left, arguments)


class UpstreamTests(TestCase):
    def test_against_llama2c(self):
        checkpoint = os.path.join(MODELS, "stories260K.bin")
        cases_path = os.path.join(UPSTREAM, "cases.json")
        if not os.path.exists(checkpoint) or not os.path.exists(cases_path):
            self.skipTest("no stories260K.bin in LLAMA2_MODELS or no cases.json in LLAMA2_UPSTREAM")
        with open(cases_path, encoding="utf-8") as file:
            case = next(case for case in json.load(file) if case["name"] == "fp32-once")
        with np.load(os.path.join(UPSTREAM, case["tensors"])) as tensors:
            upstream = {site: tensors[site] for site in tensors.files}
        self.assertEqual(set(upstream), set(SITES))

        def expected(site, layer, position):
            value = upstream[site][position] if layer is None else upstream[site][position, layer]
            return value[:, :position + 1] if site.startswith("att.") else value
        trace = self.run_port(checkpoint, case["tokens"])
        worst, where = worst_difference(trace.records, expected)
        self.assertLessEqual(worst, bound(64, 172, 5, 8), where)
        choices = [int(np.argmax(trace.records["logits", None, position])) for position in range(len(case["tokens"]))]
        prompt = 4  # "Once upon a time" is four tokens after BOS; from there on llama2.c chose
        self.assertEqual(choices[prompt:], case["next"][prompt:], "the tokens that llama2.c generated")


if __name__ == "__main__":
    unittest.main()
