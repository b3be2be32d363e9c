"""Tests of reference/tracefile.h through Tests/C/emitter.c, built as C99 and, where there is a compiler for it, as C++17.

LLAMA2_BUILD names the folder with emitter-c99 and emitter-cxx17 (build, by default; `make test-programs` makes them).
"""

import mmap
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
import unittest

import numpy as np

from folder_case import FolderTestCase

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(ROOT, "reference"))
import tracefile  # noqa: E402
from tracefile import read_trace  # noqa: E402

BUILD = os.environ.get("LLAMA2_BUILD", os.path.join(ROOT, "build"))
EMITTERS = [os.path.join(BUILD, name) for name in ("emitter-c99", "emitter-cxx17")]
FORMAT = os.path.join(ROOT, "docs", "trace-format.md")


class TestCase(FolderTestCase):
    def setUp(self):
        super().setUp()
        self.partial = self.path + ".partial"
        self.emitters = [path for path in EMITTERS if os.path.exists(path)]
        if not self.emitters:
            self.skipTest("no emitter-c99 in LLAMA2_BUILD (%s): run make test-programs" % BUILD)

    def emit(self, emitter, case, *arguments, status=0, **options):
        result = subprocess.run([emitter, case, *map(str, arguments)], capture_output=True, timeout=60, **options)
        self.assertEqual((result.returncode, result.stderr), (status, b""), (emitter, case, arguments))
        return result.stdout.decode().rstrip("\n")

    def clear(self):
        for name in os.listdir(self.folder):
            if name.startswith("a.trace"):
                os.unlink(os.path.join(self.folder, name))


