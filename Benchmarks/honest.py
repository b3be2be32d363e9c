"""make honest: shows that `tracediff explain` raises no false alarm on honest builds, and by how much it does not.

    honest.py [--quick] [--models FOLDER] [--only TEXT] [--matrix FILE]

Honest builds are programs without a mistake that round differently: the C program under every compiler and option at
hand, tracedump, and forward passes in numpy and JAX that sum in other orders and use other formulas. Each traces the
same tokens; each trace is explained. One line per run: the largest ratio of error to bound (up to 1 is rounding), where
it is, what was flagged, and the time. Exit status: 0 nothing was flagged, 1 something was, 2 trouble.

Needs python3; what numpy or JAX cannot be had for, or a compiler cannot build, is left out and said.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from machine import build

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "bin"
WORK = ROOT / "build" / "honest"
COMPILERS = ("gcc", "clang")
# name: options after -std=c11. Only the first two promise llama2.c's bits.
OPTIONS = {
    "-O0": ["-O0", "-ffp-contract=off"],
    "-O2": ["-O2", "-ffp-contract=off"],
    "-O3": ["-O3"],
    "-O3 -mfma": ["-O3", "-mfma", "-ffp-contract=fast"],
    "-O3 -march=native, FMA": ["-O3", "-march=native", "-ffp-contract=fast"],
    "-Ofast": ["-Ofast"],
    "-Ofast -march=native": ["-Ofast", "-march=native"],
    "-Ofast -march=native -mrecip": ["-Ofast", "-march=native", "-mrecip"],
    "-Ofast -march=native, libmvec": ["-Ofast", "-march=native", "-fveclib=libmvec"],
    "-Ofast -fopenmp": ["-Ofast", "-fopenmp"],
    "-O2 -mfpmath=387": ["-O2", "-mfpmath=387"],
    "-m32 -O2 -mfpmath=387": ["-m32", "-O2", "-mfpmath=387"],
}
# A result of one correctly rounded operation is off by half a unit at worst, and somewhere nearly by that: these sites
# come close to their bound in any program. How tight the others' bounds are is seen without them. An int8 value differs
# by one step or not at all, and one step is its bound: a ratio of exactly 1.
ROUNDED_ONCE = ("x.embed", "x.attn_residual", "x.ffn_residual")
QUANTIZED_VALUES = ("xq.", "hq.")
QUICK_OPTIONS = ("-O2", "-O3 -march=native, FMA", "-Ofast -march=native", "-Ofast -march=native -mrecip")


class Model:
    """A checkpoint, and the tokens that every build runs it over."""

    def __init__(self, name, path, tokens, python=True):
        self.name, self.path, self.tokens = name, pathlib.Path(path), tokens
        self.python = python  # whether the passes in Python can run it

    @property
    def title(self):
        return f"{self.name}, {len(self.tokens)}"


def note(text):
    print(f"honest: {text}", file=sys.stderr, flush=True)


def run(command, statuses=(0,)):
    """Seconds of a command, and its output. Ends the script where the status is none of `statuses`."""
    start = time.perf_counter()
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - start
    if result.returncode not in statuses:
        note(f"status {result.returncode} from {' '.join(str(part)[:80] for part in command)}: "
             f"{result.stderr.decode(errors='replace').strip()[-400:]}")
        sys.exit(2)
    return seconds, result.stdout


# --- models -------------------------------------------------------------------------------------------------------


def mixed_tokens(count, vocabulary):
    """BOS, then `count - 1` tokens, all different while the vocabulary lasts."""
    # 7919 is a prime that divides none of the vocabularies, so that its multiples run through all of them.
    return [1] + [2 + (place * 7919) % (vocabulary - 2) for place in range(1, count)]


def story_tokens(checkpoint, count):
    """`count` tokens of the model's own stories, sampled with one seed after the other."""
    tokens, seed = [], 0
    while len(tokens) < count:
        seed += 1
        path = WORK / "story.trace"
        run([BIN / "tracedump", checkpoint, "-z", checkpoint.with_name("tok512.bin"), "-t", "1", "-s", seed, "-n",
             count - len(tokens), "--only", "x.embed", "-o", path])
        _, listing = run([BIN / "tracediff", "inspect", path, "--tokens", "--json", "-"])
        tokens += [token["id"] for token in json.loads(listing)["tokens"]]
    return tokens[:count]


