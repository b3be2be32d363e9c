"""What CI systems read: JUnit files by real parsers, JSON documents against the published schemas, workflow files against
GitHub's, and the workflow's own steps, run. LLAMA2_BIN names the folder of the programs."""

import copy
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))
import tracefile  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
CC = os.environ.get("CC", "cc").split()
SCHEMAS = ROOT / "docs" / "schemas"
WORKFLOW = ROOT / "docs" / "workflows" / "numerics.yml"
TOKENS = "1,17,203,45,99,120,31,260"
HOSTILE = ["::add-mask::a", "##[error]", "<b>&\"']]>", "a:b%0A", "--x", "|`_[]()"]


def has(package):
    return importlib.util.find_spec(package) is not None


def needs(package):
    return unittest.skipUnless(has(package), "%s is not installed" % package)


def run(program, *arguments, folder, environment=None):
    return subprocess.run(
        [str(BIN / program), *map(str, arguments)], cwd=folder, capture_output=True,
        env={**os.environ, **(environment or {})}, check=False)


class CITestCase(unittest.TestCase):
    """A folder of traces of one run that agree, differ and cannot be compared in every way."""

    @classmethod
    def setUpClass(cls):
        for program in ("tracediff", "llama2-reference", "llama2-synthesize"):
            if not (BIN / program).exists():
                raise unittest.SkipTest("no %s in LLAMA2_BIN (%s)" % (program, BIN))
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name, seed in (("model.bin", 1), ("other.bin", 2)):
            cls.done("llama2-synthesize", "tiny", "-o", name, "--seed", seed)
        cls.done(
            "llama2-reference", "model.bin", "-z", "model.tokenizer.bin", "--tokens", TOKENS, "-o", "expected.trace")
        cls.make_traces()

    @classmethod
    def done(cls, *command):
        outcome = run(*command, folder=cls.folder)
        if outcome.returncode != 0:
            raise AssertionError("%s: %s" % (command, outcome.stderr.decode(errors="replace")))

    @classmethod
    def make_traces(cls):
        trace = tracefile.read_trace(cls.folder / "expected.trace")

        def write(name, change, header=None, tokens=None):
            records = dict(trace.records)
            change(records)
            fields = {**trace.header, **(header or {})}
            fields = {field: value for field, value in fields.items() if value is not None}
            tracefile.write_trace(cls.folder / name, fields, tokens or trace.tokens, records)

        def move(key, value):
            def change(records):
                records[key] = records[key].copy()
                records[key].flat[3] = value(records[key].flat[3])
            return change

        rope = ("q.rope", 1, 4)
        write("same.trace", lambda records: None, header={"producer": "port 1"})
        write("near.trace", move(rope, lambda value: np.nextafter(value, np.float32(9))))
        write("far.trace", move(rope, lambda value: value + 1))
        write("nan.trace", move(rope, lambda value: np.nan))
        # It does not say which sites were to be recorded: else it could not become a golden.
        write("part.trace", lambda records: records.pop(rope), header={"sites": None})
        write("shapes.trace", lambda records: records.update({rope: records[rope].reshape(2, -1)}))
        write("half.trace", lambda records: records.update(
            {key: value.astype(np.float16) for key, value in records.items() if key[0] == "logits"}))
        write("foreign.trace", lambda records: records.update({("my.tensor", 1, 0): np.zeros(3, np.float32)}))
        write("model.trace", lambda records: None, header={"dim": 49})
        write("tokens.trace", lambda records: None, tokens=trace.tokens[:5] + [7] + trace.tokens[6:])
        write("precise.trace", lambda records: records.update({key: value.astype(np.float64)
                                                               for key, value in records.items()}))
        whole = (cls.folder / "expected.trace").read_bytes()
        (cls.folder / "cut.trace").write_bytes(whole[:len(whole) * 2 // 3])
        (cls.folder / "noise.trace").write_bytes(b"not a trace")
        damaged = bytearray(whole)
        damaged[whole.index(trace.records[("q.rope", 0, 3)].tobytes())] ^= 1
        (cls.folder / "damaged.trace").write_bytes(damaged)
        cls.make_parts(trace)
        for name in ("expected", "far"):
            cls.done("tracediff", "export", name + ".trace", "-o", name + ".npz")
        np.savez(cls.folder / "foreign.npz", x=np.zeros((2, 3), np.float32))
        cls.make_hostile()
        cls.make_goldens()

    @classmethod
    def make_parts(cls, trace):
        """The run in two parts, one per layer; a part that disagrees with the first, and one of another model."""
        def part(name, number, layers, header=None, moved=0):
            records = {key: value + np.float32(moved) for key, value in trace.records.items() if key[1] in layers}
            numbers = {"part": number, "parts": 2, **(header or {})}
            tracefile.write_trace(cls.folder / name, {**trace.header, **numbers}, trace.tokens, records)

        part("p0.trace", 0, (None, 0))
        part("p1.trace", 1, (1, 2))
        part("p1-again.trace", 1, (0, 1, 2))
        part("p1-moved.trace", 1, (0, 1, 2), moved=1)
        part("p1-model.trace", 1, (1, 2), header={"dim": 49})

    @classmethod
    def make_hostile(cls):
        text = tracefile.Token(1, b"\n::error::\x1b</failure>\xff")
        records = {(name, None, 0): np.ones(2, np.float32) for name in HOSTILE}
        tracefile.write_trace(cls.folder / "hostile.trace", {"producer": "<&\">"}, [text], records)
        moved = {key: value + 1 for key, value in records.items()}
        tracefile.write_trace(cls.folder / "<&'\">::x.trace", {"producer": "]]>"}, [text], moved)

    @classmethod
    def make_goldens(cls):
        for name in ("expected", "part", "nan", "hostile"):
            cls.done("tracediff", "golden", "record", name + ".trace", "-o", name + ".golden")
        lines = (cls.folder / "expected.golden").read_text(encoding="utf-8").splitlines(keepends=True)
        place = lines.index("sketches\n") + 2
        lines[place] = ("B" if lines[place][0] == "A" else "A") + lines[place][1:]
        (cls.folder / "damaged.golden").write_text("".join(lines), encoding="utf-8")

    def tracediff(self, *arguments, **environment):
        return run("tracediff", *arguments, folder=self.folder, environment=environment)

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")


# Arguments, exit status and verdict of comparisons of every kind.
COMPARISONS = [
    (["expected.trace", "expected.trace"], 0, "identical"),
    (["expected.trace", "same.trace"], 0, "identical"),
    (["expected.trace", "near.trace"], 0, "within_tolerance"),
    (["expected.trace", "precise.trace"], 0, "within_tolerance"),
    (["expected.trace", "half.trace"], 1, "diverged"),
    (["expected.trace", "far.trace"], 1, "diverged"),
    (["expected.trace", "far.trace", "--all"], 1, "diverged"),
    (["expected.trace", "far.trace", "--exact"], 1, "diverged"),
    (["expected.trace", "far.trace", "--first"], 1, "diverged"),
    (["expected.trace", "tokens.trace", "--first"], 1, "diverged"),
    (["expected.trace", "same.trace", "--first"], 0, "identical"),
    (["expected.trace", "near.trace", "--first", "--exact"], 1, "diverged"),
    (["expected.trace", "p0.trace", "p1.trace"], 0, "identical"),
    (["expected.trace", "p0.trace", "p1-moved.trace"], 1, "diverged"),
    (["expected.trace", "p0.trace", "p1-model.trace"], 2, "incomparable"),
    (["expected.npz", "expected.trace"], 0, "identical"),
    (["expected.trace", "far.npz"], 1, "diverged"),
    (["expected.trace", "foreign.npz"], 2, "incomparable"),
    (["expected.trace", "far.trace", "--ulp", "4", "--rtol", "q=1e-3", "--atol", "k=1"], 1, "diverged"),
    (["expected.trace", "nan.trace", "--all"], 1, "diverged"),
    (["expected.trace", "tokens.trace"], 1, "diverged"),
    (["expected.trace", "far.trace", "--oracle", "precise.trace"], 1, "diverged"),
    (["expected.trace", "part.trace"], 2, "incomparable"),
    (["part.trace", "expected.trace"], 2, "incomparable"),
    (["expected.trace", "part.trace", "--common"], 0, "identical"),
    (["expected.trace", "far.trace", "--only", "k", "--layers", "1..", "--positions", "..3"], 0, "identical"),
    (["expected.trace", "shapes.trace"], 2, "incomparable"),
    (["expected.trace", "foreign.trace"], 2, "incomparable"),
    (["expected.trace", "model.trace"], 2, "incomparable"),
    (["expected.trace", "cut.trace"], 2, "incomparable"),
    (["expected.trace", "damaged.trace"], 2, "incomparable"),
    (["damaged.trace", "far.trace"], 1, "diverged"),
    (["expected.trace", "noise.trace"], 2, "incomparable"),
    (["missing.trace", "noise.trace"], 2, "incomparable"),
    (["hostile.trace", "<&'\">::x.trace"], 1, "diverged"),
]

EXPLANATIONS = [
    (["expected.trace", "--model", "model.bin"], 0, "rounding"),
    (["near.trace", "--model", "model.bin", "--expected", "expected.trace"], 0, "rounding"),
    (["foreign.trace", "--model", "model.bin"], 0, "rounding"),
    (["expected.npz", "--model", "model.bin"], 0, "rounding"),
    (["p0.trace", "p1.trace", "--model", "model.bin"], 0, "rounding"),
    (["far.trace", "--model", "model.bin", "--expected", "expected.trace"], 1, "fault"),
    (["nan.trace", "--model", "model.bin"], 1, "fault"),
    (["coarse.trace", "--model", "model.bin"], 1, "precision"),
    (["cut.trace", "--model", "model.bin"], 2, "unchecked"),
    (["damaged.trace", "--model", "model.bin"], 2, "unchecked"),
    (["hostile.trace", "--model", "model.bin"], 2, "unchecked"),
    (["expected.trace", "--model", "other.bin"], 2, "unchecked"),
    (["noise.trace", "--model", "model.bin"], 2, "unchecked"),
    (["missing.trace", "--model", "missing.bin"], 2, "unchecked"),
]

# Arguments, exit status and verdict of checks against goldens of every kind.
CHECKS = [
    (["expected.golden", "expected.trace"], 0, "identical"),
    (["expected.golden", "same.trace"], 0, "identical"),
    (["expected.golden", "near.trace"], 0, "within_tolerance"),
    (["expected.golden", "precise.trace"], 0, "within_tolerance"),
    (["expected.golden", "half.trace", "--exact"], 1, "diverged"),
    (["expected.golden", "far.trace"], 1, "diverged"),
    (["expected.golden", "far.trace", "--rtol", "1e-3", "--rtol", "q=1e-3", "--atol", "k=1"], 1, "diverged"),
    (["expected.golden", "near.trace", "--exact"], 1, "diverged"),
    (["expected.golden", "nan.trace"], 1, "diverged"),
    (["nan.golden", "expected.trace"], 1, "diverged"),
    (["nan.golden", "nan.trace"], 0, "identical"),
    (["expected.golden", "tokens.trace"], 1, "diverged"),
    (["expected.golden", "part.trace"], 2, "incomparable"),
    (["part.golden", "expected.trace"], 2, "incomparable"),
    (["expected.golden", "part.trace", "--common"], 0, "identical"),
    (["expected.golden", "far.trace", "--only", "k", "--layers", "1..", "--positions", "..3"], 0, "identical"),
    (["expected.golden", "p0.trace", "p1.trace"], 0, "identical"),
    (["expected.golden", "p0.trace", "p1-moved.trace"], 1, "diverged"),
    (["expected.golden", "expected.npz"], 0, "identical"),
    (["expected.golden", "far.npz"], 1, "diverged"),
    (["expected.golden", "foreign.npz"], 2, "incomparable"),
    (["expected.golden", "shapes.trace"], 2, "incomparable"),
    (["expected.golden", "foreign.trace"], 2, "incomparable"),
    (["expected.golden", "model.trace"], 2, "incomparable"),
    (["expected.golden", "cut.trace"], 2, "incomparable"),
    (["expected.golden", "damaged.trace"], 2, "incomparable"),
    (["expected.golden", "noise.trace"], 2, "incomparable"),
    (["expected.golden", "missing.trace"], 2, "incomparable"),
    (["missing.golden", "expected.trace"], 2, "incomparable"),
    (["noise.trace", "expected.trace"], 2, "incomparable"),
    (["damaged.golden", "expected.trace"], 2, "incomparable"),
    (["hostile.golden", "<&'\">::x.trace"], 1, "diverged"),
]

# Golden, trace, exit status and verdict of updates. The verdict is that of what both have; what changed is recorded anyway.
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


def make_coarse(folder):
    """The run with its logits rounded to eleven bits, as a float16 classifier leaves them."""
    trace = tracefile.read_trace(folder / "expected.trace")
    records = {key: value.astype(np.float16).astype(np.float32) if key[0] == "logits" else value
               for key, value in trace.records.items()}
    tracefile.write_trace(folder / "coarse.trace", trace.header, trace.tokens, records)


class JUnitTests(CITestCase):
    def check(self, arguments, status):
        path = self.folder / "result.xml"
        path.unlink(missing_ok=True)
        outcome = self.tracediff(*arguments, "--junit", "result.xml")
        self.assertEqual(outcome.returncode, status, (arguments, outcome.stderr))
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "testsuites")
        suites = root.findall("testsuite")
        self.assertEqual(len(suites), 1)
        cases = suites[0].findall("testcase")
        for element in (root, suites[0]):
            self.assertEqual(int(element.get("tests")), len(cases))
            for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                self.assertEqual(int(element.get(name)), sum(case.find(tag) is not None for case in cases), name)
        names = [(case.get("classname"), case.get("name")) for case in cases]
        self.assertEqual(len(set(names)), len(names))
        failures, errors = int(root.get("failures")), int(root.get("errors"))
        self.assertEqual(status == 0, failures == errors == 0, arguments)
        if status == 1:
            self.assertGreater(failures, 0, arguments)
        if status == 2:
            self.assertGreater(errors, 0, arguments)
        return suites[0], {name: case for name, case in zip(names, cases)}

    def test_comparisons(self):
        for arguments, status, verdict in COMPARISONS:
            with self.subTest(arguments):
                suite, _ = self.check(arguments, status)
                properties = {p.get("name"): p.get("value") for p in suite.find("properties")}
                self.assertEqual(properties, {"verdict": verdict, "exit_status": str(status)})

    def test_explanations(self):
        make_coarse(self.folder)
        for arguments, status, _ in EXPLANATIONS:
            with self.subTest(arguments):
                self.check(["explain"] + arguments, status)

    def test_goldens(self):
        for arguments, status, verdict in CHECKS:
            with self.subTest(arguments):
                suite, _ = self.check(["golden", "check"] + arguments, status)
                properties = {p.get("name"): p.get("value") for p in suite.find("properties")}
                self.assertEqual(properties, {"verdict": verdict, "exit_status": str(status)})

    def test_places_of_goldens(self):
        _, cases = self.check(["golden", "check", "expected.golden", "expected.trace"], 0)
        self.assertEqual(len(cases), 3 * 17 + 3)
        _, cases = self.check(["golden", "check", "expected.golden", "far.trace"], 1)
        wrong = {name for name, case in cases.items() if case.find("failure") is not None}
        self.assertEqual(wrong, {("q.rope", "layer 1")})
        failure = cases[("q.rope", "layer 1")].find("failure")
        self.assertEqual(failure.get("message"), "1 of 8 records beyond tolerance, first at position 4")
        self.assertIn("first beyond tolerance: q.rope, layer 1, position 4", failure.text)
        for arguments, side in ((["expected.golden", "part.trace"], "trace"), (["part.golden", "expected.trace"], "golden")):
            _, cases = self.check(["golden", "check"] + arguments, 2)
            self.assertEqual(
                cases[("q.rope", "layer 1")].find("error").get("message"),
                "the %s lacks 1 record, first at position 4: missing" % side)
        _, cases = self.check(["golden", "check", "missing.golden", "expected.trace"], 2)
        self.assertIn("missing.golden: ", cases[("expected", "trace")].find("error").get("message"))
        _, cases = self.check(["golden", "check", "damaged.golden", "expected.trace"], 2)
        self.assertRegex(cases[("expected", "trace")].find("error").get("message"), r"damaged.golden: line \d+")

    def test_goldens_have_the_cases_of_comparisons(self):
        def statuses(arguments):
            _, cases = self.check(arguments, self.tracediff(*arguments).returncode)
            return [(name, [tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None])
                    for name, case in cases.items()]
        for trace in ("same", "far", "tokens", "part", "shapes", "foreign", "model", "damaged"):
            for options in ([], ["--only", "k"], ["--only", "q.rope,k", "--layers", "1"], ["--common"]):
                with self.subTest((trace, options)):
                    compared = statuses(["expected.trace", trace + ".trace"] + options)
                    checked = statuses(["golden", "check", "expected.golden", trace + ".trace"] + options)
                    self.assertEqual(checked, compared)

    def test_places(self):
        _, cases = self.check(["expected.trace", "far.trace"], 1)
        self.assertEqual(len(cases), 3 * 17 + 3)
        wrong = {name for name, case in cases.items() if case.find("failure") is not None}
        self.assertEqual(wrong, {("q.rope", "layer 1")})
        failure = cases[("q.rope", "layer 1")].find("failure")
        self.assertEqual(failure.get("message"), "1 of 8 records beyond tolerance, first at position 4")
        self.assertIn("first beyond tolerance: q.rope, layer 1, position 4", failure.text)
        self.assertIn("allowance", failure.text)
        _, cases = self.check(["expected.trace", "part.trace"], 2)
        self.assertIn("actual lacks 1 record", cases[("q.rope", "layer 1")].find("error").get("message"))
        _, cases = self.check(["expected.trace", "expected.trace", "--only", "k", "--layers", "1"], 0)
        self.assertEqual(cases[("q.rope", "layer 1")].find("skipped").get("message"), "not asked for")
        self.assertIsNone(cases[("k.rope", "layer 1")].find("skipped"))

    def test_hostile_names_come_back(self):
        suite, cases = self.check(["hostile.trace", "<&'\">::x.trace"], 1)
        self.assertEqual(suite.get("name"), "hostile.trace <&'\">::x.trace")
        self.assertEqual({name for name, _ in cases}, set(HOSTILE))
        self.assertIn("\\x1b</failure>", next(iter(cases.values())).find("failure").text)

    def test_trouble(self):
        for arguments in (["expected.trace", "same.trace", "--only", "nothing"], ["expected.trace", "."]):
            self.check(arguments, 2)

    @needs("junitparser")
    def test_by_junitparser(self):
        import junitparser
        make_coarse(self.folder)
        every = [(arguments, status) for arguments, status, _ in COMPARISONS]
        every += [(["explain"] + arguments, status) for arguments, status, _ in EXPLANATIONS]
        every += [(["golden", "check"] + arguments, status) for arguments, status, _ in CHECKS]
        for arguments, status in every:
            with self.subTest(arguments):
                self.tracediff(*arguments, "--junit", "result.xml")
                document = junitparser.JUnitXml.fromfile(str(self.folder / "result.xml"))
                suite, = list(document)
                results = [type(result).__name__ for case in suite for result in case.result]
                self.assertEqual(results.count("Failure"), suite.failures)
                self.assertEqual(results.count("Error"), suite.errors)
                self.assertEqual(results.count("Skipped"), suite.skipped)
                self.assertEqual(len(list(suite)), suite.tests)
                self.assertEqual(suite.failures + suite.errors > 0, status > 0)
                document.update_statistics()


class GitHubTests(CITestCase):
    def test_nothing_but_our_commands_is_a_command(self):
        """Reads the output as the runner does: lines that begin with `::`, blanks before them passed over."""
        every = COMPARISONS + [(["expected.trace", "same.trace", "--only", "x,y"], 2, "trouble")]
        checks = CHECKS + [(["expected.golden", "same.trace", "--only", "x,y"], 2, "trouble")]
        every = [("tracediff", *case) for case in every]
        every += [("tracediff golden check", ["golden", "check"] + arguments, *rest) for arguments, *rest in checks]
        for tool, arguments, status, verdict in every:
            with self.subTest(arguments):
                page = self.folder / "page.md"
                page.unlink(missing_ok=True)
                outcome = self.tracediff(*arguments, "--github", GITHUB_STEP_SUMMARY=str(page))
                self.assertEqual(outcome.returncode, status)
                commands, token = [], None
                for line in outcome.stdout.decode().split("\n"):
                    line = line.strip()
                    if token is not None:
                        token = None if line == "::%s::" % token else token
                    elif line.startswith("::stop-commands::"):
                        token = line[len("::stop-commands::"):]
                    elif line:
                        commands.append(line)
                self.assertIsNone(token)
                pattern = r"::(error|notice) title=([^:,\r\n]*)::[^\r\n]+"
                titles = [re.fullmatch(pattern, command).groups() for command in commands]
                self.assertEqual(titles[0], ("error" if status else "notice", tool + "%3A " + verdict))
                self.assertLessEqual(len(titles), 10)
                text = page.read_text(encoding="utf-8")
                self.assertIn(tool + "\\: " + verdict.replace("_", "\\_"), text.split("\n")[0])
                self.assertNotIn("<b>", text)


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
        alter("exit_status", value=0)
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


class WorkflowTests(unittest.TestCase):
    @needs("check_jsonschema")
    def test_workflow_files(self):
        files = [WORKFLOW] + sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        self.assertGreater(len(files), 1)
        self.assertEqual(self.check(files), 0)

    @needs("check_jsonschema")
    def test_a_wrong_workflow_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "wrong.yml"
            for old, new in (("runs-on:", "runs-at:"), ("timeout-minutes: 30", "timeout-minutes: soon"),
                             ("    steps:", "    stages:"), ("contents: read", "contents: everything")):
                text = WORKFLOW.read_text(encoding="utf-8")
                self.assertIn(old, text)
                path.write_text(text.replace(old, new, 1), encoding="utf-8")
                self.assertNotEqual(self.check([path]), 0, new)

    def check(self, files):
        return subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, files)],
            capture_output=True, check=False).returncode


