"""What reference/tracefile.py writes comes back, and its writer keeps what it has emitted."""

import itertools
import os
import random
import re
import subprocess
import sys
import threading
import unittest

import numpy as np

from tracefile_support import ROOT, TestCase, small_trace

import tracefile
from tracefile import BFloat16Array, Token, TraceError, TraceWriter, bfloat16, read_trace, write_trace


class RoundTripTests(TestCase):
    def round_trip(self, header, tokens, records):
        data = self.write(header, tokens, records)
        trace = read_trace(self.path)
        self.assertEqual(trace.problems, [])
        self.assertEqual(trace.tokens, [int(token) for token in tokens])
        self.assertEqual([token.text for token in trace.tokens], [getattr(token, "text", None) for token in tokens])
        self.assert_same_records(records, trace.records)
        self.assertEqual(self.write(trace.header, trace.tokens, trace.records), data)
        self.assertEqual(list(trace.records), sorted(records, key=tracefile.execution_order))
        return trace

    def test_every_dtype_and_rank(self):
        generator = np.random.default_rng(5)
        shapes = [(), (1,), (7,), (0,), (3, 5), (0, 4), (4, 0), (2, 3, 4), (0, 0, 0), (2, 1, 3, 5), (1, 0, 2, 9),
                  (1 << 20, 0)]
        records = {}
        for number, shape in enumerate(shapes):
            # Random bytes hold every kind of value: subnormal numbers, infinities, NaNs with a payload.
            raw = generator.integers(0, 256, shape + (8,), dtype=np.uint8)
            for dtype in (np.float32, np.float64, np.float16, np.int8):
                size = np.dtype(dtype).itemsize
                values = np.frombuffer(raw[..., :size].tobytes(), dtype).reshape(shape)
                records["%s.%d" % (np.dtype(dtype).name, number), number, 0] = values
            records["bf.%d" % number, None, 1] = bfloat16(np.frombuffer(raw[..., :2].tobytes(), np.uint16).reshape(shape))
        trace = self.round_trip({"producer": "p"}, [3, 4], records)
        aligned = [a for a in trace.records.values() if a.size and not isinstance(a, BFloat16Array)]
        self.assertTrue(all(a.ctypes.data % 64 == 0 and not a.flags.writeable for a in aligned))

    def test_special_values_keep_their_bits(self):
        bits = np.array([0x7F800001, 0xFFC12345, 0x80000000, 0x7F800000, 1], np.uint32)
        trace = self.round_trip({"producer": "p"}, [1], {("a", None, 0): bits.view(np.float32)})
        self.assertEqual(trace.records["a", None, 0].view(np.uint32).tolist(), bits.tolist())

    def test_other_memory_layouts(self):
        base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        for number, array in enumerate((base.T, base[:, ::-1], base[..., 1], base.astype(">f4"), base[:1, :0],
                                        np.asfortranarray(base), [[1.5, 2.5]], np.float32(3))):
            data = self.write(records={("a", None, 0): array})
            found = read_trace(self.path).records["a", None, 0]
            np.testing.assert_array_equal(found, np.asarray(array), err_msg=str(number))
            self.assertEqual(found.shape, np.shape(array))
            self.assertEqual(len(data) % 64, 0)

    def test_tokens(self):
        self.round_trip({"producer": "p"}, [], {})
        self.round_trip({"producer": "p"}, [Token(0, b""), Token((1 << 31) - 1), -1, Token(3, b"\xff\0\xfe" * 50)], {})
        self.round_trip({"producer": "p"}, [-1, -1, 5], {("x.embed", None, 2): np.zeros(1, np.float32)})
        self.write(tokens=[1, -1, -1])
        self.assertEqual(read_trace(self.path).tokens, [1])
        self.assertEqual(read_trace(self.path).tokens[0].text, None)

    def test_long_names(self):
        for size in (1, 15, 16, 17, 79, 80, 81, 254, 255):
            self.round_trip({"producer": "p"}, [1], {("n" * size, None, 0): np.arange(3, dtype=np.int8)})
        every = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in ",*?=")
        self.round_trip({"producer": "p"}, [1], {(every, (1 << 31) - 1, 0): np.float64(2)})

    def test_bfloat16(self):
        values = np.array([1.0, 1.00390625, 1.01171875, 3.4e38, 1e-40, -np.inf, np.nan, -0.0], np.float32)
        array = bfloat16(values)
        self.assertEqual(array.tolist()[:3], [1.0, 1.0, 1.015625])  # ties go to the even one
        self.assertEqual([array[3], array[5], np.signbit(array[7])], [np.inf, -np.inf, True])
        self.assertTrue(np.isnan(array[6]))
        self.assertTrue(np.isnan(bfloat16(np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32))).all())
        for bits, rounded in ((0x3F808001, 0x3F81), (0xFFFFFFFF, 0xFFFF), (0x7F7FFFFF, 0x7F80)):
            scalar = bfloat16(np.array(bits, np.uint32).view(np.float32))
            self.assertEqual((scalar.shape, int(scalar.view(np.uint32)) >> 16), ((), rounded))
        self.assertIs(type(array * 1.5), np.ndarray)
        self.assertIs(type(array[1:]), BFloat16Array)
        self.assertEqual(bfloat16(np.array([0x3F80, 0xC000], np.uint16)).tolist(), [1.0, -2.0])
        data = self.write(records={("a", None, 0): array})
        self.assertEqual(data[128 + 64 + 4], 4)
        self.assertEqual(data[256:260], b"\x80\x3f\x80\x3f")
        array[2] = 0.1
        with self.assertRaisesRegex(TraceError, "element 2 of a, position 0: expected a bfloat16"):
            self.write(records={("a", None, 0): array})
        with self.assertRaisesRegex(TraceError, "element 0 of a, position 0"):
            self.write(records={("a", None, 0): np.float32([[0.1]]).view(BFloat16Array)})
        self.write(records={("a", None, 0): array.astype(np.float64)})
        self.assertEqual(read_trace(self.path).records["a", None, 0].dtype, np.float64)

    def test_order_of_execution(self):
        sites = tracefile.SITES
        self.assertEqual((len(sites), len(set(sites)), sites[0], sites[-1]), (30, 30, "x.embed", "logits"))
        expected = []
        for position in (0, 1, 10):
            expected.append(("x.embed", None, position))
            for layer in (0, 1, 11):
                expected += [(site, layer, position) for site in sites[1:-4]]
                expected += [("a.foreign", layer, position), ("z.foreign", layer, position)]
            expected += [(site, None, position) for site in sites[-4:]] + [("a", None, position), ("zz", None, position)]
        shuffled = list(expected)
        random.Random(3).shuffle(shuffled)
        self.assertEqual(sorted(shuffled, key=tracefile.execution_order), expected)
        trace = self.round_trip({"producer": "p"}, list(range(11)), {key: np.int8([1]) for key in shuffled})
        self.assertEqual(list(trace.records), expected)

    def test_refused_on_writing(self):
        ok = np.zeros(2, np.float32)

        class Boundless:
            shape, dtype = (1 << 32,), np.dtype("i1")

        for tokens, records, message in (
            ([1], {("x.embed", None, 1): ok}, "position 1 has no token"),
            ([-1, 1], {("x.embed", None, 0): ok}, "position 0 has no token"),
            ([-2], {}, "token at position 0"), ([1 << 31], {}, "token at position 0"), ([1.5], {}, "an integer"),
            (["1"], {}, "an integer"), ([Token(1, 5)], {}, "text of the token"),
            ([1], {("x.embed", None): ok}, "key of a record"), ([1], {"x.embed": ok}, "key of a record"),
            ([1], {("", None, 0): ok}, "name of a record"), ([1], {("x y", None, 0): ok}, "name of a record"),
            ([1], {("a" * 256, None, 0): ok}, "name of a record"), ([1], {("\u00e9", None, 0): ok}, "name of a record"),
            ([1], {(b"x", None, 0): ok}, "name of a record"), ([1], {("a=b", None, 0): ok}, "name of a record"),
            ([1], {("a\n", None, 0): ok}, "name of a record"),
            ([1], {("x", -2, 0): ok}, "layer of x"), ([1], {("x", 1 << 31, 0): ok}, "layer of x"),
            ([1], {("x", 0.5, 0): ok}, "layer of x"), ([1], {("x", 0, -1): ok}, "position of x"),
            ([1], {("x", 0, 1 << 31): ok}, "position of x"), ([1], {("x", 0, None): ok}, "position of x"),
            ([1], {("x", None, 0): ok, ("x", -1, 0): ok}, "twice"),
            ([1], {("x", 0, 0): np.zeros(2, np.int32)}, "dtype of x, layer 0, position 0: expected float32"),
            ([1], {("x", 0, 0): np.zeros(2, bool)}, "dtype"), ([1], {("x", 0, 0): np.zeros(2, np.uint8)}, "dtype"),
            ([1], {("x", 0, 0): np.zeros(2, complex)}, "dtype"), ([1], {("x", 0, 0): None}, "dtype"),
            ([1], {("x", 0, 0): np.zeros((1,) * 5, np.float32)}, "at most 4 dimensions"),
            ([1], {("x", 0, 0): np.broadcast_to(np.int8(0), (1 << 32,))}, "dimension of x"),
        ):
            with self.subTest(message=message):
                with self.assertRaises(TraceError) as caught:
                    self.write(tokens=tokens, records=records)
                self.assertIn(message, str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [], "nothing is written before everything is checked")