class EmitterTests(TestCase):
    def test_the_worked_example_byte_for_byte(self):
        with open(FORMAT, encoding="utf-8") as file:
            block = file.read().split("## A worked example")[1].split("```hexdump\n")[1].split("```")[0]
        expected = b""
        for row in re.findall(r"^[0-9A-F]{4}  (00 \* \d+|[0-9A-F]{2}(?: [0-9A-F]{2})*)(?:  |$)", block, re.M):
            expected += bytes(int(row[5:])) if "*" in row else bytes.fromhex(row)
        self.assertEqual(len(expected), 576)
        for emitter in self.emitters:
            self.emit(emitter, "example", self.path)
            with open(self.path, "rb") as file:
                self.assertEqual(file.read().hex(" "), expected.hex(" "))
            self.assertEqual(os.listdir(self.folder), ["a.trace"])

    def test_types_ranks_and_names_in_no_order(self):
        for emitter in self.emitters:
            self.emit(emitter, "types", self.path)
            trace = read_trace(self.path)
            self.assertEqual(trace.problems, [])
            self.assertEqual(trace.tokens, [-1, -1, 8, -1, -1, 7])
            self.assertEqual((trace.tokens[2].text, trace.tokens[5].text), (b"", None))
            self.assertEqual([(key, a.dtype.name, a.shape) for key, a in trace.records.items()], [
                (("half", 3, 5), "float16", (1, 2, 3)), (("logits", None, 2), "float32", ()),
                (("brain", 1, 5), "float32", (3, 1, 2, 1)), (("brain", 0, 2), "float32", (3, 1, 2, 1)),
                (("att.scores", 0, 2), "float32", (2, 3)), (("a.double", None, 5), "float64", (3,)),
                (("x.embed", None, 2), "int8", (2, 2)), (("half", 0, 5), "float32", (0, 7))])
            self.assertIsInstance(trace.records["brain", 0, 2], tracefile.BFloat16Array)
            records = {key: array.tolist() for key, array in trace.records.items()}
            self.assertEqual(records["half", 3, 5], [[[1, -2.5, np.inf], [-0.0, 2 ** -24, 0.333251953125]]])
            self.assertEqual(np.ravel(records["brain", 1, 5]).tolist()[:3], [1, -2.5, np.inf])
            self.assertEqual(records["a.double", None, 5], [0.1, -1e300, 5e-324])
            self.assertEqual(records["x.embed", None, 2], [[-128, -1], [0, 127]])
            self.assertEqual((records["logits", None, 2], records["att.scores", 0, 2]), (1.5, [[1, 2, 3], [4, 5, 6]]))
            # Python writes the same: it sorts, so what C wrote out of order is sorted once.
            tracefile.write_trace(self.path + "2", trace.header, trace.tokens, trace.records)
            again = read_trace(self.path + "2")
            self.assertEqual({key: array.tobytes() for key, array in again.records.items()},
                             {key: array.tobytes() for key, array in trace.records.items()})

    def test_records_twice_end_in_an_error_that_names_them(self):
        for emitter in self.emitters:
            self.assertEqual(self.emit(emitter, "twice", self.path, -2), "0")
            self.assertEqual((read_trace(self.path).problems, len(read_trace(self.path).records)), ([], 123))
            for layer, name in ((-1, "a, position 2"), (0, "a, layer 0, position 2"), (39, "a, layer 39, position 2")):
                self.clear()
                message = self.emit(emitter, "twice", self.path, layer)
                self.assertRegex(message, "^-1 0 .*/a.trace: %s is recorded twice, at offsets [0-9]+ and [0-9]+$" % name)
                self.assertEqual(os.listdir(self.folder), ["a.trace.partial"])
                # Readers agree: the first counts, and it is said.
                trace = read_trace(self.partial)
                self.assertEqual(len(trace.records), 123)
                offset = int(message.split()[-1])
                self.assertEqual(trace.problems[0], "%s is there a second time at offset %d; the first one is used"
                                 % (name, offset))

    def test_errors_stick(self):
        expected = {
            0: "producer", 1: "producer", 2: "header field producer: the name is reserved", 3: "name must be",
            4: "dim: expected type i, not r", 5: "token 1 at position -1", 6: "token -1 at position 0",
            7: "position 0 has no token yet", 8: "too late", 9: "position 0 has a token already", 10: "1 to 255 bytes",
            11: "forbidden character, number 1", 12: "layer -2", 13: "position 1 has no token yet", 14: "dtype from 1 to 5, found 6",
            15: "0 to 4 dimensions, found 5", 16: "product is too large", 17: "has no values", 18: "No such file",
        }
        for emitter in self.emitters:
            for number, message in expected.items():
                self.clear()
                found = self.emit(emitter, "wrong", self.path, number)
                self.assertTrue(found.startswith("-1 2 " if number == 18 else "-1 0 "), found)
                self.assertIn(message, found)
                # Nothing was written but what came before; a file without a byte is not left.
                left = os.listdir(self.folder)
                self.assertEqual(left, [] if number < 8 else ["a.trace.partial"], (number, left))
            self.assertEqual(self.emit(emitter, "null"), "0 12 out of memory")

    def test_a_full_device_and_a_full_file(self):
        for emitter in self.emitters:
            if os.path.exists("/dev/full"):
                self.assertEqual(self.emit(emitter, "full", "/dev/full"),
                                 "-1 28 /dev/full: offset 0: No space left on device")
            import resource
            found = self.emit(emitter, "full", self.path,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000)))
            self.assertRegex(found, r"^-1 27 .*/a.trace.partial: offset 10000: File too large$")
            trace = read_trace(self.partial)
            self.assertEqual((len(trace.records), trace.complete), (2, False))
            self.assertEqual(os.listdir(self.folder), ["a.trace.partial"])

    @unittest.skipUnless(sys.platform == "linux", "limits of address space are Linux's")
    def test_far_positions_take_no_memory(self):
        import resource
        for emitter in self.emitters:
            limit = 100 << 20
            self.assertEqual(self.emit(emitter, "far", self.path,
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))), "0")
            with open(self.path, "rb") as file:
                data = file.read()
            positions = [struct.unpack_from("<I", data, 128 + 64 * i + 12)[0] for i in range(11)]
            self.assertEqual(positions[:3], [2147483647, 0, 2])
            self.assertEqual(len(set(positions)), 11)

    @unittest.skipUnless(os.path.exists("/proc/self/status"), "needs Linux's /proc")
    def test_memory_per_record(self):
        """At most 64 bytes for a token or a record, the check at the end included; 2 MB are the process's own."""
        for emitter in self.emitters:
            count = 300000
            memory = int(self.emit(emitter, "many", "/dev/null", count))
            self.assertGreater(memory, 24 * 2 * count, "the index alone takes that")
            self.assertLessEqual(memory, 64 * 2 * count + 2e6)

    def test_what_is_printed_never_lands_in_the_trace(self):
        for emitter in self.emitters:
            self.emit(emitter, "closed", self.path)
            trace = read_trace(self.path)
            self.assertEqual((trace.problems, trace.tokens), ([], [1]))

    def test_a_partial_file_that_is_mapped_stays(self):
        for emitter in self.emitters:
            with open(self.partial, "wb") as file:
                file.write(b"older" * 1000)
            with open(self.partial, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self.emit(emitter, "example", self.path)
                self.assertEqual(os.fstat(file.fileno()).st_size, 5000)
                self.assertEqual(mapped[:], b"older" * 1000)


class DescribeTests(TestCase):
    SIZES = (8, 12, 2, 4, 2, 10, 6)

    def checkpoint(self, version, shared=True, group=4):
        dim, hidden, layers, heads, kv_heads, vocab, length = self.SIZES
        norms = (2 * layers + 1) * dim
        weights = vocab * dim * (1 if shared else 2) + layers * (2 * dim * dim + 2 * 4 * dim + 3 * hidden * dim)
        if version == 0:
            sizes = self.SIZES[:5] + (vocab if shared else -vocab, length)
            return struct.pack("<7i", *sizes) + bytes(4 * (norms + weights + length * 2))
        head = struct.pack("<Ii7iB", 0x616B3432, version, *self.SIZES, shared)
        if version == 2:
            return (head + struct.pack("<i", group)).ljust(256, b"\0") + bytes(4 * norms + weights + weights // group * 4)
        return head.ljust(256, b"\0") + bytes(4 * (norms + weights))

    def describe(self, emitter, data):
        path = os.path.join(self.folder, "model.bin")
        with open(path, "wb") as file:
            file.write(data)
        self.clear()
        return self.emit(emitter, "describe", self.path, path)

    def test_as_python_does(self):
        for emitter in self.emitters:
            for version in (0, 1, 2):
                for shared in (True, False):
                    self.assertEqual(self.describe(emitter, self.checkpoint(version, shared)), "0")
                    expected = tracefile.describe_checkpoint(os.path.join(self.folder, "model.bin"))
                    self.assertEqual(read_trace(self.path).header, dict(expected, producer="describe"))

    def test_refused_with_offset_expected_and_found(self):
        good, v0 = self.checkpoint(2), self.checkpoint(0)
        cases = [
            (b"", "offset 0: expected a header of 28 bytes, found the end of the file"),
            (v0[:27], "offset 27: expected a header of 28 bytes, found the end of the file"),
            (good[:255], "offset 255: expected a header of 256 bytes, found the end of the file"),
            (good[:4] + struct.pack("<i", 3) + good[8:], "offset 4: version: expected 1 or 2, found 3"),
            (good[:36] + b"\2" + good[37:], "offset 36: shared classifier: expected 0 or 1, found 2"),
            (good[:37] + bytes(4) + good[41:], "offset 37: group size: expected a positive number, found 0"),
            (good[:37] + struct.pack("<i", -4) + good[41:], "offset 37: group size: expected a positive number, found -4"),
            (good[:37] + struct.pack("<i", 3) + good[41:], "offset 37: group size: expected a divisor of 10 x 8 weights, found 3"),
            (good[:28] + struct.pack("<i", -10) + good[32:], "offset 28: vocab_size: expected a positive number, found -10"),
            (struct.pack("<7i", 8, 12, 2, 3, 1, 10, 6), "offset 12: n_heads: expected a divisor of dim 8, found 3"),
            (struct.pack("<7i", 8, 12, 2, 4, 3, 10, 6), "offset 16: n_kv_heads: expected a divisor of n_heads 4, found 3"),
            (struct.pack("<7i", 12, 12, 2, 4, 2, 10, 6), "offset 12: head size (dim / n_heads): expected an even number, found 3"),
            (struct.pack("<7i", 0, 12, 2, 4, 2, 10, 6), "offset 0: dim: expected a positive number, found 0"),
            (struct.pack("<7i", 8, 12, 2, 4, 2, -(1 << 31), 6), "vocab_size: expected a positive number, found -2147483648"),
            (struct.pack("<7i", *[(1 << 31) - 2, (1 << 31) - 1, (1 << 31) - 1, 1, 1, (1 << 31) - 1, (1 << 31) - 1]),
             "found the end of the file"),
        ]
        for version in (0, 1, 2):
            data = self.checkpoint(version)
            cases += [(data[:-1], "offset %d: expected a file of %d bytes, found the end of the file" % (len(data) - 1, len(data))),
                      (data + b"\0", "offset %d: expected a file of %d bytes, found more data" % (len(data), len(data)))]
        for emitter in self.emitters:
            for data, message in cases:
                found = self.describe(emitter, data)
                self.assertRegex(found, r"^-1 0 .*/model.bin: offset [0-9]+: ")
                self.assertIn(message, found)
                self.assertEqual(os.listdir(self.folder), ["model.bin"])
                with self.assertRaises(tracefile.TraceError):
                    tracefile.describe_checkpoint(os.path.join(self.folder, "model.bin"))

    def test_the_checkpoint_is_not_replaced(self):
        path = os.path.join(self.folder, "model.bin")
        for emitter in self.emitters:
            data = self.checkpoint(0)
            with open(path, "wb") as file:
                file.write(data)
            found = self.emit(emitter, "describe", path, path)
            self.assertIn("model.bin: the trace would replace the checkpoint", found)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), data)