def synthesized(preset, version=0):
    path = WORK / f"{preset}-v{version}.bin"
    if not path.exists():
        run([BIN / "llama2-synthesize", preset, "-o", path, "--tokenizer", "none", "--version", version])
    return path


def models(folder, quick):
    trained, int8 = folder / "stories260K.bin", folder / "stories260K-q8.bin"
    result = []
    if trained.exists() and int8.exists():
        story = story_tokens(trained, 24 if quick else 512)
        for count in (24,) if quick else (12, 128, 512):
            result.append(Model("stories260K", trained, story[:count]))
        if not quick:
            result.append(Model("stories260K, all tokens", trained, mixed_tokens(512, 512)))
        result.append(Model("stories260K int8", int8, story[:24] if quick else story, python=False))
    else:
        note(f"the trained models are not in {folder}: left out")
    result.append(Model("tiny", synthesized("tiny"), mixed_tokens(12 if quick else 128, 320)))
    result.append(Model("tiny int8", synthesized("tiny", 2), mixed_tokens(12 if quick else 128, 320), python=False))
    if not quick:
        result.append(Model("15M", synthesized("15M"), mixed_tokens(256, 32000)))
        result.append(Model("15M int8", synthesized("15M", 2), mixed_tokens(32, 32000), python=False))
        result.append(Model("110M", synthesized("110M"), mixed_tokens(16, 32000)))
    return result


# --- builds -------------------------------------------------------------------------------------------------------


def token_list(model):
    return ",".join(map(str, model.tokens))


def program_run(program, *options):
    return lambda model, trace: run([program, model.path, "--tokens", token_list(model), "-o", trace, *options])[0]


def tracedump(*options):
    return program_run(BIN / "tracedump", *options)


def compiled(quick):
    """A program for every compiler and option that can be built and started here."""
    result = {}
    for compiler in COMPILERS:
        if not shutil.which(compiler):
            note(f"no {compiler}: its builds are left out")
            continue
        for place, (name, options) in enumerate(OPTIONS.items()):
            if quick and name not in QUICK_OPTIONS:
                continue
            program = WORK / f"reference-{compiler}-{place}"
            sources = sorted((ROOT / "reference").glob("*.c"))
            why = build(program, sources, options, [compiler])
            if not why and subprocess.run([str(program), "--version"], capture_output=True).returncode:
                why = "does not start"
            if why:
                note(f"{compiler} {name}: left out: {why[:100]}")
                continue
            result[f"C, {compiler} {name}"] = program_run(program)
            if name == "-O2" and compiler == COMPILERS[0]:
                result["C, float64"] = program_run(program, "--precision", "f64")
    return result


def timed(function, variant):
    """A pass of honest_numpy.py, in this process."""
    def produce(model, trace):
        start = time.perf_counter()
        function(model.path, trace, model.tokens, variant)
        return time.perf_counter() - start
    return produce


def in_python(quick):
    try:
        import honest_numpy
    except ImportError as error:
        note(f"the passes in numpy and JAX are left out: {error}")
        return {}
    result = {}
    for variant in honest_numpy.VARIANTS:
        result[f"numpy, {variant.title}"] = timed(honest_numpy.trace, variant)
    try:
        import jax  # noqa: F401
        for mode, title in honest_numpy.JAX_TITLES.items():
            if not quick or mode == "jit":
                result[title] = timed(honest_numpy.jax_trace, mode)
    except ImportError as error:
        note(f"JAX is left out: {error}")
    return result


# --- judging ------------------------------------------------------------------------------------------------------


def place(record):
    if record is None:
        return "-"
    layer = "" if record["layer"] is None else f", layer {record['layer']}"
    return f"`{record['site']}`{layer}, position {record['position']}"


def explain(model, trace):
    command = [BIN / "tracediff", "explain", trace, "--model", model.path, "--json", "-"]
    seconds, output = run(command, statuses=(0, 1, 2))
    return seconds, json.loads(output)


def flagged(verdict):
    """What explain says is wrong, in a few words; empty for an honest verdict of a whole trace."""
    if verdict["verdict"] == "rounding":
        return f"{verdict['unchecked_count']} records unchecked" if verdict["unchecked_count"] else ""
    faults = [f"{fault['site']} {fault['records']}x, first with ratio {float(fault['first']['ratio']):.3g} at "
              f"{place(fault['first'])}" for fault in verdict["faults"]]
    return "; ".join([verdict["verdict"], *faults, *verdict["problems"][:2]])


