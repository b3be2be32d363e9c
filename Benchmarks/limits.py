"""What the machine allows at most for a shape: bytes that must be read and multiply-adds that must be computed."""

from measuring import Shape, short, work
from report import heading, row


def products(shape):
    """Weights in the matrix products of one position; so many multiply-adds they need too. The classifier is the last."""
    kv_dim = shape.dim // shape.n_heads * shape.n_kv_heads
    per_layer = shape.dim * (2 * shape.dim + 2 * kv_dim + 3 * shape.hidden_dim)
    return shape.n_layers * per_layer + shape.dim * abs(shape.vocab_size)


def attention(shape, positions):
    """Multiply-adds of attention per position: scores and weighted sums over half the positions on average."""
    return shape.n_layers * 2 * shape.dim * (positions + 1) / 2


def tabulate_limits(cases, found):
    """What no program can pass at the speeds that were measured: decoding reads every weight for every position, a known
    text may read them once but computes as much. `found`: the machine's Limits, or None, per number of threads."""
    heading("case", "threads", "weights, MB", "10^6 multiply-adds per token", "decode: tokens/s that memory allows",
            "tokens/s that arithmetic allows, fused", "the same, multiplication and addition apart")
    for case in cases:
        shape = Shape.of(work(f"{case.preset}.bin"))
        weights = products(shape)
        each = weights + attention(shape, case.positions)
        for threads, limits in found.items():
            if limits:
                row(case.title, threads, short(weights * 4 / 1e6), short(each / 1e6),
                    short(limits.bytes * 1e9 / (weights * 4)), short(limits.fused * 1e9 / each),
                    short(limits.separate * 1e9 / each))