class KilledTests(TestCase):
    """A writer acknowledges each record on a pipe; whatever ends it, the file holds at least what was acknowledged."""

    PYTHON = """
import os, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import tracefile
trace = tracefile.TraceWriter(sys.argv[2], {"producer": "acknowledge"})
trace.token(0, 1)
values = np.zeros(300, np.float32)
for i in range(int(sys.argv[3])):
    values[0] = i
    trace.record("a", i, 0, values)
    os.write(1, b"\\0")
os.abort()
"""

    def writers(self, count):
        for emitter in self.emitters:
            yield [emitter, "acknowledge", self.path, str(count)]
        yield [sys.executable, "-c", self.PYTHON, os.path.join(ROOT, "reference"), self.path, str(count)]

    def check(self, acknowledged, what):
        trace = read_trace(self.partial)
        self.assertFalse(trace.complete, what)
        layers = [layer for _, layer, _ in trace.records]
        self.assertEqual(layers, list(range(len(layers))), what)
        self.assertTrue(all(array[0] == layer for (_, layer, _), array in trace.records.items()), what)
        self.assertGreaterEqual(len(layers), acknowledged, what)

    def test_aborted(self):
        for command in self.writers(57):
            self.clear()
            result = subprocess.run(command, capture_output=True)
            self.assertEqual((result.returncode, len(result.stdout)), (-signal.SIGABRT, 57), command)
            self.check(57, command)

    def test_killed(self):
        seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 32)))
        print("KILL_SEED=%d" % seed, file=sys.stderr)
        generator = random.Random(seed)
        for turn in range(4):
            for command in self.writers(1 << 30):
                self.clear()
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                    acknowledged = len(process.stdout.read(1))
                    time.sleep(generator.uniform(0, 0.02))
                    process.kill()
                    acknowledged += len(process.stdout.read())
                self.check(acknowledged, "KILL_SEED=%d, turn %d, %s" % (seed, turn, command[0]))
                self.assertGreater(acknowledged, 0)


if __name__ == "__main__":
    unittest.main()
