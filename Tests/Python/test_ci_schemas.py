"""JSON documents of every command against the published schemas. LLAMA2_BIN names the folder of the programs."""

import copy
import json
import os
import shutil
import subprocess
import unittest

from ci_support import BIN, CHECKS, COMPARISONS, EXPLANATIONS, ROOT, CITestCase, has, make_coarse

SCHEMAS = ROOT / "docs" / "schemas"

# Golden, trace, exit status and verdict of updates. The verdict is that of what both have; what changed is recorded
# anyway.
UPDATES = [
    ("expected.golden", "same.trace", 0, "identical"),
    ("expected.golden", "near.trace", 0, "within_tolerance"),
    ("expected.golden", "far.trace", 0, "diverged"),
    ("expected.golden", "nan.trace", 0, "diverged"),
    ("expected.golden", "tokens.trace", 0, "diverged"),
    ("expected.golden", "part.trace", 0, "identical"),
    ("expected.golden", "shapes.trace", 0, "incomparable"),
    ("expected.golden", "model.trace", 0, "incomparable"),
    ("expected.golden", "cut.trace", 2, "incomparable"),
    ("expected.golden", "missing.trace", 2, "incomparable"),
    ("damaged.golden", "same.trace", 2, "incomparable"),
    ("missing.golden", "same.trace", 2, "incomparable"),
]

RECORDINGS = [("expected.trace", 0), ("nan.trace", 0), ("hostile.trace", 0), ("cut.trace", 2), ("damaged.trace", 2),
              ("noise.trace", 2), ("missing.trace", 2)]

INSPECTIONS = [
    (["expected.trace"], 0), (["precise.trace", "--tokens"], 0), (["expected.trace", "--only", "att", "--full"], 0),
    (["nan.trace", "--only", "q.rope", "--layers", "1"], 0), (["hostile.trace"], 0), (["hostile.trace", "--only", "*"], 0),
    (["cut.trace"], 2), (["damaged.trace", "--only", "q.rope"], 2), (["noise.trace"], 2), (["missing.trace"], 2),
    (["p0.trace", "p1.trace"], 0), (["p0.trace", "p1-again.trace"], 0), (["p0.trace", "p1.trace", "--only", "q"], 0),
    (["p0.trace", "p1-moved.trace"], 2), (["p0.trace", "p1-model.trace"], 2), (["p0.trace", "missing.trace"], 2),
    (["expected.npz"], 0), (["expected.npz", "--only", "q"], 0), (["foreign.npz"], 2),
]


