"""The example package docs/examples/kernel-refactoring, built and run as a user would: its tests pass, and fail where its
kernel is broken, in Swift Testing and in XCTest.

LLAMA2_BIN names the folder of the programs, LLAMA2_BUILD a folder in which the example stays built from run to run.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "kernel-refactoring"
BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
BUILD = pathlib.Path(os.environ.get("LLAMA2_BUILD", ROOT / "build")) / "kernel-refactoring"
KERNELS = pathlib.Path("Sources/Kernels/Kernels.swift")
GOLDENS = pathlib.Path("Tests/KernelsTests/Goldens")
LEFT_OVER = "sum += matrix[start + column] * x[column]"


def run(command, cwd, **variables):
    """Runs a command without what the tests of this repository set."""
    unset = ("CC", "CI", "WERROR", "TRACE_RECORD", "TRACE_FAILURES")  # with CC, swift would take that compiler
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(command, cwd=cwd, env=dict(environment, **variables), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8")


@unittest.skipUnless(shutil.which("swift"), "needs swift")
class KernelRefactoringTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A copy of the example, which finds this repository where it is."""
        cls.package = BUILD / "package"
        shutil.rmtree(cls.package, ignore_errors=True)
        shutil.copytree(EXAMPLE, cls.package, ignore=shutil.ignore_patterns(".build", "*.failed.trace"))
        manifest = cls.package / "Package.swift"
        text = manifest.read_text()
        assert text.count('path: "../../.."') == 1
        manifest.write_text(text.replace("../../..", str(ROOT)))
        built = cls.swift("build", "--build-tests")
        assert built.returncode == 0, built.stdout

    @classmethod
    def swift(cls, *arguments, **variables):
        return run(["swift", *arguments, "--scratch-path", str(BUILD / "scratch")], cls.package, **variables)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.failures = pathlib.Path(folder.name) / "failures"
        self.attachments = pathlib.Path(folder.name) / "attachments"
        self.attachments.mkdir()

    def goldens(self):
        return {path.name: path.read_text() for path in (self.package / GOLDENS).glob("*.golden")}

    def break_kernel(self):
        """Leaves out the columns that a loop by four does not reach."""
        kernels = self.package / KERNELS
        text = kernels.read_text()
        self.assertEqual(text.count(LEFT_OVER), 1)
        self.addCleanup(kernels.write_text, text)
        kernels.write_text(text.replace(LEFT_OVER, "_ = (sum, column)"))

    def test_the_refactored_kernel_passes(self):
        committed = self.goldens()
        self.assertEqual(sorted(committed), ["feed-forward.golden", "product.golden"])
        result = self.swift("test", CI="true", TRACE_FAILURES=str(self.failures))
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("Test feedForwardKeepsItsNumbers() passed", result.stdout)
        self.assertIn("'ProductXCTests.testProductKeepsItsNumbers' passed", result.stdout)
        self.assertEqual(self.goldens(), committed)
        self.assertFalse(self.failures.exists())

    def test_a_broken_kernel_fails_and_is_told_where(self):
        committed = self.goldens()
        self.break_kernel()
        result = self.swift("test", "--attachments-path", str(self.attachments), CI="true", TRACE_FAILURES=str(self.failures))
        self.assertNotEqual(result.returncode, 0, result.stdout)
        # Rows of 24 columns leave nothing over, rows of 66 do.
        network = "diverged: xb.w2, layer 0, position 0 is the first tensor beyond tolerance"
        self.assertIn("FeedForwardTests.swift:12:", result.stdout)
        self.assertIn(network, result.stdout)
        self.assertRegex(result.stdout, r"ProductXCTests\.swift:11: error: .*diverged: product, position 0 is the first")
        self.assertEqual(self.goldens(), committed)

        # What was kept is a trace, and the command in the message says the same of it.
        kept = self.failures / "KernelsTests.FeedForwardTests.Goldens-feed-forward.golden.failed.trace"
        names = [kept.name, "KernelsTests.ProductXCTests.Goldens-product.golden.failed.trace"]
        self.assertEqual(sorted(path.name for path in self.failures.iterdir()), names)
        self.assertIn("the trace is kept: %s" % kept, result.stdout)
        self.assertEqual([path.read_bytes() for path in self.attachments.iterdir()], [kept.read_bytes()])
        commands = [line.split("go on with: ")[1] for line in result.stdout.splitlines() if "go on with: " in line]
        command = next(command for command in commands if str(kept) in command).split()
        if (BIN / "tracediff").exists():
            again = run([str(BIN / command[0]), *command[1:]], self.package)
            self.assertEqual((again.returncode, again.stdout.splitlines()[0]), (1, network))

    def test_recording(self):
        """A missing golden fails and is recorded; a change on purpose rewrites what changed; then the tests pass."""
        folder = self.package / GOLDENS
        self.addCleanup(shutil.copytree, EXAMPLE / GOLDENS, folder, dirs_exist_ok=True)
        (folder / "product.golden").unlink()
        result = self.swift("test")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("there was no reference; recorded 4 records and 4 tokens", result.stdout)
        before = self.goldens()

        self.break_kernel()
        result = self.swift("test", TRACE_RECORD="changed")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("updated: 4 of 4 records moved, 4 beyond tolerance", result.stdout)
        self.assertIn("updated: 16 of 20 records moved, 8 beyond tolerance", result.stdout)
        after = self.goldens()["feed-forward.golden"].splitlines()
        changed = [pair for pair in zip(before["feed-forward.golden"].splitlines(), after) if pair[0] != pair[1]]
        self.assertEqual(len(changed), 20, "a reviewer's line and four sketches for each of four positions")
        result = self.swift("test", CI="true")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_a_check_outside_of_any_test(self):
        """In a detached task neither framework knows a running test; the run fails all the same."""
        path = self.package / "Tests/KernelsTests/DetachedTests.swift"
        self.addCleanup(path.unlink)
        path.write_text(
            "import Testing\nimport TraceTesting\nimport XCTest\n\n"
            "@Test func detached() async {\n"
            '  await Task.detached { _ = expectTrace("/nowhere/a.trace", matches: "Goldens/product.golden") }.value\n}\n')
        result = self.swift("test", CI="true", TRACE_FAILURES=str(self.failures))
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn("the trace cannot be read: /nowhere/a.trace: cannot open", result.stdout)


if __name__ == "__main__":
    unittest.main()
