"""What the tests of reference/tracefile.py share: chunks written down independently of it, and a small trace."""

import os
import struct
import sys

import numpy as np

from folder_case import FolderTestCase

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(ROOT, "reference"))
from tracefile import BFloat16Array, Token, TraceError, bfloat16, read_trace, write_trace  # noqa: E402

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


class TestCase(FolderTestCase):
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
