"""Arrays in every command that takes a trace."""

import json
import os
import unittest

import numpy as np

from array_runs import POSITIONS, random_run, records_of, safetensors, SITES, TestCase, tracefile, without_layers


class CommandTests(TestCase):
    """Arrays stand wherever a trace does: each command finds in them what it finds in the trace."""

    TOKENS = [1, 5, 9, 2, 7]

    def setUp(self):
        super().setUp()
        self.stacks = random_run(20)
        self.records = records_of(self.stacks)
        tracefile.write_trace(self.path("a.trace"), {"producer": "test 1"}, self.TOKENS, self.records)
        lines = ["tokens ids", "set producer = \"test 1\""]
        for site in SITES:
            axes = "head,key" if site.startswith("att.") else "feature"
            axes = ("position," if without_layers(site) else "layer,position,") + axes
            lines.append("tensor %s -> %s axes=%s" % (site, site, axes))
        self.lines = lines
        self.mapping = self.write("map", "\n".join(lines))

    def changed(self, site="hb.w1", layer=1, position=3):
        """The run with one element moved far away."""
        run = {name: stack.copy() for name, stack in self.stacks.items()}
        run[site][layer, position, 2] += 1
        return run

    def kinds(self, run):
        """The run as each kind of file: its path."""
        arrays = {**run, "ids": np.array(self.TOKENS)}
        np.savez(self.path("run.npz"), **arrays)
        yield self.path("run.npz")
        for name, array in arrays.items():
            np.save(self.path(os.path.join("run", name + ".npy")), array)
        yield self.path("run")
        if safetensors:
            safetensors.numpy.save_file(arrays, self.path("run.safetensors"))
            yield self.path("run.safetensors")

    def document(self, *arguments, status=0):
        return json.loads(self.tracediff(*arguments, "--json", "-", status=status).stdout)

    def assertDiverged(self, document):
        first = document["first_divergence"]
        self.assertEqual((document["verdict"], first["site"], first["layer"], first["position"]), ("diverged", "hb.w1", 1, 3))

    def assertIdentical(self, document):
        self.assertEqual((document["verdict"], document["compared"]["records"]), ("identical", len(self.records)))

    def test_compare(self):
        trace = self.path("a.trace")
        for path in self.kinds(self.stacks):
            self.assertIdentical(self.document(trace, path, "--map", self.mapping))
            self.assertIdentical(self.document(path, trace, "--map", self.mapping, "--exact", "--first"))
            self.assertIdentical(self.document(path, path, "--map", self.mapping))
        for path in self.kinds(self.changed()):
            self.assertDiverged(self.document(trace, path, "--map", self.mapping, status=1))
            self.assertDiverged(self.document(path, trace, "--map", self.mapping, "--first", status=1))

    def test_a_mapping_for_each_side(self):
        np.savez(self.path("a.npz"), x=self.stacks["x.embed"])
        np.savez(self.path("b.npz"), y=self.stacks["x.embed"].T)
        one = self.write("one", "tensor x -> x.embed axes=position,feature")
        other = self.write("other", "tensor y -> x.embed axes=feature,position")
        sides = ["--map", "expected=" + one, "--map", "actual=" + other]
        document = self.document(self.path("a.npz"), self.path("b.npz"), *sides)
        self.assertEqual((document["verdict"], document["compared"]["records"]), ("identical", POSITIONS))
        sides = ["--map", "expected=" + other, "--map", "actual=" + one]
        result = self.tracediff(self.path("a.npz"), self.path("b.npz"), *sides, status=2)
        self.assertIn(b"matches no array", result.stderr)

    def test_goldens(self):
        trace, golden = self.path("a.trace"), self.path("a.golden")
        self.tracediff("golden", "record", trace, "-o", golden)
        with open(golden, "rb") as file:
            content = file.read()
        for path in self.kinds(self.stacks):
            self.assertIdentical(self.document("golden", "check", golden, path, "--map", self.mapping))
            self.tracediff("golden", "record", path, "--map", self.mapping, "-o", self.path("b.golden"))
            self.assertIdentical(self.document("golden", "check", self.path("b.golden"), trace))
            self.assertFalse(self.document("golden", "update", golden, path, "--map", self.mapping)["changed"])
            with open(golden, "rb") as file:
                self.assertEqual(file.read(), content)
        for path in self.kinds(self.changed()):
            self.assertDiverged(self.document("golden", "check", golden, path, "--map", self.mapping, status=1))
        self.assertTrue(self.document("golden", "update", golden, path, "--map", self.mapping)["changed"])
        self.assertDiverged(self.document("golden", "check", golden, trace, status=1))

    def test_inspect(self):
        expected = self.document("inspect", self.path("a.trace"))
        for path in self.kinds(self.stacks):
            found = self.document("inspect", path, "--map", self.mapping)
            for key in ("complete", "producer", "records", "token_count", "site_count", "problems", "sites"):
                self.assertEqual(found[key], expected[key], key)
            self.assertEqual([token["id"] for token in found["tokens"]], self.TOKENS)
            place = ["--only", "q.rope", "--layer", "2", "--position", "4"]
            tensor, = self.document("inspect", path, "--map", self.mapping, *place, "--full")["tensors"]
            self.assertEqual(np.array(tensor["values"], np.float32).tobytes(), self.stacks["q.rope"][2, 4].tobytes())

    def test_history(self):
        history = self.path("drift.jsonl")
        for commit, run in (("a1", self.stacks), ("b2", self.changed())):
            path = next(self.kinds(run))
            self.tracediff("history", "append", history, "--commit", commit, self.path("a.trace"), path, "--map", self.mapping)
        with open(history, encoding="utf-8") as file:
            self.assertEqual([json.loads(line)["verdict"] for line in file], ["identical", "diverged"])

    def parts(self, run):
        """The run as a file for each position, of stacks over the layers."""
        for position in range(POSITIONS):
            arrays = {"ids": np.array(self.TOKENS[position])}
            for site, stack in run.items():
                rows = stack[position] if without_layers(site) else stack[:, position]
                arrays[site] = rows[..., :position + 1] if site.startswith("att.") else rows
            np.savez(self.path("parts/step%02d.npz" % position), **arrays)
        lines = ["tokens step{position}/ids", "set producer = \"test 1\""]
        for site in SITES:
            axes = "head,key" if site.startswith("att.") else "feature"
            axes = axes if without_layers(site) else "layer," + axes
            lines.append("tensor step{position}/%s -> %s axes=%s" % (site, site, axes))
        self.write("parts.map", "\n".join(lines))
        return [self.path("parts/step%02d.npz" % position) for position in range(POSITIONS)]

    def test_one_file_per_position(self):
        trace, mapping = self.path("a.trace"), ["--map", self.path("parts.map")]
        files = self.parts(self.stacks)
        self.assertIdentical(self.document(trace, *files, *mapping))
        self.assertIdentical(self.document(trace, *reversed(files), *mapping))
        self.assertIdentical(self.document(trace, self.path("parts"), *mapping))
        lacking = self.document(trace, *files[:2], *files[3:], *mapping, status=2)
        self.assertEqual({record["position"] for record in lacking["unmatched"]["expected"]}, {2})
        self.assertDiverged(self.document(trace, *self.parts(self.changed()), *mapping, status=1))

    def fails(self, run, lines, *wanted):
        """Each command that compares or reads says what is wrong, in the report or on standard error, and exits with 2."""
        trace, golden = self.path("a.trace"), self.path("a.golden")
        self.tracediff("golden", "record", trace, "-o", golden)
        mapping = ["--map", self.write("broken.map", "\n".join(lines))]
        np.savez(self.path("broken.npz"), ids=np.array(self.TOKENS), **run)
        path = self.path("broken.npz")
        for command in ([trace, path], [path, trace], [trace, path, "--common"], ["golden", "check", golden, path],
                        ["inspect", path], ["export", path, "-o", self.path("broken.out.npz")],
                        ["golden", "record", path, "-o", self.path("broken.golden")]):
            result = self.tracediff(*command, *mapping, status=2)
            text = (result.stdout + result.stderr).decode()
            for words in wanted:
                self.assertIn(words, text, command)

    def test_an_array_without_a_statement(self):
        self.fails({**self.stacks, "extra": np.zeros(3, np.float32)}, self.lines, "array 'extra': no statement is about it")

    def test_an_array_left_out_by_name(self):
        np.savez(self.path("run.npz"), ids=np.array(self.TOKENS), extra=np.zeros(3), **self.stacks)
        mapping = self.write("ignoring", "\n".join(self.lines + ["ignore extra"]))
        self.assertIdentical(self.document(self.path("a.trace"), self.path("run.npz"), "--map", mapping))

    def test_a_statement_without_an_array(self):
        run = {site: stack for site, stack in self.stacks.items() if site != "logits"}
        self.fails(run, self.lines, "'logits' matches no array")

    def test_two_arrays_for_one_record(self):
        lines = self.lines + ["tensor again -> logits axes=position,feature"]
        self.fails({**self.stacks, "again": self.stacks["logits"]}, lines, "logits, position 0", "'again'", "'logits'")

    def test_a_missing_record(self):
        run = {**self.stacks, "logits": self.stacks["logits"][:-1]}
        np.savez(self.path("run.npz"), ids=np.array(self.TOKENS), **run)
        trace, path = self.path("a.trace"), self.path("run.npz")
        golden = self.path("a.golden")
        self.tracediff("golden", "record", trace, "-o", golden)
        for command in ([trace, path], ["golden", "check", golden, path]):
            document = self.document(*command, "--map", self.mapping, status=2)
            record, = document["unmatched"]["expected"]
            self.assertEqual((document["verdict"], record["site"], record["position"]), ("incomparable", "logits", POSITIONS - 1))
            common = self.document(*command, "--map", self.mapping, "--common")
            self.assertEqual(common["compared"]["records"], len(self.records) - 1)
        document = self.document(path, trace, "--map", self.mapping, status=2)
        self.assertEqual(document["unmatched"]["actual_count"], 1)


if __name__ == "__main__":
    unittest.main()
