"""make bench: speed as ratios measured in one run, interleaved, with medians and spread. Times are never asserted.

    bench.py [--quick] [--threads LIST] [--only TEXT]

Needs python3 alone; numpy and JAX are compared where they are, and what is left out is said. Models are made by
llama2-synthesize in build/bench, and the C program is built there in several ways. The traces take 7 GB of disk space,
or 1 GB with --quick. The bits are checked on the data that is timed: a wrong bit ends the run with status 1.
"""

import argparse
import time

import forward_cases
import machine
import trace_cases
from limits import tabulate_limits
from measuring import fail, note, program, usable_processors, work
from report import Report

FORWARD = [forward_cases.Case("15M", 256, 9, has_goals=True), forward_cases.Case("15M", 16, 9),
           forward_cases.Case("110M", 16, 5), forward_cases.Case("110M", 1024, 2, one_thread_too=False)]
TRACES = [trace_cases.Case("15M", 256, 9, 9, compares=False, explain_has_goal=True),
          trace_cases.Case("110M", 112, 9, 3), trace_cases.Case("110M", 1024, 5, 2)]
QUICK_FORWARD = [forward_cases.Case("15M", 256, 3, has_goals=True), forward_cases.Case("110M", 16, 3)]
QUICK_TRACES = [trace_cases.Case("15M", 256, 3, 3, compares=False, explain_has_goal=True), trace_cases.Case("110M", 112, 3, 1)]


def parse():
    parser = argparse.ArgumentParser(description="Measures speed as ratios, interleaved in one run.")
    parser.add_argument("--quick", action="store_true", help="a subset that takes about two minutes")
    parser.add_argument("--threads", default="1,2", metavar="LIST", help="numbers of threads to measure; default 1,2")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose title contains TEXT, e.g. 15M")
    options = parser.parse_args()
    try:
        wanted = sorted({int(word) for word in options.threads.split(",")})
    except ValueError:
        parser.error(f"--threads: {options.threads}: expected numbers, e.g. 1,2")
    options.threads = [count for count in wanted if 1 <= count <= len(usable_processors())]
    if options.threads != wanted:
        note(f"--threads {options.threads}: there are {len(usable_processors())} processors")
    if options.threads[:1] != [1]:
        parser.error(f"--threads: {wanted}: 1 must be among them, since a build without OpenMP has no other")
    return options


def main():
    options, start = parse(), time.monotonic()
    for name in ("tracedump", "tracediff", "llama2-synthesize"):
        if not program(name).exists():
            fail(f"{program(name)} is missing; run make")
    forward = [case for case in (QUICK_FORWARD if options.quick else FORWARD) if options.only in case.title]
    traces = [case for case in (QUICK_TRACES if options.quick else TRACES) if options.only in case.title]
    if not forward + traces:
        fail(f"no case is called {options.only}")
    work("").mkdir(parents=True, exist_ok=True)
    programs = machine.reference_builds()
    if "-O3" not in programs:
        fail("the C program cannot be built; name a compiler with CC")
    found = {count: machine.limits(count) for count in options.threads}
    machine.describe(options.threads, found)
    report = Report()
    report.start()
    for case in forward:
        forward_cases.measure(case, programs, options.threads, report)
    for case in traces:
        trace_cases.measure(case, programs, options.threads, report)
    report.finish()
    tabulate_limits(forward or traces, found)
    print(f"\nThe whole took {(time.monotonic() - start) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
