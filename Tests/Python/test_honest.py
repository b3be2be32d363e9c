"""Tests of Benchmarks/honest.py: honest passes are not flagged, and a dishonest one is."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))
import honest  # noqa: E402
import honest_numpy  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))


class OtherEpsilon(honest_numpy.Batched):
    title = "RMSNorm with another epsilon"

    def norm(self, x, w):
        return w * (x / np.sqrt(self.dot(x, x) / np.float32(x.shape[-1]) + np.float32(1e-3))[..., None])


@unittest.skipUnless((BIN / "tracediff").exists(), "bin/tracediff is not built")
class HonestTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, value in (("BIN", BIN), ("WORK", pathlib.Path(folder.name))):
            patch = mock.patch.object(honest, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.model = honest.Model("tiny", honest.synthesized("tiny"), honest.mixed_tokens(6, 320))

    def flagged(self, variant):
        trace = honest.WORK / "run.trace"
        honest_numpy.trace(self.model.path, trace, self.model.tokens, variant)
        _, verdict = honest.explain(self.model, trace)
        return honest.flagged(verdict), honest.Ratios(verdict)

    def test_no_pass_is_flagged(self):
        for variant in honest_numpy.VARIANTS:
            with self.subTest(variant.title):
                wrong, ratios = self.flagged(variant)
                self.assertEqual(wrong, "")
                self.assertLess(ratios.largest, 1)
                self.assertLess(ratios.others, 0.7)

    def test_passes_differ(self):
        # A variant that is accidentally another one would prove nothing.
        def logits(variant):
            trace = honest.WORK / "run.trace"
            honest_numpy.trace(self.model.path, trace, self.model.tokens, variant)
            records = honest_numpy.tracefile.read_trace(trace).records
            return b"".join(records[key].tobytes() for key in sorted(records, key=str))
        traces = {variant.title: logits(variant) for variant in honest_numpy.VARIANTS}
        self.assertGreaterEqual(len(set(traces.values())), len(traces) - 3)

    def test_a_mistake_is_flagged(self):
        wrong, ratios = self.flagged(OtherEpsilon)
        self.assertIn("fault", wrong)
        self.assertIn("xb.attn_norm", wrong)
        self.assertGreater(ratios.largest, 1)

    def test_the_exit_status_says_so(self):
        def produce(model, trace):
            honest_numpy.trace(model.path, trace, model.tokens, OtherEpsilon)
            return 0
        with mock.patch.object(honest, "models", lambda *_: [self.model]), \
                mock.patch.object(honest, "compiled", lambda _: {}), \
                mock.patch.object(honest, "in_python", lambda _: {"mistaken": produce}), \
                mock.patch.object(sys, "argv", ["honest.py"]), contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(honest.main(), 1)
        self.assertIn("FALSE ALARM: tiny, 6: mistaken", output.getvalue())


if __name__ == "__main__":
    unittest.main()
