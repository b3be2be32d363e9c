"""What the machine allows at most for a shape: bytes that must be read and multiply-adds that must be computed."""

from measuring import short
from report import heading, row

SHAPES = {  # dim, hidden_dim, layers, vocabulary; the shared classifier is the last matrix
    "15M": (288, 768, 6, 32000),
    "110M": (768, 2048, 12, 32000),
}
CASES = (("15M", 256), ("110M", 1024))


def products(preset):
    """Weights in the matrix products of one position; so many multiply-adds they need too."""
    dim, hidden_dim, layers, vocabulary = SHAPES[preset]
    return layers * (4 * dim * dim + 3 * dim * hidden_dim) + dim * vocabulary


def attention(preset, positions):
    """Multiply-adds of attention per position: scores and weighted sums over half the positions on average."""
    dim, _, layers, _ = SHAPES[preset]
    return layers * 2 * dim * (positions + 1) / 2


def tabulate_limits(found):
    """What no program can pass at the speeds that were measured: decoding reads every weight for every position, a known
    text may read them once but computes as much."""
    heading("shape", "threads", "weights, MB", "10^6 multiply-adds per token", "decode: tokens/s that memory allows",
            "known text: tokens/s that arithmetic allows, fused", "the same, multiplication and addition apart")
    for preset, positions in CASES:
        weights = products(preset)
        work = weights + attention(preset, positions)
        for threads, limits in found.items():
            if limits:
                row(f"{preset}, {positions} positions", threads, short(weights * 4 / 1e6), short(work / 1e6),
                    short(limits.bytes * 1e9 / (weights * 4)), short(limits.fused * 1e9 / work),
                    short(limits.separate * 1e9 / work))
