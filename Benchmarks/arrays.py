"""What numpy and JAX take, in a process of their own that bench.py talks to:

    arrays.py numpy|jax CHECKPOINT TOKENS...      the forward pass over all tokens at once
    arrays.py allclose|allclose-pieces A B        numpy's allclose over the bytes of two traces, as float32

It prints `ready` once it has warmed up (and compiled), then answers lines: `run` with the seconds of one pass, which
ends when every site's tensors, of all layers and positions, are arrays on the host; `check TRACE` with `equal N` where
each of a trace's N records is equal within tolerance, else with what differs; `memory` with the
peak of its resident megabytes. Status 3 and a line on standard error where a package is missing.
"""

import os
import resource
import sys
import time

import machine

try:
    import numpy as np
    import honest_numpy
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

RTOL, ATOL = 2e-4, 1e-30  # tracediff's defaults, measured on models of up to 6 layers (docs/tolerances.md)
# Deeper models drift further: numpy on 110M by 2.3e-4, 3.2e-4 and 4.8e-4 over 112, 512 and 1024 positions.
DEEP, DEEP_RTOL = 7, 1e-3
PIECE = 1 << 20


class Whole(honest_numpy.Batched):
    """The attention of all positions at once too: two products per head, a mask, and exponentials in place."""

    def attention(self, q, k, v):
        q, k, v = (t.transpose(1, 0, 2) for t in (q, k, v))  # heads x positions x size
        scores = q @ k.transpose(0, 2, 1)
        scores /= np.sqrt(np.float32(q.shape[-1]))
        weights = np.where(np.tri(q.shape[1], dtype=bool), scores, np.float32(-np.inf))
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        return scores.transpose(1, 0, 2), weights.transpose(1, 0, 2), (weights @ v).transpose(1, 0, 2)


def numpy_pass(checkpoint, tokens):
    model = honest_numpy.port.Model(checkpoint)

    def run():
        rows = {}
        honest_numpy.forward(model, Whole(), tokens, lambda site, layer, values: rows.__setitem__((site, layer), values))
        return rows
    return run


def jax_pass(checkpoint, tokens):
    # XLA stops at vectors of 256 bits unless told otherwise.
    if "avx512f" in machine.processor()[1]:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")
    import jax
    run, weights, keys = honest_numpy.jax_pass(honest_numpy.port.Model(checkpoint), tokens)
    compiled, weights = jax.jit(run), jax.device_put(weights)

    def timed():
        values = jax.block_until_ready(compiled(weights))
        return {key: honest_numpy.rows_of(key[0], array) for key, array in zip(keys, values)}
    return timed


def allclose_pass(first, second, piece):
    # From the same multiple of 64 on; the few heads between the payloads are compared as numbers too.
    a, b = (np.memmap(path, dtype="<f4", mode="r") for path in (first, second))
    count = min(a.size, b.size)
    a, b = a[:count], b[:count]

    def run():
        with np.errstate(all="ignore"):
            for start in range(0, count, piece or count):
                np.allclose(a[start:start + (piece or count)], b[start:start + (piece or count)], rtol=RTOL, atol=ATOL)
    return run


def difference(rows, path):
    """What differs between the rows of a pass and a trace: `equal N`, or the first record that is beyond tolerance."""
    records = honest_numpy.tracefile.read_trace(path).records
    if not records:
        return "the trace is empty"
    layers = {layer for _, layer, _ in records if layer is not None}
    rtol = DEEP_RTOL if len(layers) >= DEEP else RTOL
    for (site, layer, position), expected in records.items():
        row = rows[site, layer][position]
        actual = row[:, :position + 1] if site.startswith("att.") else row
        rms = np.sqrt(np.mean(np.square(expected, dtype=np.float64)))
        allowed = ATOL + rtol * np.maximum(np.abs(expected), rms)
        if actual.shape != expected.shape or not (np.abs(actual - expected) <= allowed).all():
            return f"{site}, layer {layer}, position {position} is beyond tolerance"
    return f"equal {len(records)}"


def peak_resident():
    """The peak of resident memory in megabytes, the weights and traces that are mapped included."""
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / 1e6 * (1 if sys.platform == "darwin" else 1024)


def main(kind, *arguments):
    if kind.startswith("allclose"):
        run = allclose_pass(*arguments, piece=PIECE if kind == "allclose-pieces" else 0)
    else:
        make = {"numpy": numpy_pass, "jax": jax_pass}[kind]
        try:
            run = make(arguments[0], [int(token) for token in arguments[1:]])
        except ImportError as error:
            print(error, file=sys.stderr)
            return 3
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        command, _, path = line.rstrip("\n").partition(" ")
        if command == "run":
            start = time.perf_counter()
            kept = run()
            seconds = time.perf_counter() - start
            del kept
            print(f"{seconds:.6f}", flush=True)
        elif command == "memory":
            print(f"{peak_resident():.1f}", flush=True)
        else:
            print(difference(run(), path), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
