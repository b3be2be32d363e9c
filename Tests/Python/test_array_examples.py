"""The examples of docs/mapping.md."""

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import unittest

import numpy as np

from array_runs import halved, PROGRAMS, records_of, ROOT, SITES, TestCase, tracefile


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
        self.compare_stacked_run(reference, mapping)
        self.explain_stacked_run(model, reference, mapping)

    def document(self, *arguments, status=0):
        return json.loads(self.tracediff(*arguments, "--json", "-", status=status).stdout)

    def moved(self, name, place):
        """A copy of the run in which one element of an array is half as large again."""
        with np.load(self.path("run.npz")) as arrays:
            copies = {key: arrays[key].copy() for key in arrays.files}
        copies[name][place] *= 1.5
        np.savez(self.path("moved.npz"), **copies)
        return self.path("moved.npz")

    def compare_stacked_run(self, reference, mapping):
        expected = tracefile.read_trace(reference)
        document = self.document(reference, self.path("run.npz"), "--map", mapping)
        self.assertEqual(document["verdict"], "within_tolerance")
        self.assertEqual(document["compared"]["records"], len(expected.records))
        self.assertEqual(document["actual"]["producer"], "stacked numpy")
        moved = self.moved("gate", (1, 3, 2))
        first = self.document(reference, moved, "--map", mapping, status=1)["first_divergence"]
        self.assertEqual((first["site"], first["layer"], first["position"], first["index"]), ("hb.w1", 1, 3, [2]))
        tokens = self.document("inspect", self.path("run.npz"), "--map", mapping)["tokens"]
        self.assertEqual([token["id"] for token in tokens], expected.tokens)

    def explain_stacked_run(self, model, reference, mapping):
        options = ["--model", model, "--map", mapping]
        document = self.document("explain", self.path("run.npz"), *options)
        self.assertEqual(document["verdict"], "rounding")
        document = self.document("explain", self.path("run.npz"), *options, "--expected", reference)
        self.assertEqual(document["verdict"], "rounding")
        document = self.document("explain", self.moved("gate", (1, 3, 2)), *options, status=1)
        first = document["first"]
        self.assertEqual((document["verdict"], first["site"], first["layer"], first["position"]), ("fault", "hb.w1", 1, 3))

    def compare_as_the_page_does(self, arrays, mapping, records):
        """The command line of the page, on arrays that lack the scores and a port's trace that holds them."""
        with open(os.path.join(ROOT, "docs", "mapping.md"), encoding="utf-8") as file:
            command, = re.findall("^    tracediff (hf.safetensors .*)$", file.read(), re.M)
        with open(self.path("hf.safetensors"), "wb") as file:
            np.savez(file, **arrays)
        scores = {("att.scores", l, p): np.ones((8, p + 1), np.float32) for l in range(2) for p in range(3)}
        tracefile.write_trace(self.path("port.trace"), {"producer": "port 1"}, [0, 1, 2], {**records, **scores})
        names = {"hf.safetensors": self.path("hf.safetensors"), "port.trace": self.path("port.trace"), "hf.map": mapping}
        arguments = [names.get(word, word) for word in command.split()]
        document = self.document(*arguments)
        self.assertEqual((document["verdict"], document["compared"]["records"]), ("identical", len(records)))
        place = arguments.index("--except")
        document = self.document(*arguments[:place], *arguments[place + 2:], status=2)
        self.assertEqual({record["site"] for record in document["unmatched"]["actual"]}, {"att.scores"})

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
        self.compare_as_the_page_does(arrays, mapping, expected)
        # The names are those that the page's script makes; it itself needs packages that few machines have.
        script = self.blocks("python")[1]
        compile(script, "hooked.py", "exec")
        for name in ("input_ids", "self_attn.q_rotated", "self_attn.k_rotated", "self_attn.weights", ".in"):
            self.assertIn(name, script)


if __name__ == "__main__":
    unittest.main()
