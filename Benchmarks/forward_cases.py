"""Decoding and tracing on one shape and context: tracedump against the C program's builds, numpy and JAX."""

from typing import NamedTuple

import honest
from machine import EXACT_OPENMP, FASTEST
from measuring import Shape, fail, interleaved, note, peak_memory, program, records_equal, run, work
from report import Goal
from worker import Worker


class Case(NamedTuple):
    preset: str
    positions: int
    repeats: int
    has_goals: bool = False
    one_thread_too: bool = True  # or the most alone, of what can use several

    @property
    def title(self):
        return f"{self.preset}, {self.positions} positions"


GOALS = {  # by what, against what and on how many threads; None: on any number
    ("decode", "-O3", 1): Goal.at_least(4),
    ("decode", FASTEST, None): Goal.at_least(1),
    ("known text, traced", "-O3", 2): Goal.at_least(20),
    ("known text, traced", FASTEST, 2): Goal.at_least(4),
    ("known text, traced", "numpy", 2): Goal.at_least(2),
    ("known text, traced", "JAX", 2): Goal.at_least(1),
}
COST_OF_TRACING = Goal.at_most(1.1)
SET_AGAINST = {"decode": ("-O3", "-Ofast", FASTEST), "known text, traced": ("-O3", "-Ofast", FASTEST, "numpy", "JAX")}
OURS = {  # what tracedump is given, and whether it traces; decoding makes each token from the last position's logits
    "decode": ("generated", False),
    "decode, traced": ("generated", True),
    "known text": ("known", False),
    "known text, traced": ("known", True),
}


def synthesized(preset):
    """A checkpoint of a preset and its tokenizer."""
    model, tokenizer = work(f"{preset}.bin"), work(f"{preset}.tokenizer.bin")
    if not (model.exists() and tokenizer.exists()):
        run([program("llama2-synthesize"), preset, "-o", model, "-z", tokenizer])
    return model, tokenizer


def inputs(preset, positions):
    """The options for each source of tokens."""
    model, tokenizer = synthesized(preset)
    known = honest.mixed_tokens(positions, abs(Shape.of(model).vocab_size))
    return model, known, {"generated": ["-z", tokenizer, "-i", "", "-n", positions],
                          "known": ["--tokens", ",".join(map(str, known))]}


def ours(case, model, options, what, threads):
    """The command for one of OURS."""
    source, traces = OURS[what]
    output = ["-o", work("run.trace")] if traces else ["--no-trace"]
    return [program("tracedump"), model, *options[source], *output, "--threads", threads]


def checked(case, command, threads, expected):
    """A function that runs a command; the trace it writes must be the expected one to the bit."""
    def start():
        (work("run.trace")).unlink(missing_ok=True)
        result = run(command, threads, positions=case.positions)
        if expected and not records_equal(work("run.trace"), expected):
            fail(f"{case.title}: the trace on {threads} threads is NOT the reference's: {' '.join(map(str, command))[:200]}")
        return result
    return start


def measure(case, programs, threads, report):
    threads = threads if case.one_thread_too else threads[-1:]
    note(f"{case.title}, {case.repeats} times")
    model, known, options = inputs(case.preset, case.positions)
    expected = {source: work(f"{source}.trace") for source in options}
    exact = programs.get(EXACT_OPENMP) or programs["-O3"]
    for source, path in expected.items():
        run([exact, model, *options[source], "-o", path], positions=case.positions)

    commands, workers = {}, {}
    for name, build in programs.items():
        for count in threads if name == FASTEST else [1]:
            if name != EXACT_OPENMP:
                commands[name, count] = checked(case, [build, model, *options["known"], "--no-trace"], count, None)
    for what, (source, traces) in OURS.items():
        for count in threads:
            command = ours(case, model, options, what, count)
            commands[what, count] = checked(case, command, count, expected[source] if traces else None)
    for name in ("numpy", "JAX"):
        for count in threads:
            worker = Worker(count, name.lower(), model, *known)
            if worker.missing:
                note(f"{name} is left out: {worker.missing}")
                break
            workers[name, count] = worker
            commands[name, count] = worker.run
    # The C program writes nothing here and needs little memory, so that once is enough.
    runs = interleaved(commands, case.repeats, once={title for title in commands if title[0] in programs})

    report.check(case.title, f"{case.repeats * 2 * len(threads)} traces on {' and '.join(map(str, threads))} threads "
                             "have the C program's bits")
    residents = {}
    for (name, count), worker in workers.items():
        residents[name, count] = float(worker.ask("memory"))  # before the check, which reads the whole trace
        answer = worker.ask(f"check {expected['known']}")
        if not answer.startswith("equal"):
            fail(f"{case.title}: {name} with --threads {count} does not compute the same: {answer}")
        report.check(case.title, f"{name} with --threads {count}: {answer} records within tolerance of the trace")
        worker.close()
    tabulate(case, runs, threads, report)
    for (what, count), measured in runs.items():
        memory = None, residents.get((what, count))
        # One run of each kind is looked at: the C program's builds are alike, and tracing takes the most memory.
        if what in OURS and OURS[what][1] and count == threads[-1]:
            memory = peak_memory(ours(case, model, options, what, count), count)
        elif what == FASTEST and count == threads[-1]:
            memory = peak_memory([programs[what], model, *options["known"], "--no-trace"], count)
        report.time(case.title, what, count, measured, case.positions, "tokens", memory)
    for path in (*expected.values(), work("run.trace")):
        path.unlink(missing_ok=True)


def tabulate(case, runs, threads, report):
    """The ratios at equal threads; the builds without OpenMP have one thread and are set against any number."""
    for what, opponents in SET_AGAINST.items():
        for count in threads:
            for name in opponents:
                baseline = runs.get((name, count)) or (runs.get((name, 1)) if name in ("-O3", "-Ofast") else None)
                goal = GOALS.get((what, name, count)) or GOALS.get((what, name, None)) if case.has_goals else None
                if baseline:
                    report.speed(case.title, what, name, count, runs[what, count], baseline, goal)
    for what in ("decode", "known text"):
        for count in threads:
            goal = COST_OF_TRACING if case.has_goals and what == "decode" else None
            report.cost(case.title, f"{what}, traced", f"{what}, not traced", count, runs[f"{what}, traced", count],
                        runs[what, count], goal)
