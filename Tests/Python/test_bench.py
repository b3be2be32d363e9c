"""Tests of Benchmarks/bench.py: that what it compares is compared, and that its checks can fail. No time is asserted."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))
import arrays  # noqa: E402
import bench  # noqa: E402
import forward_cases  # noqa: E402
import honest_numpy  # noqa: E402
import limits  # noqa: E402
import machine  # noqa: E402
import measuring  # noqa: E402
import trace_cases  # noqa: E402
from measuring import Run  # noqa: E402
from report import Goal, Report  # noqa: E402
from test_honest import OtherEpsilon  # noqa: E402
from worker import Worker  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
PROGRAMS = ("tracedump", "tracediff", "llama2-synthesize", "llama2-reference")


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, value in (("BIN", BIN), ("WORK", self.folder)):
            patch = mock.patch.object(measuring, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.output = io.StringIO()
        for redirection in (contextlib.redirect_stdout(self.output), contextlib.redirect_stderr(io.StringIO())):
            redirection.__enter__()
            self.addCleanup(redirection.__exit__, None, None, None)

    def script(self, text):
        path = self.folder / "script"
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
        return path


class MeasuringTests(TestCase):
    def test_ratios_are_of_neighbours(self):
        slower, faster = [Run(2, 1), Run(9, 3), Run(4, 1)], [Run(1, 1), Run(3, 1), Run(4, 1)]
        whole, own = measuring.ratios(slower, faster)
        self.assertEqual((whole.median, whole.low, whole.high), (2, 1, 3))
        self.assertEqual(own.median, 1)
        self.assertIsNone(measuring.ratios(slower, [Run(1, None)] * 3)[1])
        self.assertEqual(measuring.Spread.of([5, 1, 2, 3, 4]).text, "3.00 (2.00..4.00)")

    def test_runs_are_in_turn(self):
        order = []
        measuring.interleaved({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 2, once={"b"})
        self.assertEqual("".join(order), "aabaab")

    def test_the_second_run_counts(self):
        count = iter(range(9))
        self.assertEqual(measuring.interleaved({"a": lambda: next(count)}, 2), {"a": [1, 3]})

    def test_a_run_tells_its_own_time_and_a_shorter_one_is_refused(self):
        script = self.script("echo text; echo 'tracedump: 10 records; 8 positions at 16.0 tokens/s' >&2")
        result = measuring.run([script], positions=8)
        self.assertEqual((result.own, result.output), (0.5, "text\n"))
        with self.assertRaisesRegex(SystemExit, "not 9 positions"):
            measuring.run([script], positions=9)
        with self.assertRaisesRegex(SystemExit, "status 3 from .*: oops"):
            measuring.run([self.script("echo oops >&2; exit 3")])

    def test_peak_memory(self):
        if not pathlib.Path("/proc/self/status").exists():
            self.skipTest("no /proc")
        take = "import time; held = bytearray(b'1') * 50_000_000; time.sleep(0.2)"
        anonymous, resident = measuring.peak_memory([sys.executable, "-c", take])
        self.assertTrue(50 < anonymous <= resident < 150, (anonymous, resident))
        with self.assertRaisesRegex(SystemExit, "status 3 from"):
            measuring.peak_memory([self.script("exit 3")])

    def test_threads_are_bound(self):
        script = self.script("echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS")
        before = (dict(os.environ), measuring.usable_processors())
        self.assertEqual(measuring.run([script], threads=1).output.split(), ["1", "1"])
        if hasattr(os, "sched_setaffinity"):
            count = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
            self.assertEqual(measuring.run(count, threads=1).output.strip(), "1")
        self.assertEqual((dict(os.environ), measuring.usable_processors()), before)

    def test_records_are_equal_after_the_header_alone(self):
        def trace(body, after):
            path = self.folder / f"{body[:1].hex()}-{after.hex()}"
            path.write_bytes(bytes(24) + len(body).to_bytes(8, "little") + bytes(96) + body + bytes(-len(body) % 64) + after)
            return path
        one, other = trace(b"a" * 70, b"records"), trace(b"b" * 3, b"records")
        self.assertTrue(measuring.records_equal(one, other))
        self.assertFalse(measuring.records_equal(one, trace(b"a" * 70, b"recordz")))
        self.assertFalse(measuring.records_equal(one, trace(b"a" * 70, b"records, more")))
        self.assertFalse(measuring.records_equal(trace(b"a", b""), trace(b"b", b"")), "nothing was compared")

    def test_limits_count_every_product(self):
        # multi-head and grouped: q, k, v, o, w1, w2, w3 and the classifier, counted by hand
        self.assertEqual(limits.products(measuring.Shape(4, 6, 2, 2, 1, -10, 8)), 2 * (16 + 8 + 8 + 16 + 24 * 3) + 40)
        self.assertEqual(limits.attention(measuring.Shape(4, 6, 2, 2, 1, -10, 8), 3), 2 * 2 * 4 * 2)

    def test_limits_are_tabulated_for_every_number_of_threads(self):
        case = forward_cases.Case("tiny", 12, 1)
        shape = measuring.Shape(4, 6, 2, 2, 1, -10, 8)
        with mock.patch.object(measuring.Shape, "of", lambda _: shape):
            limits.tabulate_limits([case], {1: machine.Limits(25.6e-9, 2e-9, 1e-9), 2: None})
        rows = [line for line in self.output.getvalue().splitlines() if line.startswith("| tiny")]
        # 280 weights of 4 bytes, and 280 + 104 multiply-adds per token
        self.assertEqual(rows, ["| tiny, 12 positions | 1 | 0.00112 | 0.000384 | 0.0229 | 0.00521 | 0.00260 |"])

    def test_the_machine_is_measured(self):
        program = self.folder / "machine"
        sources = [ROOT / "Benchmarks" / "machine.c"]
        self.assertIsNone(machine.build(program, sources, ["-O1", "-DDURATION=0.01", "-DBYTES=65536", "-pthread"]))
        printed = subprocess.run([program, "1"], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
        self.assertEqual([float(word) > 0 for word in printed.split()], [True, True])


class ReportTests(TestCase):
    def test_goals_are_only_printed(self):
        report = Report()
        fast, slow = [Run(1, None)] * 4, [Run(5, None)] * 4
        report.speed("case", "what", "other", 1, fast, slow, Goal.at_least(4))
        report.speed("case", "what", "other", 1, slow, fast, Goal.at_least(4))
        report.cost("case", "cost", "base", 1, slow, fast, Goal.at_most(6))
        report.bound("case", "cost", 300.0, Goal.at_most(256))
        report.time("case", "what", 1, fast, 8, "tokens")
        report.finish()
        lines = self.output.getvalue().splitlines()
        self.assertEqual([line.split(" | ")[6] for line in lines[:4]], ["yes", "no", "yes", "no"])
        self.assertIn("| 5.00 (5.00..5.00) | >= 4 | yes |", lines[0])
        self.assertIn("| 300 | <= 256 | no |", lines[3])
        self.assertIn("Goals missed: 2", lines)


@unittest.skipUnless(all((BIN / name).exists() for name in PROGRAMS), "the programs are not in LLAMA2_BIN")
class CaseTests(TestCase):
    case = forward_cases.Case("tiny", 12, 1, has_goals=True)

    def known(self):
        model, tokens, options = forward_cases.inputs("tiny", 12)
        trace = self.folder / "known"
        measuring.run([BIN / "tracedump", model, *options["known"], "-o", trace])
        return model, tokens, trace

    def test_the_whole_on_tiny_shapes(self):
        with mock.patch.object(bench, "FORWARD", [self.case]), mock.patch.object(machine, "limits", lambda _: None), \
                mock.patch.object(bench, "TRACES", [trace_cases.Case("tiny", 12, 1, 1, explain_has_goal=True)]), \
                mock.patch.object(machine, "BUILDS", {"-O3": machine.BUILDS["-O3"], machine.FASTEST: ["-Ofast"]}), \
                mock.patch.object(sys, "argv", ["bench.py", "--threads", "1"]):
            bench.main()
        printed = self.output.getvalue()
        for part in ("| decode | -O3 | 1 |", "| known text, traced | -O3 | 1 |", "have the C program's bits",
                     "| tracediff, equal | cmp of the equal traces |", "explain says rounding", "the equal traces are identical",
                     "numpy with --threads 1: equal", "| tracediff, unequal | numpy allclose |"):
            self.assertIn(part, printed)

    def test_a_wrong_bit_ends_the_run(self):
        honest_program = BIN / "llama2-reference"
        # The last argument is where the trace goes: one byte in the middle of it becomes another.
        faulty = self.script(f'"{honest_program}" "$@" || exit\nfor last; do :; done\n[ "$last" = --no-trace ] ||\n'
                             'printf "\\001" | dd of="$last" bs=1 seek=$(($(wc -c < "$last") / 2)) conv=notrunc 2>/dev/null')
        with mock.patch.object(forward_cases, "Worker", lambda *_: mock.Mock(missing="not needed here")):
            forward_cases.measure(self.case, {"-O3": honest_program}, [1], Report())
            with self.assertRaisesRegex(SystemExit, "NOT the reference's"):
                forward_cases.measure(self.case, {"-O3": faulty}, [1], Report())

    def test_another_pass_in_numpy_ends_the_run(self):
        with mock.patch.object(Worker, "ask", lambda worker, line: "x.embed, layer None" if line.startswith("check") else "0.5"):
            with self.assertRaisesRegex(SystemExit, "numpy with --threads 1 does not compute the same: x.embed"):
                forward_cases.measure(self.case, {"-O3": BIN / "llama2-reference"}, [1], Report())

    def test_equal_traces_that_are_not_end_the_run(self):
        model, _, trace = self.known()
        for path in trace_cases.paths():
            path.write_bytes(trace.read_bytes())
        with self.assertRaisesRegex(SystemExit, "the unequal traces are identical"):
            trace_cases.verdicts("case", Report())
        # One record that differs is no pair to time unequal records by.
        other = honest_numpy.tracefile.read_trace(trace)
        other.records["logits", None, 11] = other.records["logits", None, 11] * arrays.np.float32(1 + 2 ** -20)
        honest_numpy.tracefile.write_trace(trace_cases.paths()[2], other.header, other.tokens, other.records)
        with self.assertRaisesRegex(SystemExit, "only 1 of 648 records of the unequal traces differ"):
            trace_cases.verdicts("case", Report())
        measuring.run([BIN / "tracedump", model, "--tokens", "1,2,3", "-o", trace_cases.paths()[1]])
        with self.assertRaisesRegex(SystemExit, "the equal traces are (diverged|incomparable)"):
            trace_cases.verdicts("case", Report())

    def test_a_fault_that_explain_finds_ends_the_run(self):
        model, tokens, _ = self.known()
        trace = trace_cases.paths()[0]
        case = trace_cases.Case("tiny", 12, 1, 1, compares=False)
        produce = [BIN / "tracedump", model, "--tokens", ",".join(map(str, tokens)), "-o"]
        measuring.run([*produce, trace])
        trace_cases.explain(case, "case", model, produce, [1], Report())
        honest_numpy.trace(model, trace, tokens, OtherEpsilon)
        with self.assertRaisesRegex(SystemExit, "explain says fault"):
            trace_cases.explain(case, "case", model, produce, [1], Report())

    def test_arrays_compute_what_the_trace_holds(self):
        model, tokens, trace = self.known()
        passes = [arrays.numpy_pass]
        with contextlib.suppress(ImportError):
            import jax  # noqa: F401
            passes.append(arrays.jax_pass)
        records = 12 * (3 + 3 * 17)
        for make in passes:
            with self.subTest(make.__name__):
                rows = make(model, tokens)()
                self.assertEqual(arrays.difference(rows, trace), f"equal {records}")
                rows["hb2.w3", 1] = rows["hb2.w3", 1] * arrays.np.float32(1.001)
                self.assertEqual(arrays.difference(rows, trace), "hb2.w3, layer 1, position 0 is beyond tolerance")
                rows["hb2.w3", 1] = rows["hb2.w3", 1] * arrays.np.float32("nan")
                self.assertIn("hb2.w3", arrays.difference(rows, trace))
                self.assertIn("beyond", arrays.difference(make(model, tokens[:11] + [7])(), trace))

    def test_a_deep_model_has_a_wider_tolerance_and_no_wider(self):
        records = {("x.ffn_residual", layer, 0): arrays.np.ones(4, arrays.np.float32) for layer in range(7)}
        rows = {(site, layer): values[None].copy() for (site, layer, _), values in records.items()}
        trace = mock.Mock(records=records)
        with mock.patch.object(honest_numpy.tracefile, "read_trace", lambda _: trace):
            for error, answer in ((9e-4, "equal 7"), (1.1e-3, "x.ffn_residual, layer 3, position 0 is beyond tolerance")):
                rows["x.ffn_residual", 3][0, 2] = 1 + error
                self.assertEqual(arrays.difference(rows, "trace"), answer)
            del records["x.ffn_residual", 6, 0]
            rows["x.ffn_residual", 3][0, 2] = 1 + 9e-4
            self.assertIn("beyond", arrays.difference(rows, "trace"))

    def test_memory_is_asked_for_before_the_check_that_reads_the_trace(self):
        asked = []
        ask = lambda worker, line: asked.append(line.split()[0]) or ("equal 1" if line.startswith("check") else "0.5")
        with mock.patch.object(Worker, "ask", ask):
            forward_cases.measure(self.case, {"-O3": BIN / "llama2-reference"}, [1], Report())
        self.assertLess(asked.index("memory"), asked.index("check"))

    def test_a_worker_answers(self):
        model, tokens, trace = self.known()
        worker = Worker(1, "numpy", model, *tokens)
        self.assertGreater(worker.run().seconds, 0)
        self.assertEqual(worker.ask(f"check {trace}"), f"equal {12 * (3 + 3 * 17)}")
        worker.close()
        self.assertEqual(worker.process.returncode, 0)

    def test_a_missing_package_is_said(self):
        with mock.patch.dict(os.environ, {"PYTHONPATH": str(self.folder)}):
            (self.folder / "numpy.py").write_text("raise ImportError('no numpy here')\n")
            worker = Worker(1, "numpy", "model")
        self.assertEqual(worker.missing, "no numpy here")

    def test_usage(self):
        def status(*arguments):
            return subprocess.run([sys.executable, str(ROOT / "Benchmarks" / "bench.py"), *arguments], capture_output=True,
                                  env=dict(os.environ, LLAMA2_BIN=str(BIN)), encoding="utf-8")
        self.assertIn("1 must be among them", status("--threads", "2").stderr)
        self.assertIn("expected numbers", status("--threads", "one").stderr)
        self.assertIn("no case is called 7B", status("--only", "7B").stderr)


if __name__ == "__main__":
    unittest.main()
