"""Tests of arrays as traces: files that numpy and safetensors write, mapping files, exports, and malformed files.

LLAMA2_BIN names the folder of the programs. The tests with the package safetensors are skipped where it is not installed.
"""

import importlib.util
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import warnings
import zipfile
import zlib

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


class LayoutTests(TestCase):
    """numpy writes arrays in the layouts that come naturally, and a mapping puts them into records."""

    def check(self, arrays, lines, expected):
        """In every kind of file, and in both orders of memory."""
        mapping = self.write("map", "\n".join(lines))
        for name, order in (("c", np.ascontiguousarray), ("f", np.asfortranarray)):
            arrays_in_order = {key: order(array) for key, array in arrays.items()}
            np.savez(self.path(name + ".npz"), **arrays_in_order)
            self.assertRecords(self.export(self.path(name + ".npz"), "--map", mapping), expected)
            for key, array in arrays_in_order.items():
                np.save(self.path(os.path.join(name, key + ".npy")), array)
            self.assertRecords(self.export(self.path(name), "--map", mapping), expected)
        if safetensors:
            path = self.path("arrays.safetensors")
            safetensors.numpy.save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, path)
            self.assertRecords(self.export(path, "--map", mapping), expected)

    def test_stacks(self):
        run = random_run(1)
        lines = []
        for site in SITES:
            axes = "head,key" if site.startswith("att.") else "feature"
            axes = ("position," if without_layers(site) else "layer,position,") + axes
            lines.append("tensor %s -> %s axes=%s" % (site, site, axes))
        self.check(run, lines, records_of(run))

    def test_one_array_per_layer_with_a_batch(self):
        run = random_run(2)
        arrays = {}
        for site, stack in run.items():
            for layer, rows in enumerate([stack] if without_layers(site) else stack):
                other = np.full_like(rows, np.nan)
                name = site if without_layers(site) else "%s.%d" % (site, layer + 1)
                if site in ("q.proj", "q.rope"):
                    # [batch, head, position, element], as attention takes them.
                    split = np.stack([other, rows]).reshape(2, POSITIONS, HEADS, SIZE)
                    arrays[name] = split.swapaxes(1, 2)
                elif site.startswith("att."):
                    arrays[name] = np.stack([other, rows]).swapaxes(1, 2)
                else:
                    arrays[name] = np.stack([other, rows])
        lines = ["tensor x.embed -> x.embed axes=batch,position,feature batch=1",
                 "tensor x.final_norm -> x.final_norm axes=batch,position,feature batch=1",
                 "tensor logits -> logits axes=batch,position,feature batch=1",
                 "tensor q.*.{layer} -> q.x axes=batch,head,position,element batch=1 layers=-1",
                 "tensor att.scores.{layer} -> att.scores axes=batch,head,position,key batch=1 layers=-1",
                 "tensor att.softmax.{layer} -> att.softmax axes=batch,head,position,key batch=1 layers=-1",
                 "tensor {site}.{layer} -> {site} axes=batch,position,feature batch=1 layers=-1"]
        lines[3:4] = ["tensor %s.{layer} -> %s axes=batch,head,position,element batch=1 layers=-1" % (site, site)
                      for site in ("q.proj", "q.rope")]
        self.check(arrays, lines, records_of(run))

    def test_transposed_and_halved(self):
        run = random_run(3)
        sites = ("q.rope", "k.rope", "x.embed", "att.softmax")
        run = {site: run[site] for site in sites}
        arrays = {
            "q": halved(run["q.rope"]).transpose(2, 0, 1),
            "k": halved(run["k.rope"]).reshape(LAYERS, POSITIONS, KV_HEADS, SIZE).transpose(3, 1, 0, 2),
            "x": run["x.embed"].T[:, None], "p": run["att.softmax"].transpose(3, 2, 1, 0)}
        lines = ["tensor q -> q.rope axes=feature,layer,position rope=halves",
                 "tensor k -> k.rope axes=element,position,layer,head rope=halves",
                 "tensor x -> x.embed axes=feature,one,position", "tensor p -> att.softmax axes=key,head,position,layer",
                 "set dim = %d" % (HEADS * SIZE), "set n_heads = %d" % HEADS]
        self.check(arrays, lines, records_of(run))
        # Without rope= the numbers are there in another order, and so the test above can fail.
        np.savez(self.path("q.npz"), q=arrays["q"])
        mapping = self.write("map", "tensor q -> q.rope axes=feature,layer,position")
        found = self.exported(self.export(self.path("q.npz"), "--map", mapping))[0]
        key = "q.rope", 0, 1
        self.assertNotEqual(found[key].tobytes(), run["q.rope"][0, 1].tobytes())
        self.assertEqual(sorted(found[key]), sorted(run["q.rope"][0, 1]))

    def test_one_file_per_record(self):
        records = records_of(random_run(4, positions=2, layers=2))
        for (site, layer, position), array in records.items():
            place = "%s-%d.npy" % (site, position) if layer is None else "%d/%s-%03d.npy" % (layer, site, position)
            np.save(self.path(os.path.join("run", place)), array)
        mapping = self.write("map", "tensor {layer}/{site}-{position} -> {site}\ntensor {site}-{position} -> {site}")
        self.assertRecords(self.export(self.path("run"), "--map", mapping), records)

    def test_chunks_of_positions(self):
        stack = random_run(5)["x.embed"]
        np.savez(self.path("a.npz"), x=stack[:3])
        np.savez(self.path("b.npz"), x=stack[3:])
        mapping = self.write("map", "tensor a/x -> x.embed axes=position,feature\n"
                                    "tensor b/x -> x.embed axes=position,feature positions=3")
        self.assertRecords(self.export(self.path("a.npz"), self.path("b.npz"), "--map", mapping),
                           records_of({"x.embed": stack}))

    def test_types(self):
        values = np.array([[1.5, -2.25, 1000], [0.125, 3, -0.0]])
        for dtype in (np.float64, np.float32, np.float16, np.int8):
            array = values.astype(np.int64).astype(dtype) if dtype is np.int8 else values.astype(dtype)
            np.save(self.path("x.npy"), array)
            mapping = self.write("map", "tensor x -> x.embed axes=position,feature")
            found = self.exported(self.export(self.path("x.npy"), "--map", mapping))[0]
            self.assertEqual(found["x.embed", None, 1].dtype, dtype)
            self.assertEqual(found["x.embed", None, 1].tobytes(), array[1].tobytes())
        brain = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        for array in (brain, brain.view("V2")):
            np.save(self.path("x.npy"), array)
            mapping = self.write("map", "tensor x -> x.embed axes=position,feature dtype=bfloat16")
            found = self.exported(self.export(self.path("x.npy"), "--map", mapping))[0]
            self.assertEqual(found["x.embed", None, 1].tobytes(), brain[1].tobytes())

    def test_tokens_and_header(self):
        np.savez(self.path("a.npz"), x=np.zeros((3, 4), np.float32), ids=np.array([[9, 9, 9], [1, 5, 7]], np.int32))
        mapping = self.write("map", "tensor x -> x.embed axes=position,feature\ntokens ids axes=batch,position batch=1\n"
                                    "set producer = \"numpy here\"\nset rms_norm_eps = 1e-6\nset n_layers = 2")
        metadata = self.exported(self.export(self.path("a.npz"), "--map", mapping))[1]
        self.assertEqual(metadata["producer"], "numpy here")
        self.assertEqual(metadata["fields"], {"rms_norm_eps": 1e-6, "n_layers": 2})
        self.assertEqual([(t["position"], t["id"], t["text"]) for t in metadata["tokens"]],
                         [(0, 1, None), (1, 5, None), (2, 7, None)])

    def test_archives_written_to_a_pipe(self):
        class Pipe(io.RawIOBase):
            def __init__(self):
                self.data = b""

            def writable(self):
                return True

            def write(self, data):
                self.data += bytes(data)
                return len(data)

        pipe = Pipe()
        stack = random_run(6)["x.embed"]
        with zipfile.ZipFile(pipe, "w") as archive:
            with archive.open("x.npy", "w") as member:
                np.lib.format.write_array(member, stack)
        self.assertIn(b"PK\7\x08", pipe.data, "numbers behind the member")
        mapping = self.write("map", "tensor x -> x.embed axes=position,feature")
        self.assertRecords(self.export(self.write("a.npz", pipe.data), "--map", mapping), records_of({"x.embed": stack}))

    def test_jax(self):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import jax.numpy as jnp
        except ImportError:
            self.skipTest("jax is not installed")
        values = np.array([[1.5, -2.25], [0.125, 3]], np.float32)
        np.savez(self.path("a.npz"), x=jnp.asarray(values), b=jnp.asarray(values, jnp.bfloat16))
        mapping = self.write("map", "tensor x -> x.embed axes=position,feature\n"
                                    "tensor b -> x.final_norm axes=position,feature dtype=bfloat16")
        found = self.exported(self.export(self.path("a.npz"), "--map", mapping))[0]
        self.assertEqual(found["x.embed", None, 1].tobytes(), values[1].tobytes())
        self.assertEqual(found["x.final_norm", None, 1].tobytes(), (values[1].view(np.uint32) >> 16).astype("<u2").tobytes())


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
        self.assertIn("no tensor of %s matches 'foo'" % trace, usage(trace, "-o", self.path("a.npz"), "--only", "foo"))
        self.assertIn("holds no tensor of that site", usage(trace, "-o", self.path("a.npz"), "--layers", "9"))
        os.rename(self.export(trace), self.path("in.npz"))
        self.assertIn("would overwrite the input", usage(self.path("in.npz"), "-o", self.path("in.npz")))
        self.assertIn("no-such-file", usage("no-such-file", "-o", self.path("a.npz")))
        self.assertIn("not a trace", usage(self.write("text", "hello, you"), "-o", self.path("a.npz")))
        with open(trace, "rb") as file:
            data = file.read()
        self.assertIn("only whole traces are exported: the trace is cut short",
                      usage(self.write("cut.trace", data[:-64]), "-o", self.path("a.npz")))
        self.assertIn("Exit status", self.tracediff("export", "--help").stdout.decode())

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        self.trace()
        os.symlink("/dev/full", self.path("full.npz"))
        result = self.tracediff("export", self.path("a.trace"), "-o", self.path("full.npz"), status=2)
        self.assertIn(b"No space left", result.stderr)


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
        for array, remedy in ((np.array([[1, "a"]], object), "Python objects"), (np.zeros((2, 2), ">f4"), "big-endian"),
                              (np.zeros((2, 2), np.complex64), "complex"), (np.zeros((2, 2), "U3"), "text"),
                              (np.zeros((2, 2), [("a", "<f4")]), "each field"), (np.zeros((2, 2), np.longdouble), "float64"),
                              (np.zeros((2, 2), "M8[s]"), "float32")):
            self.assertIn(remedy, self.message(self.savez(x=array)), array.dtype)
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


