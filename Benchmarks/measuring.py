"""Measures programs: time, in turn with others; memory; and what they say of themselves. Needs python3 alone."""

import contextlib
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
WORK = ROOT / "build" / "bench"
TOKENS_PER_SECOND = re.compile(r"(\d+) positions? at ([\d.]+) tokens/s")


class Run(NamedTuple):
    """One run: seconds of the whole process, those of the forward passes alone where the program tells, and what it
    printed."""

    seconds: float
    own: Optional[float]
    output: str = ""


class Spread(NamedTuple):
    """A median with the quartiles around it, or with the extremes where there are fewer than four values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        if len(values) < 4:
            return cls(statistics.median(values), min(values), max(values))
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high)

    @property
    def text(self):
        return f"{short(self.median)} ({short(self.low)}..{short(self.high)})"


class Shape(NamedTuple):
    """The sizes of a checkpoint of version 0; vocab_size is negative where the classifier is a matrix of its own."""

    dim: int
    hidden_dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    seq_len: int

    @classmethod
    def of(cls, checkpoint):
        with open(checkpoint, "rb") as file:
            return cls(*struct.unpack("<7i", file.read(28)))


def program(name):
    return BIN / name


def work(name):
    """The path of a file that the benchmark makes."""
    return WORK / name


def short(value):
    """Three significant digits, never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def fail(message):
    sys.exit(f"bench: {message}")


def note(message):
    print(f"bench: {message}", file=sys.stderr, flush=True)


def usable_processors():
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def on_processors(count):
    """What is started inside has `count` processors and is told to use as many threads, whatever it is made of.

    Where a process cannot be bound to processors (macOS), the variables alone speak.
    """
    processors = usable_processors()
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: str(count) for name in variables})
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors[-count:])
    try:
        yield
    finally:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, processors)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run(command, threads=None, statuses=(0,), positions=None):
    """Runs a command once. `positions`: how many its summary must name, so that no run is taken for a longer one."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with on_processors(threads or len(usable_processors())):
            start = time.perf_counter()
            status = subprocess.run(words, stdout=output, stderr=errors).returncode
            seconds = time.perf_counter() - start
        output.seek(0), errors.seek(0)
        printed, summary = (file.read().decode(errors="replace") for file in (output, errors))
    if status not in statuses:
        fail(f"status {status} from {' '.join(words)[:200]}: {summary.strip()[-400:]}")
    said = TOKENS_PER_SECOND.search(summary)
    if positions is not None and (not said or int(said[1]) != positions):
        fail(f"not {positions} positions from {' '.join(words)[:200]}: {summary.strip()[-400:]}")
    own = int(said[1]) / float(said[2]) if said else None
    return Run(seconds, own, printed)


def interleaved(commands, repeats, once=()):
    """The runs of every command, a function that returns a Run. All are run in turn, so that a change of the
    machine's speed meets all alike.

    Each runs twice in a row and the second time counts, but for those in `once`: a virtual machine hands free pages back
    to its host after some seconds, the next touch is ten times slower, and whoever happened to come next would be blamed.
    """
    runs = {title: [] for title in commands}
    for _ in range(repeats):
        for title, start in commands.items():
            if title not in once:
                start()
            runs[title].append(start())
    return runs


def ratios(slower, faster):
    """How many times faster the second is, of pairs of runs of one repeat: of whole processes, and of the
    passes alone (None where a program does not tell)."""
    pairs = list(zip(slower, faster))
    whole = Spread.of([a.seconds / b.seconds for a, b in pairs])
    known = all(run.own for pair in pairs for run in pair)
    return whole, Spread.of([a.own / b.own for a, b in pairs]) if known else None


def peak_memory(command, threads=None, statuses=(0, 1)):
    """The greatest anonymous and the greatest resident memory of a command in megabytes, looked at every 2 ms. Mapped
    files count in the second alone, since the kernel drops their pages at will. None, None where there is no /proc."""
    with on_processors(threads or len(usable_processors())):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks, done = {"RssAnon": 0, "VmRSS": 0}, threading.Event()
    threading.Thread(target=lambda: (process.wait(), done.set()), daemon=True).start()
    while not done.is_set():
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                fields = dict(line.split(":", 1) for line in file)
            for name in peaks:
                peaks[name] = max(peaks[name], int(fields.get(name, "0").split()[0]))
        except OSError:
            pass
        time.sleep(0.002)
    if process.returncode not in statuses:
        fail(f"status {process.returncode} from {' '.join(str(word) for word in command)[:200]}")
    return tuple(peak * 1024 / 1e6 if peak else None for peak in peaks.values())


def write_pages(size):
    """Writes `size` bytes to a file in the page cache and removes it; 10^9 bytes per second."""
    path, block = work("pages"), bytes(1 << 20)
    start = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for _ in range(0, size, len(block)):
            file.write(block)
    seconds = time.perf_counter() - start
    path.unlink()
    return size / seconds / 1e9


def records_equal(a, b):
    """Whether two traces have equal bytes after their headers, in which two producers may differ."""
    block, compared = 1 << 24, 0
    with open(a, "rb") as first, open(b, "rb") as second:
        for file in (first, second):
            head = file.read(32)
            file.seek((128 + int.from_bytes(head[24:32], "little") + 63) // 64 * 64)
        while True:
            mine, yours = first.read(block), second.read(block)
            if mine != yours:
                return False
            if not mine:
                return compared > 0  # nothing compared is never a pass
            compared += len(mine)