def ratio_text(ratio):
    """Three digits, cut and not rounded, so that 1.000 is not printed for less."""
    if ratio < 0.001:
        return "0" if ratio == 0 else f"{ratio:.0e}"
    return f"{int(ratio * 1000) / 1000:.3f}" if ratio < 1 else f"{ratio:.4g}"


class Ratios:
    """What one run came to."""

    def __init__(self, verdict):
        # The worst of the honest records, and the worst of the flagged ones, which may be "inf".
        self.largest = max([verdict["worst_ratio"]] + [float(fault["first"]["ratio"]) for fault in verdict["faults"]])
        sites = [site for site in verdict["sites"]
                 if site["site"] not in ROUNDED_ONCE and not site["site"].startswith(QUANTIZED_VALUES)]
        worst = max(sites, key=lambda site: site["worst_ratio"], default={"site": "-", "worst_ratio": 0})
        self.others, self.others_site = worst["worst_ratio"], worst["site"]


def main():
    parser = argparse.ArgumentParser(description="Explains traces of honest builds and shows the largest ratios.")
    parser.add_argument("--quick", action="store_true", help="a subset that takes a minute")
    parser.add_argument("--models", default=os.environ.get("LLAMA2_MODELS", ROOT.parent / "shared" / "models"),
                        help="folder of the trained models; default LLAMA2_MODELS or ../shared/models")
    parser.add_argument("--only", default="", metavar="TEXT", help="only builds and models whose title contains TEXT")
    parser.add_argument("--matrix", metavar="FILE", help="also write the ratios as a table of builds and models")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    builds = {"Swift, tracedump": tracedump(), "Swift, tracedump --precision f64": tracedump("--precision", "f64")}
    builds |= compiled(options.quick) | in_python(options.quick)
    everything = models(pathlib.Path(options.models), options.quick)
    trace, ratios, alarms, runs = WORK / "run.trace", {}, [], 0
    columns = ("model, positions", "build", "largest ratio", "where", "largest of sums and functions", "flagged",
               "trace, s", "explain, s")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    for model in everything:
        for title, produce in builds.items():
            if options.only not in f"{model.title} {title}" or not model.python and title.startswith(("numpy", "JAX")):
                continue
            try:
                produced = produce(model, trace)
            except OverflowError as error:
                note(f"{model.title}: {title}: left out: {error}")
                continue
            explained, verdict = explain(model, trace)
            wrong, runs = flagged(verdict), runs + 1
            if wrong:
                alarms.append(f"{model.title}: {title}: {wrong}")
            found = ratios[title, model.title] = Ratios(verdict)
            print(f"| {model.title} | {title} | {ratio_text(found.largest)} | {place(verdict['worst'])} "
                  f"| {ratio_text(found.others)} `{found.others_site}` | {wrong or 'no'} | {produced:.2f} "
                  f"| {explained:.2f} |", flush=True)
    trace.unlink(missing_ok=True)
    if options.matrix:
        write_matrix(options.matrix, builds, everything, ratios)
    if not ratios:
        note("nothing was run")
        return 2
    print(f"\n{runs} runs of {len({build for build, _ in ratios})} honest builds; {len(alarms)} flagged")
    for what, key in (("all", "largest"), ("sums and functions", "others")):
        (title, model), found = max(ratios.items(), key=lambda entry: getattr(entry[1], key))
        print(f"largest ratio, {what}: {ratio_text(getattr(found, key))} ({title}; {model})")
    for alarm in alarms:
        print(f"FALSE ALARM: {alarm}")
    return 1 if alarms else 0


def write_matrix(path, builds, everything, ratios):
    """A row per build and a column per model: the largest ratio, and in brackets that of sums and functions alone."""
    columns = [model.title for model in everything if any(model.title == column for _, column in ratios)]
    lines = ["| build | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for title in builds:
        if any((title, column) in ratios for column in columns):
            found = [ratios.get((title, column)) for column in columns]
            cells = [f"{ratio_text(cell.largest)} ({ratio_text(cell.others)})" if cell else "" for cell in found]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    sys.exit(main())
