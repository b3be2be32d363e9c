"""Tests of reference/tracefile.py: `python3 -m unittest discover Tests/Python` (TRACEFILE_SEED sets the fuzz seed)."""

import itertools
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(ROOT, "reference"))
import tracefile  # noqa: E402
from tracefile import BFloat16Array, Token, TraceError, TraceWriter, bfloat16, checksum, read_trace, write_trace  # noqa: E402

MODELS = os.environ.get("LLAMA2_MODELS", os.path.join(ROOT, os.pardir, "shared", "models"))
PROGRAMS = os.environ.get("LLAMA2_BIN", os.path.join(ROOT, "bin"))
FORMAT = os.path.join(ROOT, "docs", "trace-format.md")


def slow_checksum(data):
    """The document's pseudo-code, one word at a time."""
    mask, g = (1 << 64) - 1, 0x9E3779B97F4A7C15
    total, padded = 0, data + bytes(-len(data) % 8)
    for i in range(len(padded) // 8):
        t = int.from_bytes(padded[8 * i:8 * i + 8], "little") ^ ((i + 1) * g & mask)
        t ^= t >> 32
        t = t * 0x9FB21C65 & mask
        total += t ^ (t >> 29)
    h = (total & mask) ^ (len(data) * g & mask)
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD & mask
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53 & mask
    return h ^ (h >> 33)


def pattern(size):
    i = np.arange(size, dtype=np.uint64)
    return ((167 * i + i // np.uint64(256)) % np.uint64(256)).astype(np.uint8).tobytes()


def sealed(chunk):
    """A chunk padded to a multiple of 64 and with its checksum, whatever else is wrong with it."""
    chunk = bytes(chunk) + bytes(-len(chunk) % 64)
    chunk = chunk[:16] + bytes(8) + chunk[24:]
    return chunk[:16] + struct.pack("<Q", slow_checksum(chunk)) + chunk[24:]


# The chunks of a file, written down independently of tracefile.py.

def header_chunk(body=b"", count=0, producer=b"test 1", magic=b"\x89L2TRC\r\n", version=1, length=None, zero=b""):
    length = len(body) if length is None else length
    return sealed(magic + struct.pack("<IIQQ", version, count, 0, length) + zero.ljust(32, b"\0")
                  + producer.ljust(64, b"\0") + body)


def token_chunk(position=0, value=1, text=None, known=None, length=None):
    known = (text is not None) if known is None else known
    length = len(text or b"") if length is None else length
    return sealed(struct.pack("<4siIIQQ", b"TOKN", value, known, position, 0, length) + (text or b""))


def record_chunk(name=b"x.embed", layer=-1, position=0, code=1, shape=(2,), payload=bytes(8), length=None, rank=None,
                 name_length=None, unused=0):
    dimensions = tuple(shape) + (unused,) * (4 - len(shape))
    head = struct.pack("<4sBBHiIQQ4I", b"TENS", code, len(shape) if rank is None else rank,
                       len(name) if name_length is None else name_length, layer, position, 0,
                       len(payload) if length is None else length, *dimensions) + name
    return sealed(head + bytes(-len(head) % 64) + payload)


def index_chunk(names, entries, name_count=None, entry_count=None, zero=b"", padding=b""):
    listed = b"".join(struct.pack("<H", len(name)) + name for name in names)
    body = listed + padding.ljust(-len(listed) % 8, b"\0")
    body += b"".join(struct.pack("<QIiII", *(tuple(entry) + (0,) * (5 - len(entry)))) for entry in entries)
    return sealed(struct.pack("<4sIQQQ", b"INDX", len(names) if name_count is None else name_count,
                              len(entries) if entry_count is None else entry_count, 0, len(body))
                  + zero.ljust(32, b"\0") + body)


def tail_chunk(offset, zero=0, body=0, reserved=b""):
    return sealed(struct.pack("<4sIQQQ", b"TAIL", zero, offset, 0, body) + reserved.ljust(32, b"\0"))


def trace_bytes(chunks, header=None, names=(b"x.embed",), entries=None, **index):
    """A complete file of a header and `chunks`; the entries are those of the chunks unless they are given."""
    data, made, numbers = header or header_chunk(), [], []
    for chunk in chunks:
        if chunk[:4] == b"TOKN":
            made.append((len(data), 0xFFFFFFFF, -1, struct.unpack_from("<I", chunk, 12)[0]))
        else:
            size, layer, position = struct.unpack_from("<HiI", chunk, 6)
            name = chunk[48:48 + size]
            if name not in numbers:
                numbers.append(name)
            made.append((len(data), numbers.index(name), layer, position))
        data += chunk
    where = len(data)
    return data + index_chunk(names, made if entries is None else entries, **index) + tail_chunk(where)


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "a.trace")

    def read(self, data):
        path = os.path.join(self.folder, "read.trace")
        with open(path, "wb") as file:
            file.write(data)
        return read_trace(path)

    def write(self, header=None, tokens=(1,), records=None):
        write_trace(self.path, {"producer": "test 1"} if header is None else header, tokens, records or {})
        with open(self.path, "rb") as file:
            return file.read()

    def assert_refused(self, data, what, offset=None):
        """`data` raises a TraceError whose text contains `what`, at `offset`."""
        with self.assertRaises(TraceError) as caught:
            self.read(data)
        self.assertIn(what, str(caught.exception))
        if offset is not None:
            self.assertEqual(caught.exception.offset, offset, str(caught.exception))
            self.assertIsNotNone(caught.exception.expected)
            self.assertIsNotNone(caught.exception.found)

    def assert_same_records(self, expected, found):
        self.assertEqual(set(expected), set(found))
        for key, array in expected.items():
            array = np.asanyarray(array)
            self.assertEqual(found[key].shape, array.shape, key)
            self.assertEqual(found[key].dtype, array.dtype, key)
            self.assertEqual(isinstance(found[key], BFloat16Array), isinstance(array, BFloat16Array), key)
            self.assertEqual(found[key].tobytes(), array.tobytes(), key)


def small_trace():
    """Arguments of write_trace for a trace with every kind of chunk, small enough to damage it everywhere."""
    header = {"producer": "test 1", "dim": 2, "rope_base": 1e4, "prompt": "ab"}
    tokens = [Token(1, b"\n<s>\n"), Token(7)]
    records = {("x.embed", None, 0): np.array([1, -2.5], np.float32), ("q.half", 0, 1): np.array([[3], [4]], np.int8),
               ("x.embed", None, 1): bfloat16([0.5, 3.0])}
    return header, tokens, records


class ChecksumTests(TestCase):
    def test_vectors_of_the_document(self):
        with open(FORMAT, encoding="utf-8") as file:
            section = file.read().split("## Checksum test vectors")[1].split("\n## ")[0]
        rows = re.findall(r"^\| (.+?) \| (\d+) \| `([0-9a-f]{16})` \|$", section, re.M)
        self.assertGreaterEqual(len(rows), 6)
        known = {"none": b"", "`00`": b"\0", "`61`": b"a", "`01` to `08`": bytes(range(1, 9)),
                 "`01` to `09`": bytes(range(1, 10)), "64 times `00`": bytes(64), "`00` to `FE`": bytes(range(255)),
                 "`00` to `FF`": bytes(range(256))}
        self.assertIn("(167 * i + floor(i / 256)) mod 256", section)
        self.assertIn(" ".join("%02X" % byte for byte in pattern(5)), section)
        for what, size, expected in rows:
            data = pattern(int(size)) if what == "the pattern below" else known[what]
            self.assertEqual(len(data), int(size))
            self.assertEqual("%016x" % checksum(data), expected, what)
            self.assertEqual("%016x" % slow_checksum(data), expected, what)

    def test_against_the_pseudo_code_at_every_small_length_and_across_blocks(self):
        data = pattern(1 << 18)
        for size in list(range(80)) + [(1 << 17) + delta for delta in (-9, -8, -1, 0, 1, 8)] + [1 << 18]:
            self.assertEqual(checksum(data[:size]), slow_checksum(data[:size]), size)

    def test_pieces_give_the_checksum_of_the_whole(self):
        generator, data = random.Random(1), pattern(200000)
        for _ in range(20):
            state, offset = tracefile.Checksum(), 0
            while offset < len(data):
                size = generator.choice([0, 1, 3, 7, 8, 9, 64, 1000, 70001])
                state.update(data[offset:offset + size])
                offset += size
            self.assertEqual(state.value(), checksum(data))
        self.assertEqual(checksum(b"abc", b"", b"defghijk"), checksum(b"abcdefghijk"))

    def test_kinds_of_data(self):
        array = np.arange(24, dtype=np.float32).reshape(4, 6)
        expected = checksum(array.tobytes())
        for same in (array, array.astype(">f4").astype("<f4"), bytearray(array.tobytes()), memoryview(array)):
            self.assertEqual(checksum(same), expected)
        self.assertEqual(checksum(array.T), checksum(array.T.tobytes()))
        self.assertEqual(checksum(array.tobytes()[1:]), slow_checksum(array.tobytes()[1:]))
        self.assertEqual(checksum(np.empty((0, 3))), 0)

    def test_every_single_bit_counts(self):
        data = bytearray(pattern(72))
        seen = {checksum(data)}
        for bit in range(8 * len(data)):
            data[bit // 8] ^= 1 << bit % 8
            seen.add(checksum(data))
            data[bit // 8] ^= 1 << bit % 8
        self.assertEqual(len(seen), 1 + 8 * len(data))


class WorkedExampleTests(TestCase):
    def dump(self):
        with open(FORMAT, encoding="utf-8") as file:
            block = file.read().split("## A worked example")[1].split("```hexdump\n")[1].split("```")[0]
        data, notes = b"", []
        for line in block.splitlines():
            row = re.match(r"([0-9A-F]{4})  (00 \* \d+|[0-9A-F]{2}(?: [0-9A-F]{2})*)(?:  +(\S.*))?$", line)
            if not row:
                self.assertRegex(line, r"^$|^[a-z]+ chunk: ")
                continue
            self.assertEqual(int(row[1], 16), len(data), line)
            piece = bytes(int(row[2][5:])) if "*" in row[2] else bytes.fromhex(row[2])
            notes.append((len(data), piece, row[3]))
            data += piece
        return data, notes

    def test_write_trace_produces_it(self):
        data, notes = self.dump()
        written = self.write({"producer": "hexample 1", "dim": 2, "precision": "f32"}, [Token(1, b"\n<s>\n")],
                             {("x.embed", None, 0): np.array([1, -2.5], np.float32)})
        self.assertEqual(data.hex(" "), written.hex(" "))
        for offset, piece, note in notes:
            if note.startswith("checksum"):
                self.assertEqual("%016x" % struct.unpack("<Q", piece)[0], note.split()[-1])
                self.assertEqual(offset % 64, 16)

    def test_it_is_complete(self):
        trace = self.read(self.dump()[0])
        self.assertEqual(trace.header, {"producer": "hexample 1", "dim": 2, "precision": "f32"})
        self.assertEqual((trace.tokens, trace.tokens[0].text, trace.problems), ([1], b"\n<s>\n", []))
        self.assertEqual(trace.records["x.embed", None, 0].tolist(), [1, -2.5])


class HeaderTests(TestCase):
    def test_encoding(self):
        data = self.write({"producer": "p", "zz": 1, "a": -2, "b": 0.5, "c": "\u00eb", "temperature": 0}, [])
        fields = (b"i\1a" + struct.pack("<q", -2) + b"r\1b" + struct.pack("<d", 0.5) + b"t\1c" + struct.pack("<I", 2)
                  + b"\xc3\xab" + b"r\x0btemperature" + bytes(8) + b"i\2zz" + struct.pack("<q", 1))
        self.assertTrue(data.startswith(header_chunk(fields, 5, b"p")))

    def test_round_trip(self):
        every = {name: {"i": 3, "r": 2.5, "t": "t"}[kind] for name, kind in tracefile._FIELD_TYPES.items()}
        for header in (
            {"producer": "p"}, dict(every, producer="all"), {"producer": "x" * 64}, {"producer": "\u00e9" * 32},
            {"producer": "p", "least": -(1 << 63), "most": (1 << 63) - 1, "n": "", "_": "a" * 100000, "x" * 64: 0},
            {"producer": "p", "a": float("inf"), "b": -0.0, "c": 5e-324, "prompt": "\x00\udcff\udc80\u20ac"},
        ):
            data = self.write(header, [])
            trace = read_trace(self.path)
            self.assertEqual(trace.header, header)
            self.assertEqual([type(v) for _, v in sorted(trace.header.items())],
                             [type(v) for _, v in sorted(header.items())])
            self.assertEqual(self.write(trace.header, []), data)

    def test_bits_of_a_nan_survive(self):
        body = b"r\1a" + struct.pack("<Q", 0xFFF8000000000123)
        data = trace_bytes([], header_chunk(body, 1), names=())
        self.assertEqual(self.write(self.read(data).header, []), data)

    def test_numpy_numbers_and_bytes(self):
        self.write({"producer": "p", "dim": np.int32(3), "top_p": np.float32(0.9), "prompt": b"\xff", "forced_tokens": True})
        header = read_trace(self.path).header
        self.assertEqual(header, {"producer": "p", "dim": 3, "top_p": float(np.float32(0.9)), "prompt": "\udcff",
                                  "forced_tokens": 1})

    def test_refused_on_writing(self):
        for header, message in (
            ({}, 'no "producer"'), ({"producer": ""}, "producer: expected 1 to 64"),
            ({"producer": "x" * 65}, "producer: expected 1 to 64"), ({"producer": "\u00e9" * 33}, "producer: expected"),
            ({"producer": "a\0b"}, "none of them zero"), ({"producer": "\udcff"}, "UTF-8"), ({"producer": b"p"}, "text"),
            ({"producer": "p", "Dim": 1}, "name of a header field"), ({"producer": "p", "": 1}, "name of a header field"),
            ({"producer": "p", "a" * 65: 1}, "name of a header field"), ({"producer": "p", 3: 1}, "name of a header field"),
            ({"producer": "p", "a\n": 1}, "name of a header field"),
            ({"producer": "p", "dim": 1.0}, "header field dim: expected an integer"),
            ({"producer": "p", "dim": "1"}, "header field dim: expected an integer"),
            ({"producer": "p", "dim": 1 << 63}, "header field dim: expected"),
            ({"producer": "p", "rope_base": "x"}, "header field rope_base: expected a number"),
            ({"producer": "p", "rope_base": 10 ** 400}, "header field rope_base"),
            ({"producer": "p", "prompt": 1}, "header field prompt: expected text"),
            ({"producer": "p", "prompt": "\ud800"}, "header field prompt"), ({"producer": "p", "x": None}, "header field x"),
            ({"producer": "p", "x": "a" * (1 << 24)}, "length of the header"), (3, "header: expected a dict"),
        ):
            with self.assertRaises(TraceError) as caught:
                self.write(header, [])
            self.assertIn(message, str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [])

    def test_refused_on_reading(self):
        def fields(*packed, **more):
            return trace_bytes([], header_chunk(b"".join(packed), len(packed), **more), names=())
        one = b"i\1a" + bytes(8)
        for data, message, offset in (
            (b"", "cut short in its header", 0), (b"\x89L2T", "cut short in its header", 0), (b"GGUF" + bytes(200), "magic", 0), (b"GGUF", "not a trace: magic", 0),
            (header_chunk()[:127], "cut short in its header", 0), (header_chunk(magic=b"\x89L2TRC\n\n"), "magic", 0),
            (header_chunk(version=2), "version of the trace format at offset 8: expected 1, found 2", 8),
            (header_chunk(version=0), "version", 8),
            (header_chunk(length=(1 << 24) + 1), "at most 16777216", 24), (header_chunk(length=(1 << 64) - 1), "at most", 24),
            (header_chunk(length=1 << 20), "cut short in its header", 24),
            (header_chunk()[:20] + b"x" + header_chunk()[21:], "header is damaged: checksum", 16),
            (fields(zero=bytes(31) + b"\1"), "reserved byte of the header", 63),
            (fields(producer=b""), "producer", 64), (fields(producer=b"\0b"), "producer", 64),
            (fields(producer=b"a\0b"), "padding of the producer", 66), (fields(producer=b"ab\xff"), "producer", 66),
            (trace_bytes([], header_chunk(one + b"\1", 1, length=len(one)), names=()), "padding of the header", 139),
            (trace_bytes([], header_chunk(one, 0), names=()), "end of the header's fields", 128),
            (trace_bytes([], header_chunk(one, 2), names=()), "header field", 139),
            (trace_bytes([], header_chunk(one, 0xFFFFFFFF), names=()), "header field", 139),
            (fields(b"x\1a" + bytes(8)), "type of a header field", 128),
            (fields(b"i\0" + bytes(8)), "length of a header field's name", 129),
            (fields(b"i\x41" + b"a" * 65 + bytes(8)), "length of a header field's name", 129),
            (fields(b"i\1A" + bytes(8)), "name of a header field", 130),
            (fields(b"i\2a\n" + bytes(8)), "name of a header field", 130),
            (fields(one, one), "a name after 'a'", 139), (fields(b"i\1b" + bytes(8), one), "a name after 'b'", 139),
            (fields(b"r\3dim" + bytes(8)), "type of header field dim: expected i", None),
            (fields(b"i\6prompt" + bytes(8)), "type of header field prompt", 128),
            (fields(b"t\x08producer" + bytes(4)), "the producer has its own place", 128),
            (fields(b"i\1a" + bytes(7)), "header field", 128), (fields(b"t\1a" + bytes(3)), "header field", 128),
            (fields(b"t\1a\1\0\0\0"), "header field", 128), (fields(b"t\1a\xff\xff\xff\xff"), "header field", 128),
            (fields(b"i"), "header field", 128), (fields(b"i\x20a"), "header field", 128),
        ):
            with self.subTest(message=message, data=data[:16]):
                if message.startswith("type of header field dim"):
                    message, offset = "type of header field dim at offset 128: expected i", 128
                self.assert_refused(data, message, offset)


class ChunkErrorTests(TestCase):
    """One literal file for each broken rule; all checksums in them are right."""

    def test_the_independent_builder_makes_good_files(self):
        data = trace_bytes([token_chunk(text=b"a"), record_chunk()])
        trace = self.read(data)
        self.assertTrue(trace.complete)
        self.assertEqual(self.write(trace.header, trace.tokens, trace.records), data)

    def test_tokens(self):
        for chunk, message, offset in (
            (token_chunk(value=-1), "token at offset 132: expected an id that is not negative, found -1", 132),
            (token_chunk(known=2), "0 or 1", 136), (token_chunk(known=0, text=b"a"), "length of an unknown text", 152),
            (token_chunk(position=1 << 31), "position of a token", 140),
            (token_chunk(position=1 << 30), "position of a token at offset 140: expected below 16777216", 140),
            (token_chunk(text=b"a" + bytes(30) + b"\1", length=1), "padding", 191),
        ):
            self.assert_refused(header_chunk() + chunk, message, offset)
            entries = [(128, 0xFFFFFFFF, -1, 0)]
            self.assert_refused(trace_bytes([chunk], names=(), entries=entries), message, offset)

    def test_records(self):
        for chunk, message, offset in (
            (record_chunk(code=0), "dtype", 196), (record_chunk(code=6), "dtype", 196),
            (record_chunk(rank=5), "number of dimensions", 197), (record_chunk(layer=-2), "layer of a record", 200),
            (record_chunk(position=1 << 31), "position of a record", 204),
            (record_chunk(length=4), "expected 8, as its dimensions say, found 4", 216),
            (record_chunk(shape=(3,)), "length of a record's payload", 216),
            (record_chunk(shape=(1 << 31, 1 << 31, 4)), "length of a record's payload", 216),
            (record_chunk(shape=(), payload=bytes(4), unused=1), "unused dimension", 224),
            (record_chunk(unused=1), "unused dimension", 228),
            (record_chunk(name=b"x embed"), "name of a record", 240), (record_chunk(name=b"x\0embed"), "name", 240),
            (record_chunk(name=b"x\x7f"), "name", 240), (record_chunk(name=b"x\xff"), "name", 240),
            (record_chunk(name=b"x\n"), "name", 240), (record_chunk(name=b"x,y"), "name", 240),
            (record_chunk(name=b"x*y"), "name", 240), (record_chunk(name=b"x?"), "name", 240),
            (record_chunk(name=b"=x"), "name", 240),
            (record_chunk(name=b"x.embed", name_length=0), "length of a record's name", 198),
            (record_chunk(name=b"x" * 256, payload=bytes(8)), "length of a record's name", 198),
            (record_chunk(name=b"x.embed", name_length=3), "padding of a record's name", 243),
            (record_chunk(payload=bytes(8) + b"\1", length=8), "padding", 264),
            (record_chunk(shape=((1 << 32) - 1, 0, (1 << 32) - 1, (1 << 32) - 1), payload=b""), "shape that numpy", 224),
        ):
            with self.subTest(message=message, offset=offset):
                data = header_chunk() + token_chunk() + chunk
                self.assert_refused(data, message, offset)
                where = len(data)
                data += index_chunk([b"x.embed"], [(128, 0xFFFFFFFF, -1, 0), (192, 0, -1, 0)]) + tail_chunk(where)
                self.assert_refused(data, message, offset)

    def test_order_of_tokens_and_records(self):
        none = "record x.embed, position 0 at offset 128: expected the token of position 0 before it"
        self.assert_refused(trace_bytes([record_chunk()]), none, 128)
        self.assert_refused(trace_bytes([record_chunk(), token_chunk()]), none, 128)
        self.assert_refused(trace_bytes([token_chunk(1), record_chunk()]), "token of position 0", 192)
        far = record_chunk(position=(1 << 31) - 1)
        self.assert_refused(trace_bytes([token_chunk(), far]), "token of position 2147483647", 192)

    def test_the_first_of_two_copies_counts(self):
        first, second = np.float32([1, 2]), np.float32([3, 4])
        whole = trace_bytes([token_chunk(0, 7), token_chunk(0, 8), record_chunk(payload=first.tobytes()),
                             record_chunk(payload=second.tobytes())])
        for data in (whole, whole[:-64]):
            trace = self.read(data)
            self.assertEqual(trace.problems[:2], [
                "the token of position 0 is there a second time at offset 192; the first one is used",
                "x.embed, position 0 is there a second time at offset 384; the first one is used"])
            self.assertEqual((trace.tokens, trace.complete), ([7], False))
            self.assertEqual(trace.records["x.embed", None, 0].tolist(), [1, 2])
        program = os.path.join(PROGRAMS, "tracediff")
        if os.path.exists(program):
            self.read(whole)  # writes the file
            path = os.path.join(self.folder, "read.trace")
            result = subprocess.run([program, "inspect", path, "--site", "x.embed", "--position", "0"],
                                    capture_output=True, encoding="utf-8")
            self.assertIn("x.embed, position 0 is recorded twice, at offsets 256 and 384", result.stderr + result.stdout)
            self.assertRegex(result.stdout, r"\b1\b")
            self.assertNotRegex(result.stdout, r"\b3(\.0)?,")

    def test_index(self):
        chunks = [token_chunk(), record_chunk()]
        t, r = (128, 0xFFFFFFFF, -1, 0), (192, 0, -1, 0)
        first = 320 + 64 + 16  # the first entry, after a name of 9 bytes that is padded to 16
        for more, message, offset in (
            (dict(zero=b"\1"), "reserved byte of the index", 352), (dict(padding=b"\1"), "padding of the index's names", 393),
            (dict(name_count=2), "length of a name in the index", 393),
            (dict(name_count=0xFFFFFFFF), "length of a name in the index", 393),
            (dict(entry_count=3), "length of the index's body", 344), (dict(entry_count=1), "length of the index's body", 344),
            (dict(entry_count=1 << 63), "length of the index's body", 344),
            (dict(entries=[(192, 0xFFFFFFFF, -1, 0), r]), "offset of entry 0", first),
            (dict(entries=[r, t]), "offset of entry 0", first), (dict(entries=[t, t]), "offset of entry 1", first + 24),
            (dict(entries=[t, (200, 0, -1, 0)]), "multiple of 64", first + 24),
            (dict(entries=[t, (1 << 63, 0, -1, 0)]), "less than 320", first + 24),
            (dict(entries=[t, (320, 0, -1, 0)]), "less than 320", first + 24),
            (dict(entries=[t, (192, 1, -1, 0)]), "name of entry 1", first + 32),
            (dict(entries=[t, (192, 0, -2, 0)]), "layer of entry 1", first + 36),
            (dict(entries=[(128, 0xFFFFFFFF, 0, 0), r]), "layer of entry 0", first + 12),
            (dict(entries=[t, (192, 0, -1, 1 << 31)]), "position of entry 1", first + 40),
            (dict(entries=[t, (192, 0, -1, 0, 1)]), "zero of entry 1", first + 44),
            (dict(entries=[t, (192, 0, 0, 0)]), "entry 1 of the index", 320),
            (dict(entries=[t, (192, 0, -1, 1)]), "entry 1 of the index", 320),
            (dict(entries=[(128, 0, -1, 0), r]), "entry 0 of the index", 320),
            (dict(names=[b"x.other"]), "entry 1 of the index", 320),
            (dict(names=[b"x em"]), "name of a record", 386), (dict(names=[b""]), "length of a name in the index", 384),
            (dict(names=[b"x" * 256]), "length of a name in the index", 384),
            (dict(names=[b"x.embed", b"x.embed"]), "names of the index", 384),
            (dict(names=[b"x.embed", b"y"]), "names of the index", 384),
            (dict(names=[b"y", b"x.embed"], entries=[t, (192, 1, -1, 0)]), "names of the index", 384),
            (dict(names=[], entries=[]), "number of entries of the index", 328),
            (dict(entries=[t]), "names of the index", 384), (dict(entries=[t], names=[]), "chunk", 128),
            (dict(entries=[(128, 0, -1, 0)]), "chunk", 128),
        ):
            with self.subTest(message=message, more=more):
                data = trace_bytes(chunks, **more)
                if message == "chunk":
                    # One entry for two chunks: its checksum is not that of both, so the chunk counts as damaged.
                    self.assertIn("damaged", self.read(data).problems[0])
                else:
                    self.assert_refused(data, message, offset)

    def test_names_of_the_index_end_in_its_body(self):
        start = header_chunk() + token_chunk()
        for body in (b"", b"\1", b"\1\0", b"\xff\0" + b"a" * 254):
            index = sealed(struct.pack("<4sIQQQ32x", b"INDX", 1, 0, 0, len(body)) + body)
            self.assert_refused(start + index + tail_chunk(192), "name in the index", 256)

    def test_one_name_is_listed_once(self):
        chunks = [token_chunk(), record_chunk(layer=0), record_chunk(layer=1)]
        entries = [(128, 0xFFFFFFFF, -1, 0), (192, 0, 0, 0), (320, 1, 1, 0)]
        self.assert_refused(trace_bytes(chunks, names=[b"x.embed"] * 2, entries=entries), "one of them twice", 512)

    def test_entries_span_their_chunks(self):
        entries = [(128, 0xFFFFFFFF, -1, 0)]
        for chunk in (
            sealed(b"XXXX" + token_chunk()[4:]), sealed(token_chunk(length=64)), sealed(token_chunk() + bytes(64)),
            index_chunk([], []), tail_chunk(128),
        ):
            self.assert_refused(trace_bytes([], header_chunk() + chunk, names=(), entries=entries),
                                "expected a token or a record that ends at offset %d" % (128 + len(chunk)), 128)

    def test_names_stand_in_the_order_of_the_file(self):
        chunks = [token_chunk(), record_chunk(b"b"), record_chunk(b"a")]
        self.assertTrue(self.read(trace_bytes(chunks, names=[b"b", b"a"])).complete)
        entries = [(128, 0xFFFFFFFF, -1, 0), (192, 1, -1, 0), (320, 0, -1, 0)]
        self.assert_refused(trace_bytes(chunks, names=[b"a", b"b"], entries=entries), "names of the index")

    def test_tail(self):
        start = header_chunk() + token_chunk()
        index = index_chunk([], [(128, 0xFFFFFFFF, -1, 0)])
        good = start + index + tail_chunk(192)
        self.assertTrue(self.read(good).complete)
        end = len(start + index)
        self.assert_refused(start + index + tail_chunk(192, zero=1), "reserved byte of the tail", end + 4)
        self.assert_refused(start + index + tail_chunk(192, reserved=b"\1"), "reserved byte of the tail", end + 32)
        self.assert_refused(start + index + tail_chunk(192, body=64), "length of the tail's body", end + 24)
        with_body = tail_chunk(192, body=64) + bytes(64)
        self.assert_refused(start + index + sealed(with_body), "length of the tail's body", end + 24)
        for offset in (0, 64, 128, 191, 256, 1 << 63, (1 << 64) - 1):
            trace = self.read(start + index + tail_chunk(offset))
            self.assertIn("no good index ends at the tail", trace.problems[0])
            self.assertEqual(trace.tokens, [1])
        for extra in (b"\0", b"x" * 64, good):
            trace = self.read(good + extra)
            self.assertEqual(trace.tokens, [1])
            self.assertIn("%d bytes follow the tail" % len(extra), "\n".join(trace.problems))
        self.assert_refused(start + index + token_chunk(1), "chunk after the index", len(start + index))
        self.assertIn("the tail is missing", self.read(start + index).problems[0])
        self.assertIn("index and tail are missing", self.read(start).problems[0])


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
from test_tracefile import small_trace
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


class DamageTests(TestCase):
    def setUp(self):
        super().setUp()
        self.expected = small_trace()
        self.data = self.write(*self.expected)
        self.scratch = os.path.join(self.folder, "scratch.trace")

    def inspect(self, data, what):
        """Reads damaged data. Nothing but TraceError may come out, and no value that was not written."""
        with open(self.scratch, "wb") as file:
            file.write(data)
        try:
            trace = read_trace(self.scratch)
        except TraceError as error:
            self.assertNotIn("\n", str(error))
            return None
        except Exception as error:  # noqa: B902
            self.fail("%s: %r" % (what, error))
        return trace

    def assert_genuine(self, trace):
        header, tokens, records = self.expected
        self.assertEqual(trace.header, header)
        self.assertTrue(all(found in (-1, token) for found, token in zip(trace.tokens, tokens)))
        for key, array in trace.records.items():
            self.assertEqual(array.tobytes(), np.asarray(records[key]).tobytes())

    def test_cut_at_every_byte(self):
        counts = set()
        for size in range(len(self.data)):
            trace = self.inspect(self.data[:size], size)
            if trace is None:
                self.assertLess(size, 192)
                continue
            self.assertTrue(trace.problems, size)
            self.assertFalse(trace.complete)
            self.assert_genuine(trace)
            counts.add(len(trace.records))
        self.assertEqual(counts, {0, 1, 2, 3})

    def test_a_flipped_bit_in_every_byte(self):
        for offset in range(len(self.data)):
            for bit in (0, 7, offset % 8):
                damaged = bytearray(self.data)
                damaged[offset] ^= 1 << bit
                trace = self.inspect(damaged, (offset, bit))
                if trace is None:
                    self.assertLess(offset, 192)
                    continue
                self.assertTrue(trace.problems, offset)
                self.assert_genuine(trace)
                self.assertGreaterEqual(len(trace.records) + sum(token >= 0 for token in trace.tokens), 4)

    def test_damage_is_named(self):
        damaged = bytearray(self.data)
        damaged[192 + 64 + 64] ^= 1
        self.assertEqual(self.read(damaged).problems,
                         ["damaged: x.embed, position 0 (bytes 256 to 383) has a wrong checksum"])
        damaged = bytearray(self.data)
        damaged[192 + 5] ^= 1
        trace = self.read(damaged)
        self.assertEqual(trace.problems, ["damaged: the token of position 0 (bytes 192 to 255) has a wrong checksum"])
        self.assertEqual((trace.tokens, len(trace.records)), ([-1, 7], 3))
        trace = self.read(damaged[:-64])
        self.assertEqual(trace.problems[0], "damaged: bytes 192 to 255 hold no good chunk")
        self.assertEqual((trace.tokens, len(trace.records)), ([-1, 7], 3))

    def test_holes(self):
        for start in range(192, len(self.data) - 64, 64):
            for end in range(start + 64, len(self.data), 64):
                for filling in (b"", bytes(end - start), b"\xff" * (end - start)):
                    trace = self.inspect(self.data[:start] + filling + self.data[end:], (start, end))
                    if trace is not None:
                        self.assertTrue(trace.problems)
                        self.assert_genuine(trace)

    def test_a_chunk_within_a_damaged_payload(self):
        inner = np.frombuffer(token_chunk(0, 9) + record_chunk(b"inner", payload=b"12345678"), np.int8)
        self.write(tokens=[1], records={("x.embed", None, 0): inner})
        with open(self.path, "rb") as file:
            data = bytearray(file.read())
        self.assertEqual(set(self.read(data).records), {("x.embed", None, 0)})
        data[192 + 30] ^= 1
        self.assertEqual(set(self.read(data).records), set(), "the index knows that these bytes are one record")
        trace = self.read(data[:-1])
        self.assertEqual(trace.tokens, [1])
        self.assertIn("a second time", "\n".join(trace.problems))

    def test_a_file_made_to_be_slow(self):
        claims = record_chunk(shape=(1 << 21,), payload=bytes(8), length=1 << 23)[:64]
        trap = (claims[:20] + b"wrng" + claims[24:]) * (1 << 18)
        trace = self.read(header_chunk() + token_chunk() + trap)
        self.assertEqual(trace.tokens, [1])
        self.assertIn("given up", "\n".join(trace.problems))

    def test_fuzz(self):
        seed = int(os.environ.get("TRACEFILE_SEED", random.SystemRandom().randrange(1 << 32)))
        print("TRACEFILE_SEED=%d" % seed, file=sys.stderr)
        generator = random.Random(seed)
        numbers = [0, 1, 2, 63, 64, 65, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, 1 << 63,
                   (1 << 64) - 1]
        starts = [0, 192, 256, 384, 448, 576, 704]
        for turn in range(3000):
            data = bytearray(self.data)
            for _ in range(generator.randint(1, 4)):
                kind, at = generator.randrange(6), generator.randrange(len(data))
                if kind == 0:
                    data[at] = generator.randrange(256)
                elif kind == 1:
                    size = generator.choice([1, 2, 4, 8])
                    at -= at % size
                    data[at:at + size] = (generator.choice(numbers) % (1 << 8 * size)).to_bytes(size, "little")
                elif kind == 2:
                    data[at:at + generator.randint(1, 80)] = b""
                elif kind == 3:
                    other = generator.randrange(len(data))
                    data[at:at] = data[other:other + generator.choice([1, 64, 128])]
                elif kind == 4:
                    at, other = at & -64, generator.randrange(len(data)) & -64
                    data[at:at + 64], data[other:other + 64] = data[other:other + 64], data[at:at + 64]
                else:
                    del data[at + 1:]
                if not data:
                    break
            if generator.random() < 0.7:
                # With its checksum made good, a changed chunk gets past the first gate.
                for start, end in zip(starts, starts[1:] + [len(data)]):
                    if end <= len(data) and end - start >= 64 and (end - start) % 64 == 0:
                        data[start:end] = sealed(data[start:end])
            if generator.random() < 0.3 and len(data) >= 64 and len(data) % 64 == 0:
                data[-64:] = tail_chunk(generator.choice(starts + [len(data) - 64]))
            trace = self.inspect(data, "TRACEFILE_SEED=%d, turn %d" % (seed, turn))
            if trace is not None and trace.complete:
                self.write(trace.header, trace.tokens, trace.records)


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
