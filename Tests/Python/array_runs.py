"""What the tests of arrays as traces share: random runs in stacks, and tracediff in a temporary folder.

LLAMA2_BIN names the folder of the programs. Tests with the package safetensors are skipped where it is not installed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np

try:
    import safetensors
    import safetensors.numpy
except ImportError:
    safetensors = None

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(ROOT, "reference"))
import tracefile  # noqa: E402

PROGRAMS = os.environ.get("LLAMA2_BIN", os.path.join(ROOT, "bin"))
SITES = [site for site in tracefile.SITES if not site.startswith(("xq.", "xs.", "hq.", "hs."))]
LAYERS, POSITIONS, HEADS, KV_HEADS, SIZE, HIDDEN, VOCAB = 3, 5, 4, 2, 6, 20, 11
WIDTHS = {"k.proj": KV_HEADS * SIZE, "v.proj": KV_HEADS * SIZE, "k.rope": KV_HEADS * SIZE, "hb.w1": HIDDEN, "hb2.w3": HIDDEN,
          "hb.swiglu": HIDDEN, "logits": VOCAB}


def without_layers(site):
    return site in ("x.embed", "x.final_norm", "logits")


def random_run(seed, positions=POSITIONS, layers=LAYERS):
    """Stacks of random numbers by site: [layer, position, ...], or [position, ...] outside the layers."""
    rng = np.random.default_rng(seed)
    run = {}
    for site in SITES:
        shape = (positions,) if without_layers(site) else (layers, positions)
        shape += (HEADS, positions) if site.startswith("att.") else (WIDTHS.get(site, HEADS * SIZE),)
        run[site] = rng.normal(size=shape).astype(np.float32)
    return run


def records_of(run):
    """The records that a stack holds, by key."""
    records = {}
    for site, stack in run.items():
        for layer in [None] if without_layers(site) else range(len(stack)):
            rows = stack if layer is None else stack[layer]
            for position, row in enumerate(rows):
                records[site, layer, position] = row[:, :position + 1] if site.startswith("att.") else row
    return records


def halved(stack, size=SIZE):
    """Heads with their even elements first."""
    heads = stack.reshape(stack.shape[:-1] + (-1, size))
    return np.concatenate([heads[..., 0::2], heads[..., 1::2]], -1).reshape(stack.shape)


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def tracediff(self, *arguments, status=0):
        result = subprocess.run([os.path.join(PROGRAMS, "tracediff"), *map(str, arguments)], capture_output=True, timeout=60)
        self.assertEqual(result.returncode, status, (arguments, result.stderr.decode()))
        return result

    def export(self, *arguments, to="out.npz"):
        self.tracediff("export", *arguments, "-o", self.path(to))
        return self.path(to)

    def refused(self, *arguments):
        """The one line that an export ends with which cannot be made."""
        result = self.tracediff("export", *arguments, "-o", self.path("refused.npz"), status=2)
        lines = result.stderr.decode().splitlines()
        self.assertEqual((len(lines), result.stdout), (1, b""), lines)
        self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("refused")])
        self.assertTrue(lines[0].startswith("tracediff: "), lines)
        return lines[0][len("tracediff: "):]

    def exported(self, path):
        """The records of an exported .npz, by key, and its metadata."""
        records = {}
        with np.load(path) as arrays:
            metadata = json.loads(arrays["trace.json"])
            for name in arrays.files:
                match = re.fullmatch(r"(.+?)(?:/layer(\d+))?/pos(\d+)", name)
                if match:
                    site, layer, position = match.groups()
                    records[site, None if layer is None else int(layer), int(position)] = arrays[name]
        return records, metadata

    def assertRecords(self, path, expected):
        found = self.exported(path)[0]
        self.assertEqual(set(found), set(expected))
        for key, array in expected.items():
            self.assertEqual(found[key].shape, array.shape, key)
            self.assertEqual(found[key].tobytes(), np.ascontiguousarray(array).tobytes(), key)
