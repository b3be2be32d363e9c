"""Files of arrays and mappings that are not as they should be."""

import json
import os
import random
import struct
import subprocess
import unittest
import zipfile
import zlib

import numpy as np

from array_runs import PROGRAMS, records_of, safetensors, TestCase


class MalformedTests(TestCase):
    """Files that are not as they should be get one clear line."""

    def savez(self, **arrays):
        np.savez(self.path("a.npz"), **arrays)
        with open(self.path("a.npz"), "rb") as file:
            return file.read()

    def message(self, data, name="a.npz", lines="tensor x -> x.embed axes=position,feature"):
        return self.refused(self.write(name, data), "--map", self.write("map", lines))

    def test_compressed(self):
        np.savez_compressed(self.path("a.npz"), x=np.zeros((2, 2), np.float32))
        message = self.refused(self.path("a.npz"))
        self.assertIn("member 'x.npy' is compressed (method 8)", message)
        self.assertIn("numpy.savez,", message)

    def test_a_bomb(self):
        """A small file that would become 10 GB: it is compressed, and so not looked into at all."""
        with zipfile.ZipFile(self.path("a.npz"), "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("x.npy", "w", force_zip64=True) as member:
                member.write(b"\x93NUMPY" + bytes(1 << 20))
        self.assertIn("is compressed", self.refused(self.path("a.npz")))

    def test_overlapping_members(self):
        """Every entry of the directory points to one member, so that few bytes claim to be many arrays."""
        data = self.savez(x=np.zeros((2, 2), np.float32))
        start = data.index(b"PK\1\2")
        end = data.index(b"PK\5\6")
        entry = data[start:end]
        tail = bytearray(data[end:])
        tail[8:12] = struct.pack("<HH", 50, 50)
        tail[12:16] = struct.pack("<I", 50 * len(entry))
        self.assertIn("overlap", self.message(data[:start] + 50 * entry + bytes(tail)))

    def test_types(self):
        """What is not read is refused where a statement needs it, and may be left out by name."""
        stack = np.ones((2, 3), np.float32)
        for array, remedy in ((np.array([[1, "a"]], object), "Python objects"), (np.zeros((2, 2), ">f4"), "big-endian"),
                              (np.zeros((2, 2), np.complex64), "complex"), (np.zeros((2, 2), "U3"), "text"),
                              (np.zeros((2, 2), "S3"), "text"), (np.zeros(0, "U3"), "text"),
                              (np.zeros((2, 2), [("a", "<f4"), ("b", "<i4", (2,)), ("c", [("d", "O")])]), "each field"),
                              (np.zeros((2, 2), np.longdouble), "float64"), (np.zeros((2, 2), "M8[s]"), "float32")):
            self.assertIn(remedy, self.message(self.savez(x=array)), array.dtype)
            path = self.write("a.npz", self.savez(x=stack, odd=array))
            line = "tensor x -> x.embed axes=position,feature\n"
            self.assertIn("array 'odd': no statement is about it", self.refused(path, "--map", self.write("map", line)))
            self.assertRecords(self.export(path, "--map", self.write("map", line + "ignore odd")),
                               records_of({"x.embed": stack}))
        for array in (np.zeros((2, 2), np.int64), np.zeros((2, 2), bool), np.zeros((2, 2), np.uint8)):
            self.assertIn("array 'x': elements of type %s are not read" % array.dtype.name, self.message(self.savez(x=array)))

    def test_a_checkpoint_of_pytorch(self):
        with zipfile.ZipFile(self.path("a.npz"), "w") as archive:
            archive.writestr("archive/data.pkl", b"pickle")
            archive.writestr("archive/data/0", bytes(64))
        self.assertIn("member 'archive/data.pkl' is no .npy array; a checkpoint of PyTorch is not read",
                      self.refused(self.path("a.npz")))

    def test_damage_anywhere(self):
        """A flipped bit is noticed, or it changes nothing: an .npz has a checksum for each member, but fields without meaning."""
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        stack = np.random.default_rng(3).normal(size=(2, 3)).astype(np.float32)
        data = self.savez(x=stack, y=stack)
        mapping = self.write("map", "tensor x -> x.embed axes=position,feature\ntensor y -> logits axes=position,feature")
        expected = records_of({"x.embed": stack, "logits": stack})
        refused = 0
        for place in rng.sample(range(len(data)), 60):
            damaged = bytearray(data)
            damaged[place] ^= 1 << rng.randrange(8)
            path = self.write("b.npz", bytes(damaged))
            result = subprocess.run([os.path.join(PROGRAMS, "tracediff"), "export", path, "--map", mapping, "-o",
                                     self.path("out.npz")], capture_output=True, timeout=60)
            self.assertIn(result.returncode, (0, 2), "seed %d, byte %d" % (seed, place))
            self.assertEqual(len(result.stderr.splitlines()), 1, "seed %d, byte %d" % (seed, place))
            refused += result.returncode == 2
            if result.returncode == 0:
                self.assertRecords(self.path("out.npz"), expected)
        self.assertGreater(refused, 30, "seed %d" % seed)

    def test_cut_anywhere(self):
        stack = np.zeros((2, 3), np.float32)
        data = self.savez(x=stack)
        for length in list(range(0, len(data), 37)) + [len(data) - 1]:
            self.assertTrue(self.message(data[:length]), length)
        np.save(self.path("x.npy"), stack)
        with open(self.path("x.npy"), "rb") as file:
            data = file.read()
        for length in (0, 5, 8, 9, 60, 127, 128, len(data) - 1):
            self.assertTrue(self.message(data[:length], "x.npy"), length)

    @unittest.skipUnless(safetensors, "safetensors is not installed")
    def test_what_safetensors_refuses(self):
        """Files that the package itself does not read, we do not either."""
        whole = safetensors.numpy.save({"x": np.zeros((2, 3), np.float32), "y": np.ones((1, 3), np.float32)})
        size = struct.unpack("<Q", whole[:8])[0]
        header, data = json.loads(whole[8:8 + size]), whole[8 + size:]

        def packed(header, data=data):
            text = header if isinstance(header, bytes) else json.dumps(header).encode()
            return struct.pack("<Q", len(text)) + text + data

        def changed(name, **fields):
            return packed({**header, name: {**header[name], **fields}})

        lines = "tensor x -> x.embed axes=position,feature\ntensor y -> logits axes=position,feature"
        self.assertRecords(self.export(self.write("a.safetensors", packed(header)), "--map", self.write("map", lines)),
                           records_of({"x.embed": np.zeros((2, 3), np.float32), "logits": np.ones((1, 3), np.float32)}))
        begin, end = header["x"]["data_offsets"]
        for bad in (packed(header, data + b"\0"), packed(header, data[:-1]), changed("x", shape=[2, 4]),
                    changed("x", dtype="F64"), changed("x", data_offsets=[begin + 4, end + 4]),
                    changed("x", data_offsets=[end, begin]), changed("x", data_offsets=[begin, 1 << 60]),
                    changed("x", shape=[1 << 62, 1 << 62]), changed("x", shape=[-2, -3]), changed("x", dtype="X1"),
                    packed({"x": header["x"]}), packed(b"{" * 2000), packed(b"[]"), packed(b""), packed(b"{\"x\":1}"),
                    struct.pack("<Q", 1 << 62) + whole[8:], whole[:8 + size - 1], whole[:4]):
            with self.assertRaises(Exception):
                safetensors.numpy.load(bad)
            self.assertTrue(self.message(bad, "a.safetensors", lines))

    @unittest.skipUnless(safetensors, "safetensors is not installed")
    def test_types_of_safetensors(self):
        """As above: the package writes complex numbers and 8-bit floats that are no records."""
        stack = np.ones((2, 3), np.float32)
        for name, size in (("C64", 8), ("F8_E8M0", 1), ("F8_E4M3FNUZ", 1), ("F8_E4M3", 1)):
            header = {"odd": {"dtype": name, "shape": [2], "data_offsets": [0, 2 * size]},
                      "x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [2 * size, 2 * size + 24]}}
            text = json.dumps(header).encode()
            path = self.write("a.safetensors", struct.pack("<Q", len(text)) + text + bytes(2 * size) + stack.tobytes())
            line = "tensor x -> x.embed axes=position,feature\n"
            mapping = self.write("map", line + "tensor odd -> logits axes=position")
            self.assertIn("array 'odd': elements of type ", self.refused(path, "--map", mapping))
            self.assertRecords(self.export(path, "--map", self.write("map", line + "ignore odd")),
                               records_of({"x.embed": stack}))

    def test_suggested_lines(self):
        """The line that a message ends with leaves the array out, whatever numpy or safetensors let it be called."""
        names = ["a b", "*", "w[0]?", "{layer}", "say \"hi\"", "back\\slash", "#1", "caf\u00e9", "cafe\u0301",
                 "\u65e5\u672c", "tab\there", "line\nbreak", "\x1b[31mred", "zero\u200bwidth", "'", "}"]
        arrays = {name: np.zeros(1, np.float32) for name in names}
        arrays["x"] = np.ones((2, 3), np.float32)
        np.savez(self.path("a.npz"), **arrays)
        paths = [self.path("a.npz")]
        if safetensors:
            safetensors.numpy.save_file(arrays, self.path("a.safetensors"))
            paths.append(self.path("a.safetensors"))
        for path in paths:
            lines = "tensor x -> x.embed axes=position,feature\n"
            for left in range(len(names), 0, -1):
                message = self.refused(path, "--map", self.write("map", lines))
                lines += message.split("or exclude it by the line: ")[1] + "\n"
                self.assertEqual(lines.count("\n"), len(names) - left + 2)
            self.assertRecords(self.export(path, "--map", self.write("map", lines)), records_of({"x.embed": arrays["x"]}))

    def test_checksum(self):
        data = bytearray(self.savez(x=np.ones((2, 2), np.float32)))
        place = bytes(data).index(struct.pack("<f", 1))
        data[place] ^= 1
        self.assertIn("member 'x' is damaged: expected CRC-32", self.message(bytes(data)))
        self.assertEqual(zlib.crc32(b"123456789"), 0xCBF43926)

    def test_mistakes_of_a_mapping(self):
        data = self.savez(x=np.ones((2, 2), np.float32), y=np.ones(3, np.float32))
        line = "tensor x -> x.embed axes=position,feature"
        path = self.write("a.npz", data)
        for lines, wanted in (
                (line, "array 'y': no statement is about it (float32 3)"),
                (line + "\nignore z", "line 2: 'z' matches no array"),
                (line + "\nignore y\nignore x", "line 3: 'x' matches no array that an earlier statement has not taken"),
                (line + "\ntensor y -> x.embed axes=position", "array 'y': x.embed, position 0 and 1 more records are in the "
                                                               "array 'x' too"),
                (line + "\ntensor y -> logits axes=position,feature", "array 'y': axes: expected one for each of the 1"),
                (line + "\ntensor y -> logit", "line 2: position: expected {position} in the pattern or position among"),
                (line + "\nignor y", "line 2: statement: expected tensor, tokens, ignore or set, found ignor (ignore?)")):
            self.assertIn(wanted, self.refused(path, "--map", self.write("map", lines)), lines)


if __name__ == "__main__":
    unittest.main()
