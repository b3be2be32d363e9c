"""The machine and the compilers of a benchmark: what they are called, and what they can do at most."""

import os
import pathlib
import platform
import subprocess
import sys
from typing import NamedTuple

from measuring import ROOT, note, on_processors, usable_processors, work, write_pages

EXACT = ["-ffp-contract=off"]
# What llama2.c itself offers. Only the first may not fuse or reorder: its bits are the reference's.
BUILDS = {
    "-O3": ["-O3", *EXACT],
    "-Ofast": ["-Ofast"],
    "-Ofast -march=native -fopenmp": ["-Ofast", "-march=native", "-fopenmp"],
}
FASTEST = "-Ofast -march=native -fopenmp"
EXACT_OPENMP = "-O3 -fopenmp"  # the bits of -O3 in less time, to check others by


class Limits(NamedTuple):
    """What so many threads reach together: 10^9 bytes read, and 10^9 float32 multiply-adds, per second."""

    bytes: float
    fused: float
    separate: float


def compiler():
    return os.environ.get("CC", "cc").split()


def build(output, sources, options, words=None):
    """Compiles C with CC or the compiler that is given as words; an error's first line, or None."""
    result = subprocess.run([*(words or compiler()), "-std=c11", "-w", *options, "-o", str(output), *map(str, sources), "-lm"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (result.stdout.strip().splitlines() or ["no message"])[0] if result.returncode else None


def reference_builds():
    """The C program built in each way: from the name of the build to the program."""
    programs = {}
    sources = sorted((ROOT / "reference").glob("*.c"))
    for place, (name, options) in enumerate({**BUILDS, EXACT_OPENMP: ["-O3", "-fopenmp", *EXACT]}.items()):
        program = work(f"reference{place}")
        why = build(program, sources, options)
        if why:
            note(f"llama2-reference {name} is left out: {why[:120]}")
        else:
            programs[name] = program
    return programs


def limits(threads):
    """None where the program cannot be built or run."""
    figures = []
    for name, contract in (("fused", "fast"), ("separate", "off")):
        program = work(f"machine-{name}")
        options = ["-O3", "-march=native", f"-ffp-contract={contract}", "-pthread"]
        why = build(program, [ROOT / "Benchmarks" / "machine.c"], options)
        if why:
            note(f"the machine's limits are not measured: {why[:120]}")
            return None
        with on_processors(threads):
            result = subprocess.run([str(program), str(threads)], stdout=subprocess.PIPE, text=True)
        if result.returncode:
            note(f"the machine's limits are not measured: status {result.returncode}")
            return None
        figures.append([float(word) for word in result.stdout.split()])
    (bytes_, fused), (_, separate) = figures
    return Limits(bytes_, fused, separate)


def first_line(*command):
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return "none"
    return (result.stdout.strip().splitlines() or ["none"])[0]


def processor():
    """The processor's name and its vector units."""
    information = pathlib.Path("/proc/cpuinfo")
    if not information.exists():
        return first_line("sysctl", "-n", "machdep.cpu.brand_string"), platform.machine()
    fields = {}
    for line in information.read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    units = [flag for flag in ("sse2", "avx", "fma", "avx2", "avx512f", "avx512bw", "asimd", "sve") if flag in flags]
    return fields.get("model name", platform.machine()), " ".join(units)


def describe(threads, found):
    """Prints what the figures were measured on. `found`: a Limits or None per number of threads."""
    name, units = processor()
    load = os.getloadavg()[0]
    print(f"Machine: {name}, {len(usable_processors())} processors, {units}; {platform.system()} {platform.release()}")
    print(f"Compilers: {first_line(*compiler(), '--version')}; {first_line('swift', '--version')}; "
          f"Python {platform.python_version()}")
    for count in threads:
        if found[count]:
            print(f"Limits on {count} thread{'s' if count > 1 else ''}: {found[count].bytes:.1f} GB/s read from memory; "
                  f"{found[count].fused:.0f} * 10^9 float32 multiply-adds/s fused, {found[count].separate:.0f} as "
                  "multiplication and addition")
    write_pages(1 << 28)
    print(f"Files in the page cache: {max(write_pages(1 << 28) for _ in range(5)):.1f} GB/s written by one thread")
    print(f"Load before the run: {load:.2f}" + ("; OTHERS USE THE PROCESSORS, the figures are not to be trusted"
                                                if load > 0.5 else ""))
    sys.stdout.flush()