class SchemaTests(CITestCase):
    """Real documents of every kind are valid; the same documents, altered, are not."""

    @classmethod
    def setUpClass(cls):
        if not has("jsonschema"):
            raise unittest.SkipTest("jsonschema is not installed")
        super().setUpClass()
        make_coarse(cls.folder)

    @staticmethod
    def validator(name, strict=True):
        """A schema as published, or with no key allowed that it does not name."""
        import jsonschema
        schema = json.loads((SCHEMAS / (name + ".json")).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)

        def close(value):
            if isinstance(value, dict):
                if value.get("type") == "object" and "properties" in value:
                    value.setdefault("additionalProperties", False)
                for inner in value.values():
                    close(inner)
            elif isinstance(value, list):
                for inner in value:
                    close(inner)
        if strict:
            close(schema)
        return jsonschema.Draft202012Validator(schema)

    def document(self, arguments, status):
        outcome = self.tracediff(*arguments, "--json", "-")
        self.assertEqual(outcome.returncode, status, (arguments, outcome.stderr))
        return json.loads(outcome.stdout)

    def assertValid(self, validator, document):
        errors = ["%s: %s" % (error.json_path, error.message[:300]) for error in validator.iter_errors(document)]
        self.assertEqual(errors, [])

    def assertEveryKeyCounts(self, validator, document):
        """Every key of the outermost object is needed, has one type, and no key beside them is known."""
        for key in document:
            lacking = {name: value for name, value in document.items() if name != key}
            self.assertFalse(validator.is_valid(lacking), "without " + key)
            self.assertFalse(validator.is_valid({**document, key: {"never": []}}), "another " + key)
        self.assertFalse(validator.is_valid({**document, "unknown": 1}))
        self.assertTrue(self.validator(self.name, strict=False).is_valid({**document, "unknown": 1}))

    def test_comparisons(self):
        self.name = "tracediff-1"
        validator = self.validator(self.name)
        for arguments, status, verdict in COMPARISONS:
            with self.subTest(arguments):
                document = self.document(arguments, status)
                self.assertEqual(document["verdict"], verdict)
                self.assertValid(validator, document)
                self.assertEveryKeyCounts(validator, document)

    def test_altered_comparisons(self):
        validator = self.validator("tracediff-1")
        document = self.document(["expected.trace", "far.trace", "--all"], 1)

        def alter(*path, value):
            altered = copy.deepcopy(document)
            place = altered
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.assertFalse(validator.is_valid(altered), path)
        alter("schema", value="tracediff/2")
        alter("verdict", value="same")
        alter("verdict", value="identical")
        for status in (0, 2):
            alter("exit_status", value=status)
        alter("compared", "records", value=-1)
        alter("compared", "records", value=1.5)
        alter("first_divergence", "layer", value=-1)
        alter("first_divergence", "site", value=None)
        alter("first_divergence", "index", value=["3"])
        alter("first_divergence", "ratio", value="much")
        alter("first_divergence", "ratio", value=-1)
        alter("first_divergence", "dtype", value="float128")
        alter("first_divergence", "non_finite", "expected", "nan", value=None)
        alter("divergences", value=[document["first_divergence"]] * 101)
        alter("divergences", 0, value={})
        alter("travel", 0, "position", value=None)
        alter("problems", value=[{"trace": "third", "message": "x"}])
        alter("unmatched", "expected", value=[{"site": "x"}])
        alter("tolerance", "rtol", value="tight")
        alter("tokens_part", value={"position": 1})
        alter("oracle", value={})
        alter("stopped_at_first", value=1)
        incomparable = self.document(["expected.trace", "part.trace"], 2)
        incomparable["unmatched"]["expected"][0]["reason"] = "gone"
        self.assertFalse(validator.is_valid(incomparable))

    def test_altered_oracles(self):
        """Only an oracle that cannot be used makes trouble of a comparison within tolerance."""
        validator = self.validator("tracediff-1")
        for oracle, status in (("precise.trace", 0), ("missing.trace", 2)):
            document = self.document(["expected.trace", "near.trace", "--oracle", oracle], status)
            self.assertValid(validator, document)
            self.assertFalse(validator.is_valid({**document, "exit_status": 2 - status}))

    def test_options_that_match_nothing(self):
        map_option = ["--map", "missing.map"]
        for schema, arguments in (
                ("tracediff-1", ["expected.trace", "same.trace", "--only", "nothing"]),
                ("tracediff-1", ["expected.trace", "same.trace"] + map_option),
                ("golden-1", ["golden", "check", "expected.golden", "same.trace", "--only", "nothing"]),
                ("golden-1", ["golden", "update", "expected.golden", "same.trace", "--rtol", "nothing=1"]),
                ("golden-1", ["golden", "record", "same.trace", "-o", "unused.golden"] + map_option),
                ("explain-1", ["explain", "same.trace", "--model", "model.bin"] + map_option)):
            with self.subTest(arguments):
                document = self.document(arguments, 2)
                self.assertValid(self.validator(schema), document)
                self.assertEqual((document["problem_count"], document["exit_status"]), (1, 2))
                problem = document["problems"][0]
                message = problem if schema == "explain-1" else problem["message"]
                self.assertIn("option '--", message)
                self.assertTrue(schema == "explain-1" or problem["trace"] is None)

    def test_first(self):
        for arguments, stopped in ((["far.trace", "--first"], True), (["far.trace"], False), (["same.trace", "--first"], False)):
            document = self.document(["expected.trace"] + arguments, 1 if arguments[0] == "far.trace" else 0)
            self.assertIs(document["stopped_at_first"], stopped, arguments)

    def test_pipes(self):
        validator = self.validator("tracediff-1")
        for name, options, status in (("far.trace", ["--first"], 1), ("same.trace", [], 0), ("cut.trace", [], 2),
                                      ("noise.trace", [], 2), ("far.trace", ["--all"], 1)):
            with self.subTest((name, options)), open(self.folder / name, "rb") as file:
                command = [str(BIN / "tracediff"), "expected.trace", "-", "--json", "-", *options]
                outcome = subprocess.run(command, cwd=self.folder, stdin=file, capture_output=True, check=False)
                self.assertEqual(outcome.returncode, status, outcome.stderr)
                document = json.loads(outcome.stdout)
                self.assertValid(validator, document)
                self.assertEqual(document["actual"]["file"], "-")
                self.assertIs(document["stopped_at_first"], "--first" in options)

    def test_golden_checks(self):
        self.name = "golden-1"
        validator = self.validator(self.name)
        for arguments, status, verdict in CHECKS:
            with self.subTest(arguments):
                document = self.document(["golden", "check"] + arguments, status)
                self.assertEqual((document["command"], document["verdict"]), ("check", verdict))
                self.assertValid(validator, document)
                self.assertEveryKeyCounts(validator, document)

    def test_golden_updates(self):
        self.name = "golden-1"
        validator = self.validator(self.name)
        for golden, trace, status, verdict in UPDATES:
            with self.subTest((golden, trace)):
                shutil.rmtree(self.folder / "update", ignore_errors=True)
                os.mkdir(self.folder / "update")
                copied = self.folder / "update" / golden
                if (self.folder / golden).exists():
                    shutil.copyfile(self.folder / golden, copied)
                document = self.document(["golden", "update", copied, trace], status)
                self.assertEqual((document["command"], document["verdict"]), ("update", verdict))
                self.assertValid(validator, document)
                self.assertEveryKeyCounts(validator, document)
                if status == 0:
                    changed = copied.read_bytes() != (self.folder / golden).read_bytes()
                    self.assertEqual(document["changed"], changed)
                    self.assertEqual(document["line_count"], copied.read_bytes().count(b"\n"))

    def test_golden_recordings(self):
        self.name = "golden-1"
        validator = self.validator(self.name)
        for trace, status in RECORDINGS:
            with self.subTest(trace):
                document = self.document(["golden", "record", trace, "-o", "recorded.golden"], status)
                self.assertEqual(document["command"], "record")
                self.assertValid(validator, document)
                self.assertEveryKeyCounts(validator, document)
                if status == 0:
                    self.assertEqual(document["byte_count"], (self.folder / "recorded.golden").stat().st_size)

    def test_altered_goldens(self):
        validator = self.validator("golden-1")
        documents = {
            "recorded": self.document(["golden", "record", "expected.trace", "-o", "recorded.golden"], 0),
            "unread": self.document(["golden", "check", "missing.golden", "expected.trace"], 2),
            "part": self.document(["golden", "check", "expected.golden", "part.trace"], 2),
            "far": self.document(["golden", "check", "expected.golden", "far.trace"], 1),
            "same": self.document(["golden", "check", "expected.golden", "same.trace"], 0)}
        shutil.copyfile(self.folder / "expected.golden", self.folder / "updated.golden")
        documents["updated"] = self.document(["golden", "update", "updated.golden", "far.trace"], 0)

        def alter(name, *path, value):
            altered = copy.deepcopy(documents[name])
            place = altered
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.assertFalse(validator.is_valid(altered), (name, path))
        for name in documents:
            self.assertValid(validator, documents[name])
            alter(name, "schema", value="tracediff.golden/2")
            alter(name, "command", value="show")
            alter(name, "exit_status", value=3)
            alter(name, "problems", value=[{"trace": "third", "message": "x"}])
            alter(name, "problem_count", value=-1)
            for other in ("record", "check", "update"):
                if other != documents[name]["command"] and name != "unread":
                    alter(name, "command", value=other)
        finding = documents["far"]["first_divergence"]
        for key in finding:
            alter("far", "first_divergence", value={k: v for k, v in finding.items() if k != key})
        for key, value in (("layer", -1), ("site", None), ("dtype", "float128"), ("error", -1), ("ratio", "much"),
                           ("beyond", 1), ("expected_fingerprint", "12"), ("actual_fingerprint", 12), ("resolution", None),
                           ("non_finite", {"expected": 0, "actual": 0, "mismatched": 0})):
            alter("far", "first_divergence", key, value=value)
        for key, value in (("verdict", "identical"), ("verdict", "within_tolerance"), ("exit_status", 0), ("exit_status", 2),
                           ("sites", [documents["far"]["sites"][0]] * 101), ("sites", [{}]), ("tolerance", None),
                           ("golden", {"file": "x", "producer": None}), ("actual", {"file": "x", "producer": None})):
            alter("far", key, value=value)
        alter("same", "first_difference", value=finding)
        alter("same", "differing_records", value=1)
        alter("same", "exit_status", value=1)
        alter("part", "unmatched", "expected", 0, "reason", value="gone")
        alter("part", "exit_status", value=1)
        alter("updated", "exit_status", value=1)
        alter("updated", "changed", value=1)
        alter("unread", "verdict", value="diverged")
        alter("unread", "exit_status", value=0)
        alter("unread", "problem_count", value=0)
        alter("unread", "first_divergence", value=finding)
        alter("recorded", "exit_status", value=2)
        alter("recorded", "recorded", value={"records": 1})

    def test_explanations(self):
        self.name = "explain-1"
        validator = self.validator(self.name)
        for arguments, status, verdict in EXPLANATIONS:
            with self.subTest(arguments):
                document = self.document(["explain"] + arguments, status)
                self.assertEqual(document["verdict"], verdict)
                self.assertValid(validator, document)
                self.assertEveryKeyCounts(validator, document)
        document = self.document(["explain", "far.trace", "--model", "model.bin"], 1)
        for altered in ({"verdict": "rounding"}, {"faults": []}, {"first": None}, {"faults": [{"site": "q.rope"}]},
                        {"worst_ratio": -1}, {"sites": [{**document["sites"][0], "distribution": [1]}]}):
            self.assertFalse(validator.is_valid({**document, **altered}), altered)

    def test_inspections(self):
        validator = self.validator("inspect-1")
        for arguments, status in INSPECTIONS:
            with self.subTest(arguments):
                document = self.document(["inspect"] + arguments, status)
                self.assertValid(validator, document)
                for altered in ({"complete": None}, {"schema": "tracediff/1"}, {"problem_count": -1}, {"unknown": 1},
                                {"sites": [], "tensors": []}, {"complete": True, "problem_count": 1}):
                    self.assertFalse(validator.is_valid({**document, **altered}), altered)
                for key in document:
                    if key not in ("sites", "site_count", "tensors", "tensor_count"):
                        lacking = {name: value for name, value in document.items() if name != key}
                        self.assertFalse(validator.is_valid(lacking), key)

    def test_inspections_of_parts(self):
        validator = self.validator("inspect-1")
        document = self.document(["inspect", "p0.trace", "p1-again.trace"], 0)
        self.assertEqual([part["file"] for part in document["parts"]], ["p0.trace", "p1-again.trace"])
        self.assertEqual([part["part"] for part in document["parts"]], [0, 1])
        self.assertEqual((document["part_count"], document["copies"]), (2, 8 * 17))
        self.assertNotIn("parts", self.document(["inspect", "expected.trace"], 0))
        part = document["parts"][0]
        for altered in ({"parts": []}, {"part_count": 0}, {"copies": -1}, {"parts": [part] * 101}, {"parts": [{}]},
                        {"parts": [{**part, "part": -1}]}, {"parts": [{**part, "complete": None}]}):
            self.assertFalse(validator.is_valid({**document, **altered}), altered)

    def test_histories(self):
        path = self.folder / "history.jsonl"
        path.unlink(missing_ok=True)
        traces = [("a1", "same.trace"), ("b2", "near.trace"), ("c3", "far.trace"), ("d4", "nan.trace"),
                  ("e5", "tokens.trace")]
        for commit, trace in traces:
            more = ["--model", "model.bin"] if commit != "e5" else ["--only", "q", "--exact"]
            outcome = self.tracediff(
                "history", "append", path.name, "--commit", commit, "expected.trace", trace, *more)
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.name = "history-1"
        validator = self.validator(self.name)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([line["commit"] for line in lines], [commit for commit, _ in traces])
        for line in lines:
            self.assertValid(validator, line)
            self.assertEveryKeyCounts(validator, line)
        for altered in ({"commit": ""}, {"commit": "a b"}, {"verdict": "incomparable"}, {"sites": [{}]}):
            self.assertFalse(validator.is_valid({**lines[0], **altered}), altered)
        rope = {line["commit"]: site for line in lines for site in line["sites"] if site["site"] == "q.rope"}
        self.assertEqual((rope["c3"]["layer"], rope["c3"]["position"]), (1, 4))
        self.assertEqual(rope["d4"]["error"], "nan")
        self.assertIsNone(rope["e5"]["bound_ratio"])
        self.assertGreater(rope["c3"]["bound_ratio"], 1)
        self.name = "history-show-1"
        validator = self.validator(self.name)
        document = self.document(["history", "show", path.name], 0)
        self.assertValid(validator, document)
        self.assertEveryKeyCounts(validator, document)
        self.assertEqual(document["commit_count"], 5)
        self.assertEqual(document["tokens_part_at"], 5)
        scope, = document["scope_changes"]
        self.assertEqual((scope["commit"], scope["tokens_part_at"]), ("e5", {"from": None, "to": 5}))
        self.assertGreater(scope["records"]["from"], scope["records"]["to"])
        for altered in ({"tokens_part_at": -1}, {"scope_changes": [{}]}, {"scope_changes": [{**scope, "records": None}]},
                        {"commit_count": 0}, {"moves": [{"commit": "a1"}]}, {"commits": document["moves"]}):
            self.assertFalse(validator.is_valid({**document, **altered}), altered)


if __name__ == "__main__":
    unittest.main()
