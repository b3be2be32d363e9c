"""Tests of `tracediff explain` on traces of programs that are not ours: what tracefile.h and tracefile.py wrote, in every
dtype, with parts missing, and with what no honest trace holds. LLAMA2_BIN names the folder of the programs."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))
sys.path.insert(0, str(ROOT / "reference" / "examples"))
import port  # noqa: E402
import tracefile  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
C_PORT = pathlib.Path(os.environ.get("LLAMA2_BUILD", ROOT / "build")) / "port-example"
MODELS = pathlib.Path(os.environ.get("LLAMA2_MODELS", ROOT.parent / "shared" / "models"))
CC = os.environ.get("CC", "cc").split()
TOKENS = [1, 17, 203, 45, 99, 120, 31, 260]
KEYS = {"schema", "verdict", "checked", "unchecked", "worst_ratio", "first", "faults"}
RECORD_KEYS = {"site", "layer", "position", "index", "expected", "actual"}
FAULT_KEYS = {"site", "layers", "positions", "records", "first", "cause", "precision"}


def forced(tokens):
    return ["--tokens", ",".join(map(str, tokens))]


class Answer:
    """What explain said: exit status, the report, standard error and the JSON object."""

    def __init__(self, status, report, errors, verdict):
        self.status, self.report, self.errors, self.json = status, report, errors, verdict

    @property
    def sites(self):
        return [fault["site"] for fault in self.json["faults"]]

    def __repr__(self):
        return "exit %d: %s%s" % (self.status, self.report[:400], self.errors)


class TestCase(unittest.TestCase):
    def setUp(self):
        for program in ("tracediff", "tracedump", "llama2-synthesize"):
            if not (BIN / program).exists():
                self.skipTest("no %s in LLAMA2_BIN (%s)" % (program, BIN))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.synthesize("model.bin")
        self.path = self.folder / "port.trace"

    def run_program(self, *command):
        result = subprocess.run([str(part) for part in command], capture_output=True, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def synthesize(self, name, *options):
        self.run_program(BIN / "llama2-synthesize", "tiny", "-o", name, "--tokenizer", "none", *options)
        return self.folder / name

    def explain(self, trace, model=None, *options):
        """Runs explain twice, for people and for machines, and checks what holds of every answer."""
        return self.answers(trace, model or self.model, options)

    def answers(self, trace, model, options=(), people=True, seconds=120):
        command = [str(part) for part in (BIN / "tracediff", "explain", trace, "--model", model, *options)]
        machine = subprocess.run([*command, "--json", "-"], capture_output=True, encoding="utf-8", timeout=seconds)
        text = machine if not people else subprocess.run(command, capture_output=True, encoding="utf-8", timeout=seconds)
        self.assertIn(text.returncode, (0, 1, 2), text.stderr)
        self.assertEqual(text.returncode, machine.returncode)
        self.assertEqual(text.stderr, machine.stderr)
        # Exit 2 leaves one line on standard error, the others none.
        self.assertEqual(text.stderr.count("\n"), 1 if text.returncode == 2 else 0, text.stderr)
        verdict = json.loads(machine.stdout)  # one object and nothing else
        self.assertEqual(machine.stdout.count("\n"), 1)
        self.check_document(verdict, text.returncode)
        return Answer(text.returncode, text.stdout, text.stderr, verdict)

    def check_document(self, verdict, status):
        self.assertLessEqual(KEYS, set(verdict))
        self.assertEqual(verdict["schema"], "tracediff.explain/1")
        statuses = {"rounding": (0, 2), "fault": (1,), "precision": (1,), "unchecked": (2,)}
        self.assertIn(status, statuses[verdict["verdict"]], verdict["verdict"])
        self.assertEqual(set(verdict["checked"]), {"records", "elements"})
        self.assertIsInstance(verdict["unchecked"], list)
        self.assertIsInstance(verdict["worst_ratio"], (int, float))
        self.assertEqual(verdict["first"] is None, not verdict["faults"])
        for record in [fault["first"] for fault in verdict["faults"]] + [verdict["first"]] * (status == 1):
            self.assertLessEqual(RECORD_KEYS, set(record))
            self.assertIsInstance(record["index"], list)
        for fault in verdict["faults"]:
            self.assertLessEqual(FAULT_KEYS, set(fault))
            if fault["cause"] is not None:
                self.assertLessEqual({"id", "title"}, set(fault["cause"]))

    def reference(self, *options, model=None, tokens=TOKENS):
        """A trace of tracedump, as `read_trace` gives it."""
        path = self.folder / "reference.trace"
        self.run_program(BIN / "tracedump", model or self.model, *forced(tokens), "-o", path, *options)
        return tracefile.read_trace(path)

    def write(self, trace, change=lambda key, array: array, header=None):
        """Writes a trace again with records changed; None leaves one out."""
        records = {key: change(key, array) for key, array in trace.records.items()}
        records = {key: array for key, array in records.items() if array is not None}
        tracefile.write_trace(self.path, header or trace.header, trace.tokens, records)
        return self.path

    def run_port(self, tokens=TOKENS, **patches):
        """Traces port.py, with functions of it replaced."""
        with mock.patch.multiple(port, **patches) if patches else mock.MagicMock():
            port.run(str(self.model), str(self.path), tokens)
        return self.path

    def assertRounding(self, answer):
        self.assertEqual((answer.status, answer.json["verdict"]), (0, "rounding"), answer)
        self.assertLess(answer.json["worst_ratio"], 1)

    def assertFault(self, answer, *sites):
        self.assertEqual((answer.status, answer.json["verdict"]), (1, "fault"), answer)
        self.assertEqual(answer.sites, list(sites), answer)


class ForeignProgramTests(TestCase):
    """Programs that are not ours, with sites missing and nothing in the header but who wrote it."""

    #: What a port with fused attention and a fused feed-forward network has.
    FUSED = ("x.embed", "xb.attn_norm", "q.proj", "k.proj", "v.proj", "xb2.wo", "x.attn_residual", "xb.ffn_norm", "xb.w2",
             "x.ffn_residual", "x.final_norm", "logits")

    def c_port(self, change=lambda source: source):
        """Compiles reference/examples/port.c with changes and traces it."""
        if not shutil.which(CC[0]):
            self.skipTest("no C compiler %s" % CC[0])
        source = (ROOT / "reference" / "examples" / "port.c").read_text()
        changed = change(source)
        (self.folder / "port.c").write_text(changed)
        self.run_program(*CC, "-O2", "-ffp-contract=off", "-w", "-I", ROOT / "reference", "port.c", "-o", "port", "-lm")
        self.run_program("./port", self.model, self.path, *TOKENS)
        return changed != source

    def test_port_in_c(self):
        if not C_PORT.exists():
            self.skipTest("no port-example in LLAMA2_BUILD: run make test-programs")
        self.run_program(C_PORT, self.model, self.path, *TOKENS)
        answer = self.explain(self.path)
        self.assertRounding(answer)
        self.assertEqual((answer.json["unchecked_count"], answer.json["producer"]), (0, "port 1.0"))

    def test_port_in_c_with_sites_missing_and_an_empty_header(self):
        def strip(source):
            lines = []
            for line in source.splitlines():
                site = line.split('"')[1] if "tracefile_vector(" in line or "tracefile_matrix(" in line else None
                if site in (None, *self.FUSED):
                    lines.append(line)
            return "\n".join(lines) + "\n"

        def anonymous(source):
            start = source.index("    if (tracefile_describe_checkpoint(")
            end = source.index("\n    }\n", start) + 7
            source = source[:start] + source[end:]
            return "\n".join(line for line in source.splitlines() if "tracefile_header" not in line
                             and "tracefile_integer" not in line and "tracefile_text" not in line) + "\n"
        for mistake, sites in (((None, None), ()), (("x[i] += xb2[i]", "x[i] += xb[i]"), ("x.attn_residual",))):
            with self.subTest(mistake=mistake):
                def change(source):
                    source = anonymous(strip(source))
                    if mistake[0]:
                        self.assertIn(mistake[0], source)
                        source = source.replace(*mistake)
                    return source
                self.assertTrue(self.c_port(change))
                trace = tracefile.read_trace(self.path)
                self.assertEqual(set(trace.header), {"producer"})
                self.assertEqual({key[0] for key in trace.records}, set(self.FUSED))
                answer = self.explain(self.path)
                self.assertIn("does not say which checkpoint", answer.report)
                if sites:
                    self.assertFault(answer, *sites)
                else:
                    self.assertRounding(answer)
                checked = {site["site"] for site in answer.json["sites"]}
                unchecked = {entry["site"] for entry in answer.json["unchecked"]}
                self.assertEqual(checked | unchecked, set(self.FUSED), "what is not checked is listed")

    def test_port_in_python(self):
        answer = self.explain(self.run_port())
        self.assertRounding(answer)
        self.assertEqual(answer.json["unchecked_count"], 0)

    def test_port_in_python_with_sites_missing_and_an_empty_header(self):
        class Writer(tracefile.TraceWriter):
            def __init__(self, path, header):
                super().__init__(path, {"producer": header["producer"]})

            def record(self, site, layer, position, array):
                if site in ForeignProgramTests.FUSED:
                    super().record(site, layer, position, array)
        honest_rope = port.rope
        with mock.patch.object(port.tracefile, "TraceWriter", Writer):
            self.run_port()
            self.assertEqual(set(tracefile.read_trace(self.path).header), {"producer"})
            self.assertRounding(self.explain(self.path))
            # A mistake where nothing is recorded shows at the next site that is.
            self.run_port(softmax=lambda scores: np.exp(scores - scores.max(axis=1, keepdims=True)) * np.float32(0.5))
            self.assertFault(self.explain(self.path), "xb2.wo")
            self.run_port(rope=lambda v, position, size: honest_rope(v, position + (len(v) == 2), size))
            self.assertFault(self.explain(self.path), "xb2.wo")

    def test_what_cannot_be_checked_is_listed(self):
        trace = self.reference()
        # Two layers without a record in between: too far to prove anything.
        self.write(trace, lambda key, array: array if key[0] in ("att.softmax", "logits") else None,
                   {"producer": "hand-made 1"})
        answer = self.explain(self.path)
        self.assertEqual(answer.status, 0, answer)
        records = sum(entry["records"] for entry in answer.json["unchecked"])
        self.assertGreater(records, 0)
        self.assertEqual(records, answer.json["unchecked_records"])
        self.assertEqual(len(answer.json["unchecked"]), answer.json["unchecked_count"])
        self.assertEqual(records + answer.json["checked"]["records"], 4 * len(TOKENS))
        self.assertIn("Not checked: %d records" % records, answer.report)
        # A trace of which nothing can be checked passes nothing.
        self.write(trace, lambda key, array: array if key == ("logits", None, 7) else None, {"producer": "hand-made 1"})
        answer = self.explain(self.path)
        self.assertEqual((answer.status, answer.json["verdict"]), (2, "unchecked"), answer)


class StorageTests(TestCase):
    """Traces that are stored in another format than was computed in."""

    def test_float16_and_bfloat16_of_an_honest_run(self):
        trace = self.reference()
        for convert in (lambda array: array.astype(np.float16), tracefile.bfloat16):
            answer = self.explain(self.write(trace, lambda _, array: convert(array)))
            self.assertRounding(answer)

    def test_a_fault_of_one_per_cent_is_not_excused_by_float16(self):
        honest = port.swiglu
        self.run_port(swiglu=lambda gate, up: honest(gate, up) * np.float32(1.01))
        answer = self.explain(self.write(tracefile.read_trace(self.path), lambda _, array: array.astype(np.float16)))
        self.assertFault(answer, "hb.swiglu")
        self.assertIsNone(answer.json["faults"][0]["precision"])

    def test_a_fault_of_one_per_cent_is_not_excused_by_bfloat16(self):
        class Model(port.Model):
            def __init__(self, path):
                super().__init__(path)
                self.classifier = self.classifier
                self.embedding = self.embedding * np.float32(1.01)
        self.run_port(Model=Model)
        answer = self.explain(self.write(tracefile.read_trace(self.path), lambda _, array: tracefile.bfloat16(array)))
        self.assertFault(answer, "x.embed")
        self.assertIsNone(answer.json["faults"][0]["precision"])

    def test_float64(self):
        for version in "02":
            model = self.synthesize("f64-%s.bin" % version, "--version", version)
            self.reference("--precision", "f64", model=model)
            answer = self.explain(self.folder / "reference.trace", model)
            self.assertRounding(answer)
            self.assertEqual(answer.json["unchecked_count"], 0)

    def test_a_fault_in_float64(self):
        trace = self.reference("--precision", "f64")
        path = self.write(trace, lambda key, array: array * (1 + 1e-5) if key[0] == "x.final_norm" else array)
        self.assertIn("x.final_norm", self.explain(path).sites)


class MalformedTests(TestCase):
    """What no honest trace holds is trouble, and said."""

    def assertTrouble(self, answer, *words):
        self.assertEqual((answer.status, answer.json["faults"]), (2, []), answer)
        for word in words:
            self.assertIn(word, answer.report + answer.errors, answer)

    def test_wrong_shapes(self):
        trace = self.reference()

        def wider(array):
            return np.concatenate([array, np.zeros_like(array[:, :1])], axis=1)
        for site, change in (("att.scores", wider), ("att.softmax", wider), ("xb.attn_norm", lambda array: array[:-1]),
                             ("hb.swiglu", lambda array: np.append(array, array[:1])),
                             ("logits", lambda array: array.reshape(2, -1)[:, :-1])):
            for position in (3, None):
                with self.subTest(site=site, position=position):
                    def of_one(key, array):
                        return change(array) if key[0] == site and position in (None, key[2]) else array
                    self.assertTrouble(self.explain(self.write(trace, of_one)), site, "shape")

    def test_a_wrong_shape_does_not_hide_a_fault(self):
        trace = self.reference()
        path = self.write(trace, lambda key, array: array[:-1] if key[0] == "q.proj" and key[2] == 3 else
                          array * np.float32(1.5) if key[0] == "xb2.wo" else array)
        answer = self.explain(path)
        self.assertEqual(answer.status, 1, answer)
        self.assertIn("xb2.wo", answer.sites)
        self.assertIn("q.proj", [entry["site"] for entry in answer.json["unchecked"]])

    def hand_made(self, tokens, records):
        """Writes a trace of given (position, token) pairs and records, behind the writer's own checks."""
        with tracefile.TraceWriter(self.path, {"producer": "hand-made 1"}) as trace:
            trace._shapes = None
            for position, token in tokens:
                trace.token(position, token)
            for (site, layer, position), array in records:
                trace.record(site, layer, position, array)
        return self.path

    def test_positions_beyond_the_context(self):
        row = np.ones(48, np.float32)
        sizes = tracefile.describe_checkpoint(str(self.model))
        for position in (sizes["seq_len"], 2_000_000_000):
            with self.subTest(position=position):
                self.hand_made([(position, 5)], [(("x.embed", None, position), row),
                                                 (("xb.attn_norm", 0, position), row)])
                self.assertTrouble(self.answers(self.path, self.model, seconds=20), "position")

    def test_a_token_beyond_the_vocabulary(self):
        for token in (320, 2_000_000_000):
            self.hand_made([(0, token)], [(("x.embed", None, 0), np.ones(48, np.float32))])
            self.assertTrouble(self.explain(self.path), "token")

    def test_an_empty_trace(self):
        self.hand_made([(0, 1)], [])
        self.assertTrouble(self.explain(self.path))

    def test_only_names_outside_the_table(self):
        self.hand_made([(0, 1)], [(("my.tensor", 0, 0), np.ones(3, np.float32))])
        self.assertTrouble(self.explain(self.path), "my.tensor")


