"""The workflow file against GitHub's own schema, and its steps, run. LLAMA2_BIN names the folder of the programs."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from ci_support import BIN, ROOT, CITestCase, needs

CC = os.environ.get("CC", "cc").split()
WORKFLOW = ROOT / "docs" / "workflows" / "numerics.yml"


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
