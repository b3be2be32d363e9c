"""Traces that are cut or damaged anywhere, read by reference/tracefile.py (TRACEFILE_SEED sets the fuzz seed)."""

import os
import random
import sys
import unittest

import numpy as np

from tracefile_support import sealed, header_chunk, token_chunk, record_chunk, tail_chunk, TestCase, small_trace

from tracefile import TraceError, read_trace


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


if __name__ == "__main__":
    unittest.main()
