"""Arrays in the layouts that come naturally to numpy and JAX, put into records by a mapping."""

import io
import os
import unittest
import warnings
import zipfile

import numpy as np

from array_runs import (halved, HEADS, KV_HEADS, LAYERS, POSITIONS, random_run, records_of, safetensors, SITES, SIZE,
                        TestCase, without_layers)


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


if __name__ == "__main__":
    unittest.main()
