"""Comparing and explaining traces: tracediff against cmp and numpy's allclose, explain against producing the trace."""

import json
import shutil
from typing import NamedTuple

from forward_cases import inputs
from machine import FASTEST
from measuring import Run, fail, interleaved, note, peak_memory, program, run, work
from report import Goal
from worker import Worker

FASTER_THAN_CMP, FASTER_THAN_ALLCLOSE = Goal.at_least(2), Goal.at_least(15)
COST_OF_EXPLAINING = Goal.at_most(6)
MEMORY = Goal.at_most(256)


def paths():
    """The trace, a copy of it, and one of a build that rounds differently."""
    return tuple(work(name) for name in ("a.trace", "copy.trace", "other.trace"))


def comparing():
    trace, copy, other = paths()
    return {"tracediff, equal": [program("tracediff"), trace, copy], "tracediff, unequal": [program("tracediff"), trace, other]}


class Case(NamedTuple):
    preset: str
    positions: int
    repeats: int
    explain_repeats: int
    compares: bool = True
    explain_has_goal: bool = False

    @property
    def title(self):
        return f"{self.preset}, {self.positions} positions"


def measure(case, programs, threads, report):
    note(f"traces of {case.title}, {case.repeats} times")
    trace, copy, other = paths()
    model, _, options = inputs(case.preset, case.positions)
    produce = [program("tracedump"), model, *options["known"], "--threads", threads[-1], "-o"]
    run([*produce, trace], positions=case.positions)
    title = f"{case.title}, {trace.stat().st_size / 1e6:.0f} MB"
    if case.compares:
        shutil.copyfile(trace, copy)
        run([programs.get(FASTEST) or programs["-Ofast"], model, *options["known"], "-o", other], positions=case.positions)
        compare(case, title, threads, report)
    explain(case, title, model, produce, threads, report)
    for path in (*paths(), work("run.trace")):
        path.unlink(missing_ok=True)


def verdicts(title, report):
    """The timed pairs are what they are said to be."""
    for what, wanted in (("equal", ["identical"]), ("unequal", ["within_tolerance", "diverged"])):
        command = [*comparing()[f"tracediff, {what}"], "--json", "-"]
        found = json.loads(run(command, statuses=(0, 1, 2)).output)
        if found["verdict"] not in wanted:
            fail(f"{title}: the {what} traces are {found['verdict']}")
        records, differing = found["compared"]["records"], found["differing_records"]
        # Equal records are recognised by their bytes: traces that hold many of them would be timed at that.
        if what == "unequal" and differing < 0.9 * records:
            fail(f"{title}: only {differing} of {records} records of the unequal traces differ")
        report.check(title, f"the {what} traces are {found['verdict']}, {differing} of {records} records differ")


def compare(case, title, threads, report):
    trace, copy, other = paths()
    verdicts(title, report)
    count = threads[-1]
    commands = {what: lambda command=command: run(command, count, statuses=(0, 1)) for what, command in comparing().items()}
    if shutil.which("cmp"):
        commands["cmp"] = lambda: run(["cmp", trace, copy])
    workers = {}
    for kind in ("allclose", "allclose-pieces"):
        worker = Worker(threads[-1], kind, trace, other)
        if worker.missing:
            note(f"allclose is left out: {worker.missing}")
            break
        workers[kind], commands[kind] = worker, worker.run
    runs = interleaved(commands, case.repeats)
    residents = {kind: float(worker.ask("memory")) for kind, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    size = trace.stat().st_size / 1e9
    has_goals = size >= 1  # below, starting a process and mapping its files weigh too much
    if "cmp" in runs:
        for what in comparing():
            report.speed(title, what, "cmp of the equal traces", count, runs[what], runs["cmp"],
                         FASTER_THAN_CMP if has_goals and what == "tracediff, equal" else None)
    for kind, words in (("allclose", "numpy allclose"), ("allclose-pieces", "numpy allclose in pieces that fit the cache")):
        if kind in runs:
            report.speed(title, "tracediff, unequal", words, count, runs["tracediff, unequal"], runs[kind],
                         FASTER_THAN_ALLCLOSE if has_goals and kind == "allclose" else None)
    for what, measured in runs.items():
        memory = None, residents.get(what)
        if what in comparing():
            memory = peak_memory(comparing()[what], count)
            report.bound(title, what, memory[0], MEMORY)
        report.time(title, what, "" if what == "cmp" else count, measured, size, "GB of each", memory)


def explain(case, title, model, produce, threads, report):
    trace, _, other = paths()
    command = [program("tracediff"), "explain", trace, "--model", model]
    found = json.loads(run([*command, "--json", "-"], statuses=(0, 1, 2)).output)
    if found["verdict"] != "rounding" or found["unchecked_count"]:
        fail(f"{title}: explain says {found['verdict']}, {found['unchecked_count']} records unchecked")
    report.check(title, f"explain says rounding, {found['checked']['records']} records checked")

    def produced():
        (work("run.trace")).unlink(missing_ok=True)
        return run([*produce, work("run.trace")], threads[-1], positions=case.positions)

    def explained():
        return Run(run(command, threads[-1]).seconds, None)
    runs = interleaved({"producing": produced, "explain": explained}, case.explain_repeats)
    report.cost(title, "explain", "producing the trace of the known text", threads[-1], runs["explain"], runs["producing"],
                COST_OF_EXPLAINING if case.explain_has_goal else None)
    if case.compares:
        command += ["--expected", other]
    memory = peak_memory(command, threads[-1])
    report.bound(title, "explain" + (" --expected" if case.compares else ""), memory[0], MEMORY)
    report.time(title, "explain", threads[-1], runs["explain"], case.positions, "tokens", memory)
