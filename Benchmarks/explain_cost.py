"""What explaining a trace costs, against what producing it cost: `explain_cost.py`, after `make`.

Wall and processor time of the model's own programs and of `tracediff explain`, on the shape of stories15M at 256
positions and on stories260K at 512; then explain's peak of anonymous memory (mapped files do not count: the kernel
drops their pages at will) at a length and at ten times that length. Needs python3 alone; memory is read where /proc is.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import honest  # noqa: E402

BIN, WORK = honest.BIN, honest.WORK
REPEATS = 5


def measured(command):
    """Wall and processor seconds of a command."""
    start = time.perf_counter()
    pid = os.posix_spawn(str(command[0]), [str(part) for part in command], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)])
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"explain_cost: status {os.waitstatus_to_exitcode(status)} from {command[0]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def peak_anonymous(command):
    """The greatest RssAnon of a command in megabytes, looked at every 2 ms; None where there is no /proc."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, done = 0, threading.Event()
    threading.Thread(target=lambda: (process.wait(), done.set()), daemon=True).start()
    while not done.is_set():
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        peak = max(peak, int(line.split()[1]))
        except OSError:
            pass
        time.sleep(0.002)
    return peak / 1024 if peak else None


def times(model, trace):
    tokens = ",".join(map(str, model.tokens))
    produce = ["--tokens", tokens, "-o", trace]
    commands = {
        "tracedump": [BIN / "tracedump", model.path, *produce],
        "tracedump --threads 1": [BIN / "tracedump", model.path, *produce, "--threads", "1"],
        "llama2-reference": [BIN / "llama2-reference", model.path, *produce],
        "tracediff explain": [BIN / "tracediff", "explain", trace, "--model", model.path],
    }
    # In turn, so that a change of the machine's speed meets all alike.
    found = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            found[name].append(measured(command))
    medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in found.items()}
    print(f"\n{model.title} positions, trace of {trace.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} processors")
    print("| program | wall, s | processor, s | processors used | explain takes, wall | processor time |")
    print("|---|---|---|---|---|---|")
    explain = medians["tracediff explain"]
    for name, (wall, cpu) in medians.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / wall:.2f} | {explain[0] / wall:.2f}x "
              f"| {explain[1] / cpu:.2f}x |")


def memory(model, trace, lengths):
    print("\n| model | positions | explain's peak anonymous memory, MB |\n|---|---|---|")
    for count in lengths:
        tokens = ",".join(map(str, model.tokens[:count]))
        measured([BIN / "tracedump", model.path, "--tokens", tokens, "-o", trace])
        peak = peak_anonymous([BIN / "tracediff", "explain", trace, "--model", model.path])
        print(f"| {model.name} | {count} | {'unknown' if peak is None else f'{peak:.1f}'} |")


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    trace = WORK / "cost.trace"
    runs = [(honest.Model("15M", honest.synthesized("15M"), honest.mixed_tokens(256, 32000)), (25, 250))]
    folder = os.environ.get("LLAMA2_MODELS", honest.ROOT.parent / "shared" / "models")
    trained = pathlib.Path(folder) / "stories260K.bin"
    if trained.exists():
        runs.append((honest.Model("stories260K", trained, honest.mixed_tokens(512, 512)), (51, 510)))
    for model, lengths in runs:
        times(model, trace)
        memory(model, trace, lengths)
    trace.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