class VerdictTests(TestCase):
    def test_an_epsilon_that_the_header_names_is_used(self):
        def norm(x, weight):
            return weight * (np.float32(1) / np.sqrt(np.mean(x * x) + np.float32(1e-6)) * x)
        self.run_port(rmsnorm=norm)
        trace = tracefile.read_trace(self.path)
        answer = self.explain(self.write(trace, header=dict(trace.header, rms_norm_eps=1e-6)))
        self.assertRounding(answer)
        self.assertIn("epsilon 1e-06", answer.report)
        self.assertTrue(any("epsilon 1e-06" in constant for constant in answer.json["constants"]))
        # Without it llama2.c's is meant.
        answer = self.explain(self.write(trace, header={key: value for key, value in trace.header.items()
                                                        if key != "rms_norm_eps"}))
        self.assertEqual((answer.status, answer.json["verdict"]), (1, "fault"), answer)
        self.assertEqual({fault["cause"]["id"] for fault in answer.json["faults"]}, {"norm.epsilon"})

    def test_a_near_tie_is_called_so(self):
        trace = self.reference()
        first = int(np.argmax(trace.records["logits", None, 7]))
        # The greatest logit's row of the classifier again, nearly, for another token.
        data = bytearray(self.model.read_bytes())
        sizes = tracefile.describe_checkpoint(str(self.model))
        self.assertFalse(sizes["shared_classifier"])
        classifier = np.frombuffer(data, "<f4", sizes["vocab_size"] * 48, len(data) - 4 * sizes["vocab_size"] * 48)
        classifier = classifier.reshape(-1, 48)
        other = (first + 1) % sizes["vocab_size"]
        classifier[other] = classifier[first]
        classifier[other, 0] *= np.float32(1 + 2e-7)
        self.model.write_bytes(data)
        trace = self.reference()
        logits = trace.records["logits", None, 7].copy()
        self.assertLess(abs(logits[first] - logits[other]), 1e-5)
        low, high = sorted((first, other))
        # Two honest runs, one of which rounds one way and one the other.
        answers = []
        for winner in (low, high):
            def tied(key, array, winner=winner):
                if key != ("logits", None, 7):
                    return array
                array = array.copy()
                array[winner] = np.nextafter(array[[low, high]].max(), np.float32(np.inf))
                return array
            answers.append(self.write(trace, tied).rename(self.folder / ("%d.trace" % len(answers))))
        answer = self.explain(answers[1], None, "--expected", answers[0])
        self.assertRounding(answer)
        flips = answer.json["expected"]["flips"]
        self.assertEqual([(flip["position"], flip["expected"], flip["actual"], flip["near_tie"]) for flip in flips],
                         [(7, low, high, True)])
        self.assertIn("near tie", answer.report)

    def test_precision_is_not_claimed_of_unrecorded_inputs(self):
        class Model(port.Model):
            def __init__(self, path):
                super().__init__(path)
                self.wo = np.asarray(tracefile.bfloat16(self.wo))
        self.run_port(Model=Model)
        trace = tracefile.read_trace(self.path)
        answer = self.explain(self.path)
        self.assertEqual((answer.status, answer.json["verdict"], answer.sites), (1, "precision", ["xb2.wo"]), answer)
        self.assertIn("bfloat16", answer.json["faults"][0]["precision"])
        # Exact weights rounded to bfloat16 may explain it even so; inputs that are not known may not be rounded.
        answer = self.explain(self.write(trace, lambda key, array: None if key[0] == "xb.attn" else array))
        self.assertTrue(all("inputs" not in (fault["precision"] or "") for fault in answer.json["faults"]), answer)

    def test_a_fault_behind_unrecorded_inputs_is_no_lower_precision(self):
        self.run_port()
        trace = tracefile.read_trace(self.path)

        def change(key, array):
            if key[0] in ("hb.w1", "hb2.w3"):
                return None
            return array * np.float32(1.001) if key[0] == "hb.swiglu" else array
        answer = self.explain(self.write(trace, change))
        self.assertEqual((answer.status, answer.json["verdict"]), (1, "fault"), answer)
        self.assertEqual(answer.sites[0], "hb.swiglu")

    def test_every_outcome_leaves_one_object_alone(self):
        # `explain` checks it of every answer; here of each verdict, and of trouble before anything is read.
        self.reference()
        honest = self.folder / "reference.trace"
        self.assertEqual(self.explain(honest).json["exit_status"], 0)
        other = self.synthesize("other.bin", "--seed", "2")
        for trace, model in ((honest, other), (honest, self.folder / "none.bin"), (self.folder / "none", self.model),
                             (self.model, self.model)):
            answer = self.explain(trace, model)
            self.assertEqual((answer.status, answer.json["verdict"], answer.report), (2, "unchecked", ""))
            self.assertIn(answer.json["summary"], answer.errors)

    def test_causes_are_listed(self):
        result = self.run_program(BIN / "tracediff", "explain", "--list-causes")
        self.assertEqual(result.stderr, b"")
        text = result.stdout.decode()
        for cause in ("rope.split-half", "norm.epsilon", "residual.other-buffer", "swiglu.sigmoid", "cache.stale"):
            self.assertIn(cause, text)

    def test_a_closed_pipe_is_quiet(self):
        self.reference()
        for arguments in (["--list-causes"], ["reference.trace", "--model", "model.bin"],
                          ["reference.trace", "--model", "model.bin", "--json", "-"]):
            reader, writer = os.pipe()
            os.close(reader)
            try:
                result = subprocess.run([str(BIN / "tracediff"), "explain", *arguments], stdout=writer,
                                        stderr=subprocess.PIPE, cwd=self.folder, timeout=60)
            finally:
                os.close(writer)
            self.assertEqual(result.stderr, b"", arguments)


