"""The layout that reference/tracefile.py writes and reads: checksum, the document's example, header, every rule of a chunk."""

import os
import random
import re
import struct
import subprocess
import unittest

import numpy as np

from tracefile_support import (
    PROGRAMS, FORMAT, slow_checksum, pattern, sealed, header_chunk, token_chunk, record_chunk, index_chunk,
    tail_chunk, trace_bytes, TestCase)

import tracefile
from tracefile import Token, TraceError, checksum, read_trace


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


if __name__ == "__main__":
    unittest.main()
