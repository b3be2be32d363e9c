"""reference/tracefile.py beside the rest: checkpoints, the guide, its own command and the C program's traces."""

import itertools
import os
import re
import struct
import subprocess
import sys
import unittest

from tracefile_support import ROOT, MODELS, PROGRAMS, slow_checksum, pattern, TestCase, small_trace

import tracefile
from tracefile import TraceError, read_trace


class CheckpointTests(TestCase):
    SIZES = dict(dim=8, hidden_dim=12, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=10, seq_len=6)

    def checkpoint(self, version=0, shared=True, group=4, **changes):
        sizes = dict(self.SIZES, **changes)
        dim, hidden, layers, heads, kv_heads, vocab, length = sizes.values()
        kv_dim = 4
        norms = (2 * layers + 1) * dim
        weights = vocab * dim * (1 if shared else 2) + layers * (2 * dim * dim + 2 * kv_dim * dim + 3 * hidden * dim)
        if version == 0:
            if not shared:
                sizes["vocab_size"] = -vocab
            return struct.pack("<7i", *sizes.values()) + pattern(4 * (norms + weights + length * 2))
        head = struct.pack("<Ii7iB", 0x616B3432, version, *sizes.values(), shared)
        if version == 2:
            return (head + struct.pack("<i", group)).ljust(256, b"\0") + pattern(4 * norms + weights + weights // group * 4)
        return head.ljust(256, b"\0") + pattern(4 * (norms + weights))

    def describe(self, data):
        path = os.path.join(self.folder, "model.bin")
        with open(path, "wb") as file:
            file.write(data)
        return tracefile.describe_checkpoint(path)

    def test_every_version(self):
        for version, shared in itertools.product((0, 1, 2), (True, False)):
            data = self.checkpoint(version, shared)
            expected = dict(self.SIZES, checkpoint_version=version, shared_classifier=int(shared), rms_norm_eps=1e-5,
                            rope_base=10000.0, checkpoint_fingerprint="%016x" % slow_checksum(data))
            if version == 2:
                expected["group_size"] = 4
            self.assertEqual(self.describe(data), expected)
            self.write(dict(expected, producer="p"))
            self.assertEqual(read_trace(self.path).header, dict(expected, producer="p"))
            for wrong in (data[:-1], data + b"\0"):
                with self.assertRaisesRegex(TraceError, "length of the checkpoint at offset .* expected %d bytes" % len(data)):
                    self.describe(wrong)

    def test_refused(self):
        good = self.checkpoint(2)
        for data, message in (
            (b"", "at least 28 bytes"), (bytes(27), "at least 28 bytes"), (good[:255], "header of 256 bytes"),
            (good[:4] + struct.pack("<i", 3) + good[8:], "version of the checkpoint at offset 4: expected 1 or 2, found 3"),
            (good[:36] + b"\2" + good[37:], "shares the classifier at offset 36"),
            (good[:37] + bytes(4) + good[41:], "group size of the checkpoint at offset 37"),
            (good[:37] + struct.pack("<i", 3) + good[41:], "a divisor of each matrix"),
            (good[:28] + struct.pack("<i", -10) + good[32:], "vocab_size of the checkpoint at offset 28"),
            (struct.pack("<7i", 8, 12, 2, 3, 1, 10, 6), "n_heads"), (struct.pack("<7i", 8, 12, 2, 4, 3, 10, 6), "n_kv_heads"),
            (struct.pack("<7i", 12, 12, 2, 4, 2, 10, 6), "head size"), (struct.pack("<7i", 0, 12, 2, 4, 2, 10, 6), "dim"),
            (struct.pack("<7i", 8, 12, 2, 4, 2, -(1 << 31), 6), "vocab_size"),
            (struct.pack("<7i", *[(1 << 31) - 2, (1 << 31) - 1, (1 << 31) - 1, 1, 1, (1 << 31) - 1, (1 << 31) - 1]), "length"),
        ):
            with self.assertRaises(TraceError) as caught:
                self.describe(data)
            self.assertIn(message, str(caught.exception))
            self.assertIsNotNone(caught.exception.offset)

    def test_real_checkpoints(self):
        if not os.path.exists(os.path.join(MODELS, "stories260K.bin")):
            self.skipTest("no stories260K.bin in LLAMA2_MODELS")
        for name, version in (("stories260K.bin", 0), ("stories260K-v1.bin", 1), ("stories260K-q8.bin", 2)):
            path = os.path.join(MODELS, name)
            fields = tracefile.describe_checkpoint(path)
            with open(path, "rb") as file:
                self.assertEqual(fields["checkpoint_fingerprint"], "%016x" % slow_checksum(file.read()))
            self.assertEqual((fields["checkpoint_version"], fields["dim"], fields["n_kv_heads"]), (version, 64, 4))


class GuideTests(unittest.TestCase):
    def test_the_table_of_the_guide_is_the_site_table(self):
        with open(os.path.join(ROOT, "docs", "tracing-your-port.md"), encoding="utf-8") as file:
            guide = file.read()
        rows = re.findall(r"^\|[^|]*\|[^|]*\| `([^`]+)` \|[^|]*\| `tracefile_\w+\(trace, \"([^\"]+)\", (-1|l), .*"
                          r"`trace\.record\(\"([^\"]+)\", (None|l), pos", guide, re.M)
        quantized = ("xq.", "xs.", "hq.", "hs.")
        self.assertEqual([row[0] for row in rows], [site for site in tracefile.SITES if not site.startswith(quantized)])
        outside = ("x.embed", "x.final_norm", "logits")
        for site, in_c, layer_in_c, in_python, layer_in_python in rows:
            self.assertEqual((in_c, in_python), (site, site))
            self.assertEqual((layer_in_c, layer_in_python), ("-1", "None") if site in outside else ("l", "l"))
        for site in tracefile.SITES:
            self.assertIn("`%s`" % site, guide)


class ProgramTests(TestCase):
    def run_program(self, *arguments):
        return subprocess.run([sys.executable, os.path.join(ROOT, "reference", "tracefile.py"), *arguments],
                              capture_output=True, encoding="utf-8")

    def test_listing(self):
        self.write(*small_trace())
        result = self.run_program(self.path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, """\
producer                 'test 1'
dim                      2
prompt                   'ab'
rope_base                10000.0
tokens                   2, positions 0..1
records                  3
  x.embed                      2 x bfloat16/float32 2, positions 0..1
  q.half                       1 x int8 2x1, layers 0, positions 1
""")

    def test_trouble(self):
        data = self.write(*small_trace())
        with open(self.path, "wb") as file:
            file.write(data[:-64])
        result = self.run_program(self.path)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, "^tracefile.py: cut short")
        for arguments in ([], ["-x"], [self.path, "b"], [self.path + "x"], [self.folder]):
            result = self.run_program(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertRegex(result.stderr, r"\Atracefile\.py: .*\n\Z")

    def test_sites(self):
        result = self.run_program("--sites")
        self.assertEqual((result.returncode, result.stdout.splitlines()), (0, list(tracefile.SITES)))


class ReferenceProgramTests(TestCase):
    def setUp(self):
        super().setUp()
        self.program = os.path.join(PROGRAMS, "llama2-reference")
        if not os.path.exists(self.program):
            self.skipTest("no llama2-reference in LLAMA2_BIN (%s)" % PROGRAMS)

    def test_sites(self):
        listed = subprocess.run([self.program, "--list-sites"], capture_output=True, check=True, encoding="utf-8").stdout
        self.assertEqual([line.split()[0] for line in listed.splitlines() if line], list(tracefile.SITES))

    def test_writing_what_was_read_gives_the_same_bytes(self):
        """C writes, Python reads and writes: the same bytes, on models of llama2-synthesize and on the real ones."""
        synthesize = os.path.join(PROGRAMS, "llama2-synthesize")
        if not os.path.exists(synthesize):
            self.skipTest("no llama2-synthesize in LLAMA2_BIN (%s)" % PROGRAMS)
        models = {}
        for version in "012":
            path = os.path.join(self.folder, "v%s.bin" % version)
            subprocess.run([synthesize, "tiny", "--version", version, "-o", path], check=True, capture_output=True)
            models[path] = os.path.join(self.folder, "v%s.tokenizer.bin" % version)
        real = os.path.join(MODELS, "tok512.bin")
        if os.path.exists(real):
            models.update((os.path.join(MODELS, name), real)
                          for name in ("stories260K.bin", "stories260K-v1.bin", "stories260K-q8.bin"))
        for model, tokenizer in models.items():
            for more in ([], ["--precision", "f64"], ["--only", "q.rope,logits", "--positions", "3"], ["-t", "0.7"]):
                with self.subTest(model=model, more=more):
                    command = [self.program, model, "-z", tokenizer, "-i", "Zo\u00eb", "-n", "6", "-o", self.path]
                    subprocess.run(command + more, check=True, capture_output=True)
                    trace = read_trace(self.path)
                    self.assertEqual((trace.problems, len(trace.tokens)), ([], 6))
                    for field, value in tracefile.describe_checkpoint(model).items():
                        self.assertEqual(trace.header[field], value, field)
                    self.assertEqual(trace.header["prompt"], "Zo\u00eb")
                    with open(self.path, "rb") as file:
                        expected = file.read()
                    self.assertEqual(self.write(trace.header, trace.tokens, trace.records), expected)


if __name__ == "__main__":
    unittest.main()