class DocumentTests(TestCase):
    """The examples of docs/mapping.md, as they stand there."""

    @staticmethod
    def blocks(language):
        with open(os.path.join(ROOT, "docs", "mapping.md"), encoding="utf-8") as file:
            return re.findall("```%s\n(.*?)```" % language, file.read(), re.S)

    def test_the_stacked_run(self):
        """A pass over all positions with BLAS gives the reference's records, through the mapping of the page."""
        self.check_stacked_run(self.blocks("python")[0])

    def test_the_stacked_run_in_jax(self):
        if importlib.util.find_spec("jax") is None:
            self.skipTest("jax is not installed")
        script = self.blocks("python")[0]
        line = "import numpy as np  # for JAX: import jax.numpy as np"
        self.assertEqual(script.count(line), 1)
        self.check_stacked_run(script.replace(line, "import jax.numpy as np"))

    def check_stacked_run(self, text):
        model = self.path("model.bin")
        subprocess.run([os.path.join(PROGRAMS, "llama2-synthesize"), "tiny", "-o", model], check=True, capture_output=True)
        tokens = "1,5,9,2,7,30,4"
        reference = self.path("reference.trace")
        subprocess.run([os.path.join(PROGRAMS, "llama2-reference"), model, "--tokens", tokens, "-o", reference], check=True,
                       capture_output=True)
        script = self.write("stacked.py", text)
        subprocess.run([sys.executable, script, model, tokens, self.path("run.npz")], check=True)
        mapping = self.write("stacked.map", self.blocks("mapping")[0])
        found, metadata = self.exported(self.export(self.path("run.npz"), "--map", mapping))
        expected = tracefile.read_trace(reference)
        self.assertEqual(set(found), set(expected.records))
        self.assertEqual([t["id"] for t in metadata["tokens"]], expected.tokens)
        self.assertEqual(metadata["producer"], "stacked numpy")
        for key, array in expected.records.items():
            self.assertEqual(found[key].shape, array.shape, key)
            scale = np.sqrt(np.mean(np.square(array, dtype=np.float64)))
            self.assertLessEqual(np.abs(found[key] - array).max(), 1e-4 * scale, key)

    def test_names_of_hugging_face(self):
        """Records put into that layout come back as they were."""
        heads, size = 8, 8
        rng = np.random.default_rng(12)
        arrays, expected = {"input_ids": np.arange(3)[None]}, {}
        lines = [line.split() for line in self.blocks("mapping")[1].splitlines() if line.startswith("tensor")]
        for _, pattern, _, site, axes, *rest in lines:
            for layer in range(2) if "{layer}" in pattern else [None]:
                stack = rng.normal(size=(3, heads, 3) if "key" in axes else (3, heads * size)).astype(np.float32)
                expected.update({(site, layer, p): row for (_, _, p), row in
                                 records_of({"att.scores" if "key" in axes else "x.embed": stack[None] if "key" in axes
                                             else stack}).items()})
                stored = halved(stack, size) if rest else stack
                if "element" in axes:
                    stored = stored.reshape(3, heads, size).swapaxes(0, 1)
                elif "key" in axes:
                    stored = stored.swapaxes(0, 1)
                arrays[pattern.replace("{layer}", str(layer))] = np.ascontiguousarray(stored[None])
        mapping = self.write("map", self.blocks("mapping")[1])
        np.savez(self.path("a.npz"), **arrays)
        self.assertRecords(self.export(self.path("a.npz"), "--map", mapping), expected)
        self.assertEqual({site for site, _, _ in expected}, set(SITES) - {"att.scores"})
        # The names are those that the page's script makes; it itself needs packages that few machines have.
        script = self.blocks("python")[1]
        compile(script, "hooked.py", "exec")
        for name in ("input_ids", "self_attn.q_rotated", "self_attn.k_rotated", "self_attn.weights", ".in"):
            self.assertIn(name, script)


if __name__ == "__main__":
    unittest.main()
