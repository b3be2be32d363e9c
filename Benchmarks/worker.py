"""Starts arrays.py and asks it."""

import subprocess
import sys

from measuring import ROOT, Run, fail, on_processors


class Worker:
    """arrays.py in a process of its own on so many processors, idle unless asked; `missing` says why there is none."""

    def __init__(self, threads, *arguments):
        words = [sys.executable, str(ROOT / "Benchmarks" / "arrays.py"), *map(str, arguments)]
        with on_processors(threads):
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            text=True)
        self.missing = None
        if self.process.stdout.readline() != "ready\n":
            errors = self.process.communicate()[1].strip()
            # 3: a package is missing; a signal: it cannot run here, e.g. because XLA does not know a flag.
            if self.process.returncode != 3 and self.process.returncode >= 0:
                fail(f"status {self.process.returncode} from {' '.join(words)[:200]}: {errors[-400:]}")
            self.missing = errors or f"signal {-self.process.returncode}"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            fail(f"arrays.py ended: {self.process.communicate()[1].strip()[-400:]}")
        return answer

    def run(self):
        seconds = float(self.ask("run"))
        return Run(seconds, seconds)

    def close(self):
        if not self.missing:
            self.process.communicate()