class TrainedModelTests(TestCase):
    """Five hundred positions of the trained model."""

    def setUp(self):
        super().setUp()
        self.model = MODELS / "stories260K.bin"
        if not self.model.exists():
            self.skipTest("no stories260K.bin in %s" % MODELS)
        self.tokens = [1] + [3 + place * 7919 % 509 for place in range(499)]

    def test_an_honest_port(self):
        answer = self.answers(self.run_port(self.tokens), self.model, people=False)
        self.assertRounding(answer)
        self.assertEqual(answer.json["unchecked_count"], 0)
        self.assertEqual(answer.json["checked"]["records"], 500 * (5 * 17 + 3))

    def test_a_faulty_port(self):
        honest = port.rope
        # Keys are turned one position too far; queries have another number of heads.
        self.run_port(self.tokens, rope=lambda v, position, size: honest(v, position + (len(v) == 4), size))
        answer = self.answers(self.path, self.model, people=False)
        self.assertFault(answer, "k.rope")
        first, fault = answer.json["first"], answer.json["faults"][0]
        self.assertEqual((first["layer"], first["position"]), (0, 0))
        self.assertEqual((fault["records"], fault["cause"]["id"]), (2500, "rope.position-offset"))

    def test_a_fault_that_begins_late(self):
        honest = port.softmax

        def softmax(scores):
            weights = honest(scores)
            if scores.shape[1] > 400:
                weights[:, 0] = 0  # the oldest row of a ring buffer that is too short
            return weights
        self.run_port(self.tokens, softmax=softmax)
        answer = self.answers(self.path, self.model, people=False)
        self.assertFault(answer, "att.softmax")
        self.assertEqual((answer.json["first"]["layer"], answer.json["first"]["position"]), (0, 400))
        self.assertEqual(min(answer.json["faults"][0]["positions"]), 400)


if __name__ == "__main__":
    unittest.main()