@needs("ruamel")
class WorkflowStepTests(CITestCase):
    """The steps of the workflow, run in the order of the file as its shell runs them, in a repository with the example port."""

    def setUp(self):
        if shutil.which("git") is None or shutil.which("bash") is None:
            self.skipTest("git and bash are needed")
        from ruamel.yaml import YAML
        self.workflow = YAML(typ="safe", pure=True).load(WORKFLOW.read_text(encoding="utf-8"))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.remote = self.top / "remote.git"
        self.work = self.top / "work"
        self.environment = {
            **os.environ, **{key: str(value) for key, value in self.workflow["env"].items()}, "HOME": str(self.top),
            "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567", "GITHUB_STEP_SUMMARY": str(self.top / "page.md"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.shell("git init --quiet --bare --initial-branch=main %s && git clone --quiet %s %s"
                   % (self.remote, self.remote, self.work), self.top)
        source = (ROOT / "reference" / "examples" / "port.c").read_text(encoding="utf-8")
        (self.work / "port.c").write_text(source, encoding="utf-8")
        (self.work / "Makefile").write_text(
            "port: port.c\n\t%s -O2 -ffp-contract=off -I .parity/reference port.c -o port -lm\n" % " ".join(CC),
            encoding="utf-8")
        self.shell("git switch --quiet --create main && git add . && git -c user.name=a -c user.email=a@b commit --quiet "
                   "--message port && git push --quiet origin main", self.work)
        # What the workflow checks out and builds.
        (self.work / ".parity").mkdir()
        (self.work / ".parity" / "bin").symlink_to(BIN.resolve())
        (self.work / ".parity" / "reference").symlink_to(ROOT / "reference")

    def shell(self, script, folder):
        outcome = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder, env=self.environment,
            capture_output=True, text=True, check=False)
        if folder == self.top or "git init" in script:
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return outcome

    def job(self, name, skipping=()):
        """Runs a job's own steps; those that a condition names a missing file for, and those of others, are passed over."""
        outcomes = {}
        for step in self.workflow["jobs"][name]["steps"]:
            condition = step.get("if", "")
            if "run" not in step or "hashFiles(" in condition or "== 'failure'" in condition or step.get("name") in skipping:
                continue
            outcomes[step["name"]] = self.shell(step["run"], self.work)
        return outcomes

    def test_an_honest_port(self):
        for step, outcome in self.job("numerics", skipping=("Install make",)).items():
            self.assertEqual(outcome.returncode, 0, (step, outcome.stdout, outcome.stderr))
        page = (self.top / "page.md").read_text(encoding="utf-8")
        self.assertEqual(page.count("### :white_check_mark:"), 2)
        self.assertIn("1 commit, 0123456789 to 0123456789", page)
        for name in ("compare", "explain"):
            ElementTree.parse(self.work / (name + ".junit.xml"))
            json.loads((self.work / (name + ".json")).read_text(encoding="utf-8"))

    def test_a_port_with_a_mistake(self):
        path = self.work / "port.c"
        source = path.read_text(encoding="utf-8")
        self.assertIn("x[i] += xb2[i]", source)
        path.write_text(source.replace("x[i] += xb2[i]", "x[i] += xb[i]"), encoding="utf-8")
        outcomes = self.job("numerics", skipping=("Install make",))
        status = {step: outcome.returncode for step, outcome in outcomes.items() if outcome.returncode != 0}
        self.assertEqual(status, {"Compare with the reference": 1, "Judge every operation by its rounding bound": 1})
        self.assertIn(
            "another buffer is added", outcomes["Judge every operation by its rounding bound"].stdout)

    def test_the_history_branch(self):
        """A job that runs once more replaces its commit's line where it stands: the first, the last or one between."""
        artifact = self.work / "numerics-artifact"
        numbers = (1, 2, 3, 1, 2, 3)
        shas = ["%040x" % number for number in numbers]
        for run_number, sha in enumerate(shas):
            self.environment["GITHUB_SHA"] = sha
            if run_number == 0:
                self.job("numerics", skipping=("Install make",))
                line = (self.work / "commit.jsonl").read_text(encoding="utf-8")
                # Each job begins in a checkout of its own.
                (self.work / "history.jsonl").unlink()
                (self.work / "commit.jsonl").unlink()
            artifact.mkdir(exist_ok=True)
            entry = {**json.loads(line), "commit": sha, "tolerance": "run %d \\1 &" % run_number}
            (artifact / "commit.jsonl").write_text(json.dumps(entry, separators=(",", ":")) + "\n", encoding="utf-8")
            for step, outcome in self.job("history").items():
                self.assertEqual(outcome.returncode, 0, (step, outcome.stdout, outcome.stderr))
            self.shell("git switch --quiet main && git branch --quiet -D numerics-history", self.work)
        shown = self.shell("git --git-dir=%s show numerics-history:history.jsonl" % self.remote, self.top).stdout
        entries = [json.loads(line) for line in shown.splitlines()]
        self.assertEqual([entry["commit"] for entry in entries], shas[:3])
        self.assertEqual([entry["tolerance"] for entry in entries], ["run %d \\1 &" % number for number in (3, 4, 5)])


if __name__ == "__main__":
    unittest.main()
