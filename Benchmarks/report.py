"""The table that `make bench` prints: rows as they are measured, the times and memory behind them at the end."""

from typing import NamedTuple

from measuring import Spread, ratios, short


class Goal(NamedTuple):
    """What a ratio is to be. Only printed: no exit status depends on a time."""

    text: str
    holds: object

    @classmethod
    def at_least(cls, bound):
        return cls(f">= {bound:g}", lambda value: value >= bound)

    @classmethod
    def at_most(cls, bound):
        return cls(f"<= {bound:g}", lambda value: value <= bound)


def row(*cells):
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def heading(*columns):
    print()
    row(*columns)
    print("|" + "---|" * len(columns), flush=True)


class Report:
    def __init__(self):
        self.times, self.checks, self.missed = [], [], []

    def start(self):
        print("\nRatio: the time of `against` over that of `what`, so that more is faster; a cost, whose goal is an upper "
              "bound, is the time of `what` over that of `against`. Medians (quartiles; extremes of fewer than four) of "
              "ratios of runs of one repeat; whole processes, and in the last column the passes alone where all tell "
              "them. numpy and JAX are always the pass alone. Builds without OpenMP have one thread whatever "
              "the other side has.")
        heading("case", "what", "against", "threads", "ratio", "goal", "holds", "passes alone")

    def speed(self, case, what, against, threads, runs, baseline, goal=None):
        self._ratio(case, what, against, threads, ratios(baseline, runs), goal)

    def cost(self, case, what, against, threads, runs, baseline, goal=None):
        self._ratio(case, what, against, threads, ratios(runs, baseline), goal)

    def _ratio(self, case, what, against, threads, measured, goal):
        whole, own = measured
        self._row(case, what, against, threads, whole.text, goal, whole.median, own.text if own else "")

    def bound(self, case, what, megabytes, goal):
        """A row for a peak of anonymous memory; None where it cannot be looked at."""
        if megabytes is not None:
            self._row(case, what, "peak anonymous memory, MB", "", short(megabytes), goal, megabytes, "")

    def _row(self, case, what, against, threads, shown, goal, value, own):
        holds = "" if goal is None else "yes" if goal.holds(value) else "no"
        if holds == "no":
            on = f" on {threads} thread{'s' if threads > 1 else ''}" if threads else ""
            self.missed.append(f"{case}: {what}, {against}{on}: {shown}, goal {goal.text}")
        row(case, what, against, threads, shown, goal.text if goal else "", holds, own)

    def time(self, case, what, threads, runs, amount, unit, memory=(None, None)):
        """`amount` of `unit` (tokens, GB) is what one run deals with; `memory`: megabytes, anonymous and resident."""
        seconds = Spread.of([run.seconds for run in runs])
        own = Spread.of([run.own for run in runs]).text if all(run.own for run in runs) else ""
        self.times.append((case, what, threads, seconds.text, own, f"{short(amount / seconds.median)} {unit}/s",
                           f"{short(seconds.median / amount * 1000)} ms", *("" if peak is None else short(peak) for peak in memory)))

    def check(self, case, what):
        self.checks.append(f"{case}: {what}")

    def finish(self):
        heading("case", "program", "threads", "whole process, s", "passes alone, s", "speed", "per token or GB",
                "peak anonymous, MB", "peak resident, MB")
        for cells in self.times:
            row(*cells)
        print("\nChecked on the data that was timed:")
        for line in self.checks:
            print(f"- {line}")
        print(f"\nGoals missed: {len(self.missed)}")
        for line in self.missed:
            print(f"- {line}")
