"""Runs the quick part of `make honest` as a test: builds of gcc and clang where they are, numpy, and the trained models
where they are. What is left out is said on standard error."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))
import honest  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))


class QuickTests(unittest.TestCase):
    def test_no_false_alarm_on_honest_builds(self):
        for program in ("tracediff", "tracedump", "llama2-synthesize"):
            if not (BIN / program).exists():
                self.skipTest("no %s in LLAMA2_BIN (%s)" % (program, BIN))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with mock.patch.object(honest, "BIN", BIN), mock.patch.object(honest, "WORK", pathlib.Path(folder.name)), \
                mock.patch.object(sys, "argv", ["honest.py", "--quick"]), \
                contextlib.redirect_stdout(io.StringIO()) as output:
            status = honest.main()
        lines = output.getvalue().splitlines()
        self.assertEqual(status, 0, "\n".join(line for line in lines if line.startswith("FALSE ALARM")))
        # Every build of every model: the Swift program twice at least, on the synthetic models float32 and int8.
        runs = [line for line in lines if line.startswith("| ") and "| model, positions |" not in line]
        self.assertGreaterEqual(len(runs), 4)
        self.assertTrue(any(line.startswith("| tiny int8") for line in runs))
        summary = lines[lines.index("") + 1:]
        print("\nhonest builds: %s" % "; ".join(summary), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
