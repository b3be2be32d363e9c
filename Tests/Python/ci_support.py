"""What the tests of everything that CI systems read share: traces, goldens and arrays that agree, differ and cannot be
compared in every way, and tables of the commands on them. LLAMA2_BIN names the folder of the programs."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))
import tracefile  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
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
    (["expected.trace", "near.trace", "--oracle", "missing.trace"], 2, "within_tolerance"),
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


def make_coarse(folder):
    """The run with its logits rounded to eleven bits, as a float16 classifier leaves them."""
    trace = tracefile.read_trace(folder / "expected.trace")
    records = {key: value.astype(np.float16).astype(np.float32) if key[0] == "logits" else value
               for key, value in trace.records.items()}
    tracefile.write_trace(folder / "coarse.trace", trace.header, trace.tokens, records)
