"""Exports of traces, read by numpy and safetensors, and read back."""

import json
import os
import random
import unittest
import zipfile

import numpy as np

from array_runs import HEADS, random_run, records_of, safetensors, SIZE, TestCase, tracefile


class ExportTests(TestCase):
    """What tracediff export writes, numpy and safetensors read."""

    def trace(self):
        run = random_run(7)
        header = {"producer": "test 1", "dim": HEADS * SIZE, "n_heads": HEADS, "rms_norm_eps": 1e-05, "rope_base": 10000.0,
                  "prompt": b"a \"b\"\\\n\xff", "precision": "f32", "seed": -3}
        tokens = [tracefile.Token(1, b"\n<s>\n"), tracefile.Token(5, b"\xc3\x28"), tracefile.Token(6), tracefile.Token(7, b"\x00"),
                  tracefile.Token(0, "é€".encode())]
        records = records_of(run)
        rng = np.random.default_rng(8)
        records["half", 0, 1] = rng.normal(size=(2, 3)).astype(np.float16)
        records["double", None, 2] = rng.normal(size=(2, 1, 3, 1))
        records["bytes", 1, 2] = np.arange(-3, 4, dtype=np.int8)
        records["a/b%", None, 2] = np.array(4, np.float32)
        records["none", None, 0] = np.zeros((0, 3), np.float32)
        records["brain", None, 2] = tracefile.bfloat16(rng.normal(size=5).astype(np.float32))
        tracefile.write_trace(self.path("a.trace"), header, tokens, records)
        return tracefile.read_trace(self.path("a.trace"))

    def bytes_of(self, array):
        if isinstance(array, tracefile.BFloat16Array):
            return (np.asarray(array, np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
        return np.ascontiguousarray(array).tobytes()

    def name_of(self, site, layer, position):
        site = {"a/b%": "a%2Fb%25"}.get(site, site)
        return site + ("" if layer is None else "/layer%d" % layer) + "/pos%d" % position

    def assertTrace(self, trace, arrays, text, brain):
        """`arrays` are those of an export of the trace, `text` its metadata, and `brain` what bfloat16 comes as."""
        names = {self.name_of(*key) for key in trace.records} | {"tokens", "positions"}
        self.assertEqual(set(arrays), names)
        for key, array in trace.records.items():
            found = arrays[self.name_of(*key)]
            if isinstance(array, tracefile.BFloat16Array):
                self.assertEqual(found.dtype, brain)
            else:
                self.assertEqual(found.dtype, array.dtype, key)
            self.assertEqual(found.shape, array.shape, key)
            self.assertEqual(found.tobytes(), self.bytes_of(array), key)
        self.assertEqual(arrays["tokens"].tolist(), [1, 5, 6, 7, 0])
        self.assertEqual((arrays["tokens"].dtype, arrays["positions"].tolist()), (np.int64, [0, 1, 2, 3, 4]))
        metadata = json.loads(text)
        self.assertEqual(metadata["producer"], "test 1")
        fields = dict(trace.header)
        self.assertEqual(fields.pop("producer"), "test 1")
        fields["prompt"] = {"hex": b"a \"b\"\\\n\xff".hex()}
        self.assertEqual({name: value.decode() if isinstance(value, bytes) else value for name, value in fields.items()},
                         metadata["fields"])
        self.assertIsInstance(metadata["fields"]["rope_base"], float)
        self.assertIsInstance(metadata["fields"]["dim"], int)
        self.assertEqual([token["text"] for token in metadata["tokens"]],
                         ["\n<s>\n", {"hex": "c328"}, None, "\x00", "é€"])

    def test_numpy(self):
        trace = self.trace()
        path = self.export(self.path("a.trace"))
        with np.load(path) as arrays:
            text = arrays["trace.json"]
            self.assertTrace(trace, {name: arrays[name] for name in arrays.files if name != "trace.json"}, text, "V2")
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual({info.compress_type for info in archive.infolist()}, {zipfile.ZIP_STORED})

    @unittest.skipUnless(safetensors, "safetensors is not installed")
    def test_safetensors(self):
        trace = self.trace()
        path = self.export(self.path("a.trace"), to="out.safetensors")
        with open(path, "rb") as file:
            tensors = dict(safetensors.deserialize(file.read()))
        types = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": "V2", "I8": np.int8, "I64": np.int64}
        arrays = {name: np.frombuffer(t["data"], types[t["dtype"]]).reshape(t["shape"]) for name, t in tensors.items()}
        with safetensors.safe_open(path, "np") as file:
            text = file.metadata()["trace"]
            self.assertEqual(set(file.keys()), set(arrays))
        self.assertTrace(trace, arrays, text, "V2")

    def test_exports_are_read_back(self):
        """Both formats hold all that there is: from one the other is made, byte for byte as from the trace."""
        self.trace()
        npz = self.export(self.path("a.trace"), to="1.npz")
        tensors = self.export(self.path("a.trace"), to="1.safetensors")

        def content(path):
            with open(path, "rb") as file:
                return file.read()

        for source in (npz, tensors):
            self.assertEqual(content(self.export(source, to="2.npz")), content(npz))
            self.assertEqual(content(self.export(source, to="2.safetensors")), content(tensors))
        with zipfile.ZipFile(npz) as archive:
            archive.extractall(self.path("unzipped/."))
        # A folder's arrays come sorted by name; the records are the same.
        self.assertEqual(content(self.export(self.path("unzipped"), to="3.npz")), content(npz))

    def test_written_again_by_others(self):
        """What numpy.savez and safetensors write from an export is read like it."""
        self.trace()
        path = self.export(self.path("a.trace"), "--only", "x,q,logits")
        with np.load(path) as arrays:
            copies = {name: arrays[name] for name in arrays.files if name != "trace.json"}
        np.savez(self.path("again.npz"), **copies)
        expected = self.exported(path)[0]
        self.assertRecords(self.export(self.path("again.npz"), to="2.npz"), expected)
        self.assertEqual([t["id"] for t in self.exported(self.path("2.npz"))[1]["tokens"]], [1, 5, 6, 7, 0])
        if safetensors:
            safetensors.numpy.save_file(copies, self.path("again.safetensors"), metadata={"format": "np"})
            self.assertRecords(self.export(self.path("again.safetensors"), to="2.npz"), expected)

    def test_selection(self):
        self.trace()
        found, metadata = self.exported(self.export(self.path("a.trace"), "--only", "q.rope,k.rope", "--positions", "3..4",
                                                    "--layers", "1"))
        self.assertEqual(set(found), {("q.rope", 1, p) for p in (3, 4)} | {("k.rope", 1, p) for p in range(5)})
        self.assertEqual(metadata["fields"]["sites"], "q.rope,k.rope")
        self.assertEqual([metadata["fields"][name] for name in ("first_layer", "last_layer", "first_position", "last_position")],
                         [1, 1, 3, 4])

    def test_usage(self):
        self.trace()
        trace = self.path("a.trace")

        def usage(*arguments):
            result = self.tracediff("export", *arguments, status=2)
            self.assertEqual(len(result.stderr.splitlines()), 1)
            return result.stderr.decode()

        self.assertIn("a trace is needed", usage())
        self.assertIn("option '-o' is needed", usage(trace))
        self.assertIn("ends in .npz or .safetensors, not 'a.zip'", usage(trace, "-o", "a.zip"))
        self.assertIn("--map", usage(trace, "-o", self.path("a.npz"), "--map", self.write("map", "")))
        self.assertIn("option '--only': no tensor of %s matches 'foo'" % trace, usage(trace, "-o", self.path("a.npz"), "--only", "foo"))
        self.assertIn("holds no tensor of that site", usage(trace, "-o", self.path("a.npz"), "--layers", "9"))
        os.rename(self.export(trace), self.path("in.npz"))
        self.assertIn("would overwrite the input", usage(self.path("in.npz"), "-o", self.path("in.npz")))
        self.assertIn("no-such-file", usage("no-such-file", "-o", self.path("a.npz")))
        self.assertIn("not a trace", usage(self.write("text", "hello, you"), "-o", self.path("a.npz")))
        with open(trace, "rb") as file:
            data = file.read()
        cut = self.write("cut.trace", data[:-64])
        self.assertIn("only whole traces are exported: %s: the trace is cut short" % cut, usage(cut, "-o", self.path("a.npz")))
        self.assertIn("Exit status", self.tracediff("export", "--help").stdout.decode())

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        self.trace()
        os.symlink("/dev/full", self.path("full.npz"))
        result = self.tracediff("export", self.path("a.trace"), "-o", self.path("full.npz"), status=2)
        self.assertIn(b"No space left", result.stderr)


if __name__ == "__main__":
    unittest.main()
