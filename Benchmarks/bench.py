"""make bench: speed as ratios measured in one run, interleaved; medians with the spread. Timings are never asserted.

Needs python3 alone. Models are made by llama2-synthesize in build/bench; the C program is built there in several ways.
"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "bin"
WORK = ROOT / "build" / "bench"
REPEATS = 5
BUILDS = {"-O2": ["-O2"], "-O3": ["-O3"], "-Ofast -march=native": ["-Ofast", "-march=native"]}


def run(*command):
    """Seconds that a command takes; its output is dropped. Exit status 1 is a verdict, not a failure."""
    start = time.perf_counter()
    status = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    seconds = time.perf_counter() - start
    if status not in (0, 1):
        sys.exit(f"bench: status {status} from {' '.join(str(part) for part in command)}")
    return seconds


def interleaved(commands):
    """Times every command REPEATS times, in turn, so that a change of the machine's speed meets all alike."""
    times = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            times[name].append(run(*command))
    return times


def report(times, base, unit_count, unit):
    base_median = statistics.median(times[base])
    for name, values in times.items():
        median = statistics.median(values)
        spread = (max(values) - min(values)) / median * 100
        print(f"  {name:<44}{unit_count / median:>12.4g} {unit:<9}{base_median / median:>8.2f}x{spread:>8.0f} %")


def after_header(path):
    """The bytes after the header chunk, in which two producers' traces of one run must be equal."""
    data = path.read_bytes()
    body = int.from_bytes(data[24:32], "little")
    return data[(128 + body + 63) // 64 * 64:]


def peak_memory(*command):
    """Peak resident megabytes of a command, mapped file pages included."""
    pid = os.posix_spawn(str(command[0]), [str(part) for part in command], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                                       (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


def bench(preset, positions):
    model = WORK / f"{preset}.bin"
    run(BIN / "llama2-synthesize", preset, "-o", model, "--tokenizer", "none")
    tokens = ",".join(str(1 if i == 0 else 3 + (i * 37 + i * i * 11) % 250) for i in range(positions))
    swift = [BIN / "tracedump", model, "--tokens", tokens]
    trace, expected, other = WORK / "a.trace", WORK / "e.trace", WORK / "o.trace"
    commands = {f"llama2-reference {name}, no trace":
                [WORK / f"reference{index}", model, "--tokens", tokens, "--no-trace"]
                for index, name in enumerate(BUILDS)}
    base = "llama2-reference -O3, no trace"
    commands["llama2-reference -O2, tracing"] = [WORK / "reference0", model, "--tokens", tokens, "-o", expected]
    commands["tracedump, 1 thread, no trace"] = [*swift, "--no-trace", "--threads", "1"]
    commands["tracedump, no trace"] = [*swift, "--no-trace"]
    commands["tracedump, tracing"] = [*swift, "-o", trace]
    print(f"\n{preset}, {positions} positions{'':<22}{'speed':>16}{'ratio':>18}{'spread':>10}")
    report(interleaved(commands), base, positions, "tokens/s")

    run(WORK / "reference2", model, "--tokens", tokens, "-o", other)
    same = after_header(trace) == after_header(expected)
    print(f"  traces of the two programs are {'equal after the header' if same else 'NOT EQUAL'}")
    size = trace.stat().st_size / 1e9
    compare = {"cmp, equal": ["cmp", trace, trace.with_name("copy.trace")],
               "tracediff, equal": [BIN / "tracediff", trace, expected],
               "tracediff, unequal": [BIN / "tracediff", expected, other]}
    trace.with_name("copy.trace").write_bytes(trace.read_bytes())
    report(interleaved(compare), "cmp, equal", size, "GB/s")
    print(f"  peak memory, MB: tracedump {peak_memory(*swift, '-o', trace):.0f}, "
          f"tracediff {peak_memory(BIN / 'tracediff', expected, other):.0f} (two traces of {size * 1000:.0f} MB mapped)")


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    for index, flags in enumerate(BUILDS.values()):
        exact = [] if "-Ofast" in flags else ["-ffp-contract=off"]
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-w", *flags, *exact, "-o", str(WORK / f"reference{index}"),
                        *map(str, sorted((ROOT / "reference").glob("*.c"))), "-lm"], check=True)
    print("ratio: against the first exact build without tracing, and against cmp; spread: (greatest - least) / median")
    bench("tiny", 12)
    bench("tiny", 120)
    bench("15M", 16)
    bench("15M", 160)


if __name__ == "__main__":
    main()