class WriterTests(TestCase):
    def test_the_same_bytes_as_write_trace(self):
        header, tokens, records = small_trace()
        expected = self.write(header, tokens, records)
        with TraceWriter(self.path, header) as trace:
            for position, token in enumerate(tokens):
                trace.token(position, token, token.text)
                for key in sorted(records, key=tracefile.execution_order):
                    if key[2] == position:
                        trace.record(*key, records[key])
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), expected)
        self.assertEqual(os.listdir(self.folder), ["a.trace"])

    def test_any_order(self):
        header, tokens, records = small_trace()
        expected = self.write(header, tokens, records)
        for order in itertools.permutations(records):
            with TraceWriter(self.path, header) as trace:
                for position in (1, 0):
                    trace.token(position, tokens[position], tokens[position].text)
                for key in order:
                    trace.record(*key, records[key])
            found = read_trace(self.path)
            self.assertEqual((found.problems, list(found.records)), ([], list(order)))
            self.assert_same_records(records, found.records)
            self.assertEqual(self.write(found.header, found.tokens, found.records), expected)

    def test_everything_emitted_is_in_the_file_at_once(self):
        header, tokens, records = small_trace()
        trace = TraceWriter(self.path, header)
        self.addCleanup(trace.abandon)
        partial = self.path + ".partial"
        self.assertEqual(os.listdir(self.folder), ["a.trace.partial"])
        self.assertEqual(read_trace(partial).header, header)
        trace.token(0, 1, "x")
        self.assertEqual(read_trace(partial).tokens, [1])
        value = np.array([1, 2], np.float32)
        for layer in range(3):
            trace.record("q.rope", layer, 0, value)
            value += 1  # the record holds what the array held then
            found = read_trace(partial)
            self.assertEqual([a.tolist() for a in found.records.values()], [[1.0 + n, 2.0 + n] for n in range(layer + 1)])
            self.assertEqual(found.problems, ["cut short or damaged at offset %d (index and tail are missing)"
                                              % os.path.getsize(partial)])
            self.assertFalse(found.complete)

    def test_an_exception_keeps_the_partial_file(self):
        with open(self.path, "wb") as file:
            file.write(b"older")
        with self.assertRaises(KeyboardInterrupt):
            with TraceWriter(self.path, {"producer": "p"}) as trace:
                trace.token(0, 1)
                trace.record("a", None, 0, np.float32([1]))
                raise KeyboardInterrupt
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.trace", "a.trace.partial"])
        self.assertEqual(list(read_trace(self.path + ".partial").records), [("a", None, 0)])
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"older")
        # What was saved can be made a complete trace of the same name, though its arrays are views of the old file.
        saved = read_trace(self.path + ".partial")
        write_trace(self.path, saved.header, saved.tokens, saved.records)
        self.assertEqual(saved.records["a", None, 0].tolist(), [1])
        self.assertEqual(os.listdir(self.folder), ["a.trace"])
        self.assertTrue(read_trace(self.path).complete)

    def test_a_refused_call_writes_nothing_and_the_writer_goes_on(self):
        with TraceWriter(self.path, {"producer": "p"}) as trace:
            for call in (lambda: trace.record("a", None, 0, np.float32([1])), lambda: trace.token(-1, 1),
                         lambda: trace.token(0, -1), lambda: trace.token(0, 1, 7)):
                self.assertRaises(TraceError, call)
            trace.token(0, 1)
            for call in (lambda: trace.token(0, 1), lambda: trace.record("a b", None, 0, np.float32([1])),
                         lambda: trace.record("a", None, 0, np.int16([1])), lambda: trace.record("a", None, 1, np.float32(1))):
                self.assertRaises(TraceError, call)
            trace.record("a", None, 0, np.float32([1]))
            trace.record("a", 0, 0, np.float32([1]))
            for layer in (None, -1, 0):
                with self.assertRaisesRegex(TraceError, "is written already"):
                    trace.record("a", layer, 0, np.float32([2]))
        self.assertTrue(read_trace(self.path).complete)
        self.assertRaises(TraceError, trace.token, 1, 1)
        trace.close()

    def test_a_failed_write_ends_the_trace(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("needs /dev/full")
        self.assertRaises(OSError, TraceWriter, "/dev/full", {"producer": "p"})
        self.assertRaises(OSError, write_trace, "/dev/full", {"producer": "p"}, [1], {})
        trace = TraceWriter(self.path, {"producer": "p"})
        with open("/dev/full", "wb", buffering=0) as full:
            os.dup2(full.fileno(), trace._file.fileno())
        self.assertRaises(OSError, trace.token, 0, 1)
        self.assertRaisesRegex(TraceError, "earlier write failed", trace.token, 1, 1)
        self.assertRaisesRegex(TraceError, "earlier write failed", trace.close)
        trace.abandon()

    def test_an_error_names_the_file_and_the_offset(self):
        try:
            import resource
        except ImportError:
            self.skipTest("needs limits of resources")
        program = """
import resource, signal, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import tracefile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
with tracefile.TraceWriter(sys.argv[2], {"producer": "p"}) as trace:
    trace.token(0, 1)
    trace.record("a", 0, 0, np.zeros(100, np.float32))
    trace.record("a", 1, 0, np.zeros(100, np.float32))
"""
        result = subprocess.run([sys.executable, "-c", program, os.path.join(ROOT, "reference"), self.path],
                                capture_output=True, encoding="utf-8")
        self.assertEqual(result.returncode, 1)
        self.assertIn("File too large, at offset 1024: %r" % (self.path + ".partial"), result.stderr.splitlines()[-1])
        self.assertEqual(list(read_trace(self.path + ".partial").records), [("a", 0, 0)])
        self.assertFalse(os.path.exists(self.path))

    def test_standard_output_and_closed_descriptors(self):
        header, tokens, records = small_trace()
        expected = self.write(header, tokens, records)
        program = """
import os, sys
sys.path[:0] = sys.argv[1:3]
import tracefile
from tracefile_support import small_trace
if sys.argv[3] != "-":
    os.close(1)
    os.close(2)
trace = tracefile.TraceWriter(sys.argv[3], small_trace()[0])
if sys.argv[3] != "-":
    for file in 1, 2:
        try:
            os.write(file, b"noise of a library")
        except OSError:
            pass
trace.abandon()
tracefile.write_trace(sys.argv[3], *small_trace()) if sys.argv[3] == "-" else None
"""
        def run(path):
            return subprocess.run([sys.executable, "-c", program, os.path.join(ROOT, "reference"),
                                   os.path.dirname(os.path.abspath(__file__)), path], stdout=subprocess.PIPE, cwd=self.folder)
        result = run("-")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, expected[:192] + expected)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "-.partial")))
        path = os.path.join(self.folder, "closed")
        run(path)
        with open(path + ".partial", "rb") as file:
            self.assertEqual(file.read(), expected[:192])

    def test_what_is_no_array_or_no_dict(self):
        with self.assertRaisesRegex(TraceError, "shape of a, position 0: expected rows of one length"):
            self.write(records={("a", None, 0): [[1.0, 2.0], [3.0]]})
        with TraceWriter(self.path, {"producer": "p"}) as trace:
            trace.token(0, 1)
            self.assertRaises(TraceError, trace.record, "a", None, 0, [[1.0], [2.0, 3.0]])
        for records in ([], 3, [(("a", None, 0), np.zeros(1, np.float32))]):
            with self.assertRaisesRegex(TraceError, "records: expected a dict"):
                write_trace(self.path, {"producer": "p"}, [1], records)
        with self.assertRaisesRegex(TraceError, "tokens: expected a list"):
            write_trace(self.path, {"producer": "p"}, 1, {})

    def test_sites_have_their_shapes_and_layers(self):
        sizes = dict(dim=8, hidden_dim=13, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=11, group_size=4)
        kinds = {"k": 4, "v": 4, "hb": 13, "hb2": 13, "hq": 13, "xs": 2, "hs": 3, "logits": 11}
        outside = ("x.embed", "x.final_norm", "xq.final_norm", "xs.final_norm", "logits")
        with TraceWriter(self.path, dict(sizes, producer="p")) as trace:
            trace.token(0, 1)
            trace.token(2, 1)
            for site in tracefile.SITES:
                shape = (4, 3) if site.startswith("att.") else (kinds.get(site.split(".")[0], 8),)
                good, bad = (None, 0) if site in outside else (1, None)
                for wrong in (shape + (1,), (shape[0] + 1,) + shape[1:], ()):
                    with self.assertRaisesRegex(TraceError, "shape of %s.*expected %s, found" % (site, re.escape(str(shape)))):
                        trace.record(site, good, 2, np.zeros(wrong, np.float32))
                layers = [bad] if site in outside else [bad, 2]
                for layer in layers:
                    with self.assertRaisesRegex(TraceError, "layer of %s" % site):
                        trace.record(site, layer, 2, np.zeros(shape, np.float32))
                trace.record(site, good, 2, np.zeros(shape, np.float32))
            trace.record("another", 9, 0, np.zeros((2, 3), np.float32))
        whole = read_trace(self.path)
        self.assertEqual((whole.problems, len(whole.records)), ([], len(tracefile.SITES) + 1))
        # Without sizes nothing can be known; and what was read is written, whatever its shape.
        with TraceWriter(self.path, {"producer": "p"}) as trace:
            trace.token(0, 1)
            trace.record("logits", None, 0, np.zeros((2, 3), np.float32))
        whole.header["dim"] = 7
        write_trace(self.path, whole.header, whole.tokens, whole.records)

    def test_pipes_are_written_and_read_directly(self):
        if not hasattr(os, "mkfifo"):
            self.skipTest("needs named pipes")
        header, tokens, records = small_trace()
        expected = self.write(header, tokens, records)
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        writing = threading.Thread(target=write_trace, args=(pipe, header, tokens, records))
        writing.start()
        found = read_trace(pipe)
        writing.join()
        self.assertTrue(found.complete)
        self.assert_same_records(records, found.records)
        self.assertEqual(self.write(found.header, found.tokens, found.records), expected)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.trace", "pipe"])

    def test_large_records(self):
        values = np.arange(1 << 19, dtype=np.float64)
        self.write(records={("a", None, 0): values})
        np.testing.assert_array_equal(read_trace(self.path).records["a", None, 0], values)

    def test_places_that_cannot_be_opened(self):
        self.assertRaises(OSError, TraceWriter, os.path.join(self.folder, "none", "a"), {"producer": "p"})
        self.assertRaises(OSError, TraceWriter, self.folder, {"producer": "p"})
        self.assertRaises(OSError, read_trace, os.path.join(self.folder, "none"))
        self.assertRaises(OSError, read_trace, self.folder)
        self.assertRaises(TraceError, read_trace, os.devnull)
        if os.path.exists("/dev/zero"):
            self.assertRaises(TraceError, read_trace, "/dev/zero")


if __name__ == "__main__":
    unittest.main()
