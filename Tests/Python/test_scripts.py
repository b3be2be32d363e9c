"""Tests of the Makefile and the scripts where something is missing or unusual. Small scripts stand in for other programs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.stand_ins = self.folder / "stand-ins"
        self.stand_ins.mkdir()

    def stand_in(self, name, script):
        path = self.stand_ins / name
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)

    def run_with_stand_ins(self, *command, cwd=None, **variables):
        environment = dict(os.environ, PATH="%s:%s" % (self.stand_ins, os.environ["PATH"]), **variables)
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):  # of the make that runs these tests
            environment.pop(name, None)
        return subprocess.run(command, cwd=cwd or self.folder, env=environment, capture_output=True, encoding="utf-8")


class MakeTests(TestCase):
    def test_a_removed_program_is_made_again(self):
        if not shutil.which("make"):
            self.skipTest("needs make")
        shutil.copy(ROOT / "Makefile", self.folder)
        for name in ("Package.swift", "Sources/a.swift", "reference/a.c", "reference/a.h"):
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text("")
        programs = ("tracedump", "tracediff", "llama2-synthesize", "llama2-reference")
        # swift build leaves a product; cc makes its output.
        self.stand_in("swift", 'for product; do :; done\nmkdir -p build/swift/release\necho "$product" >> built\n'
                           'echo > "build/swift/release/$product"')
        self.stand_in("cc", 'while [ "$1" != -o ]; do shift; done\necho > "$2"')

        def make(*targets):
            (self.folder / "built").write_text("")
            result = self.run_with_stand_ins("make", "CC=cc", *targets)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(sorted(path.name for path in (self.folder / "bin").iterdir()), sorted(programs))
            return (self.folder / "built").read_text().split()
        self.assertEqual(make(), list(programs[:3]))
        self.assertEqual(make(), [], "nothing is to be done")
        for program in programs:
            (self.folder / "bin" / program).unlink()
            self.assertEqual(make(), [] if program == "llama2-reference" else list(programs[:3]))
            self.assertEqual(make(), [])
        (self.folder / "bin" / "tracediff").unlink()
        make("bin/tracediff")

    def test_the_reasons_of_skipped_tests_are_printed(self):
        (self.folder / "run.py").write_text((ROOT / "Tests/Python/run.py").read_text())
        (self.folder / "test_some.py").write_text(
            "import unittest\nclass Tests(unittest.TestCase):\n"
            "    def test_a(self):\n        self.skipTest('no model in /nowhere')\n    def test_b(self):\n        pass\n")
        result = subprocess.run([sys.executable, self.folder / "run.py"], capture_output=True, encoding="utf-8")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.splitlines()[-1], "SKIPPED test_some.Tests.test_a: no model in /nowhere")
        (self.folder / "test_some.py").write_text(
            "import unittest\nclass Tests(unittest.TestCase):\n    def test_a(self):\n        self.fail()\n")
        self.assertEqual(subprocess.run([sys.executable, self.folder / "run.py"], capture_output=True).returncode, 1)


class DemoTests(TestCase):
    def test_a_compiler_of_several_words_and_no_escape_sequences(self):
        if not all((BIN / name).exists() for name in ("tracedump", "tracediff", "llama2-reference", "llama2-synthesize")):
            self.skipTest("the programs are not in LLAMA2_BIN (%s)" % BIN)
        if BIN.resolve() != (ROOT / "bin").resolve():
            self.skipTest("the demo runs the programs in bin")
        compiler = os.environ.get("CC") or "cc"
        result = self.run_with_stand_ins("sh", "Tests/demo.sh", cwd=ROOT, CC=compiler + " -DWORD", DEMO_FOLDER=str(self.folder / "demo"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.rstrip().endswith("the very line that was changed."))
        self.assertNotIn("\x1b", result.stdout + result.stderr)


class ReadmeTests(TestCase):
    def test_the_first_example(self):
        """Its commands work as they stand, and print what it shows."""
        if not all((BIN / name).exists() for name in ("tracediff", "llama2-reference", "llama2-synthesize")):
            self.skipTest("the programs are not in LLAMA2_BIN (%s)" % BIN)
        block = (ROOT / "README.md").read_text(encoding="utf-8").split("work as they stand:\n\n")[1].split("\n\n")[0:2]
        lines = [line[4:] for line in "\n".join(block).splitlines() if line.startswith("    ")]
        commands = [line[2:] for line in lines if line.startswith("$ ")]
        shown = [line for line in lines if not line.startswith("$ ") and line != "..."]
        self.assertEqual(len(commands), 6)
        self.assertGreater(len(shown), 8)
        (self.folder / "bin").symlink_to(BIN.resolve())
        (self.folder / "reference").symlink_to(ROOT / "reference")
        for command in commands:
            result = self.run_with_stand_ins("sh", "-c", command)
            self.assertEqual(result.returncode, 1 if command == commands[-1] else 0, (command, result.stderr))
        for line in shown:
            self.assertIn(line, result.stdout.splitlines())


class ContinuousIntegrationTests(TestCase):
    def run_ci(self, user, installs):
        """.ci/run on a Debian without venv; returns its result and what it called."""
        log = self.folder / "log"
        log.write_text("")
        self.stand_in("python3", "exit 1")
        self.stand_in("id", "echo %d" % user)
        self.stand_in("apt-get", 'echo "apt-get $1" >> "%s"\nexit %d' % (log, 0 if installs else 100))
        self.stand_in("make", 'echo "make $*" >> "%s"' % log)
        result = self.run_with_stand_ins("bash", str(ROOT / ".ci" / "run"))
        return result, log.read_text().split("\n")[:-1]

    def test_without_venv(self):
        if not shutil.which("bash"):
            self.skipTest("needs bash")
        made = ["make ", "make demo", "make test"]
        result, calls = self.run_ci(1000, installs=False)
        self.assertEqual((result.returncode, calls), (0, made))
        self.assertIn("only root can install it", result.stderr)
        result, calls = self.run_ci(0, installs=True)
        self.assertEqual((result.returncode, calls), (0, ["apt-get update", "apt-get install"] + made))
        result, calls = self.run_ci(0, installs=False)
        self.assertEqual((result.returncode, calls), (0, ["apt-get update"] + made))
        self.assertIn("cannot be installed", result.stderr)


class FuzzTests(TestCase):
    def test_the_linker_of_each_system(self):
        # Every target is run, whatever there are.
        readers = sorted(path.name[len("Fuzz"):] for path in (ROOT / "Tests/Fuzz").glob("Fuzz*"))
        fuzzer = 'printf "#!/bin/sh\\necho number_of_executed_units: 1; echo cov: 2\\n" > "%s"; chmod +x "%s"'
        self.stand_in("swift", 'mkdir -p build/fuzz/swift/release\nfor name in %s; do\n' % " ".join(readers) +
                           'echo > build/fuzz/swift/release/libFuzz$name.a\ndone')
        self.stand_in("swiftc", 'echo "$*" >> calls\nwhile [ "$1" != -o ]; do shift; done\n' + fuzzer % ("$2", "$2"))
        for system, flag, other in (("Darwin", "-force_load", "whole-archive"), ("Linux", "--whole-archive", "force_load")):
            self.stand_in("uname", "echo " + system)
            (self.folder / "calls").write_text("")
            result = self.run_with_stand_ins("sh", str(ROOT / "Tests/Fuzz/fuzz.sh"))
            self.assertEqual(result.returncode, 0, result.stderr)
            calls = (self.folder / "calls").read_text().splitlines()
            self.assertEqual(sorted(re.findall(r"libFuzz(\w+)\.a", "\n".join(calls))), readers)
            for call in calls:
                self.assertIn(flag, call)
                self.assertNotIn(other, call)


if __name__ == "__main__":
    unittest.main()
