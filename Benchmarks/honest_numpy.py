"""Honest forward passes in numpy and JAX for honest.py: one model, and many ways to round it.

`Arithmetic` is float32 as numpy computes it. Each subclass changes one thing that two correct programs may do
differently: the order or the precision of sums, the formula of softmax, the way to the RoPE angles. `trace` runs one of
them over all positions, layer by layer, and records every site.
"""

import os
import sys

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, os.path.join(ROOT, "reference"))
sys.path.insert(0, os.path.join(ROOT, "reference", "examples"))
import port  # noqa: E402
import tracefile  # noqa: E402

EPSILON, BASE = 1e-5, 10000.0
F32, F64 = np.float32, np.float64


class Arithmetic:
    """float32; products by BLAS, one position after the other; other sums in numpy's order."""

    title = "BLAS, vector by vector"
    real = F32
    xp = np

    def product(self, w, x):
        """w (rows, n) times every row of x (positions, n)."""
        return np.stack([w @ row for row in x])

    def total(self, terms):
        """The sum over the last axis."""
        return terms.sum(axis=-1)

    def dot(self, a, b):
        """The sum of a * b over the last axis, broadcast."""
        return self.total(a * b)

    def exp(self, x):
        return self.xp.exp(x)

    def norm(self, x, w):
        scale = self.real(1) / self.xp.sqrt(self.dot(x, x) / self.real(x.shape[-1]) + self.real(EPSILON))
        return w * (scale[..., None] * x)

    def frequencies(self, head_size):
        d = np.arange(0, head_size, 2, dtype=self.real)
        return self.real(1) / self.real(BASE) ** (d / self.real(head_size))

    def rotation(self, positions, head_size):
        """cos and sin, (positions, head_size / 2)."""
        angles = np.arange(positions, dtype=self.real)[:, None] * self.frequencies(head_size)
        return np.cos(angles), np.sin(angles)

    def rotate(self, v, cos, sin):
        """v (positions, heads, head_size), adjacent pairs."""
        cos, sin = cos[:, None, :], sin[:, None, :]
        v0, v1 = v[..., 0::2], v[..., 1::2]
        return self.xp.stack([v0 * cos - v1 * sin, v0 * sin + v1 * cos], axis=-1).reshape(v.shape)

    def scores(self, q, k):
        """q (heads, size) against k (past, heads, size): (heads, past)."""
        return self.dot(q[:, None, :], k.transpose(1, 0, 2)) / np.sqrt(self.real(q.shape[-1]))

    def softmax(self, s):
        e = self.exp(s - s.max(axis=-1, keepdims=True))
        return e / self.total(e)[..., None]

    def mix(self, a, v):
        """a (heads, past) times v (past, heads, size): (heads, size)."""
        return self.dot(a[:, None, :], v.transpose(1, 2, 0))

    def attention(self, q, k, v):
        """Scores and weights of each position, as lists, and the mixes (positions, heads, size)."""
        scores = [self.scores(row, k[:position + 1]) for position, row in enumerate(q)]
        weights = [self.softmax(s) for s in scores]
        return scores, weights, np.stack([self.mix(a, v[:a.shape[1]]) for a in weights])

    def silu(self, g):
        with np.errstate(over="ignore"):
            return g / (self.real(1) + self.exp(-g))


class Batched(Arithmetic):
    title = "BLAS, all positions at once"

    def product(self, w, x):
        return x @ w.T

    def scores(self, q, k):
        return (k.transpose(1, 0, 2) @ q[:, :, None])[..., 0] / np.sqrt(self.real(q.shape[-1]))

    def mix(self, a, v):
        return (a[:, None, :] @ v.transpose(1, 0, 2))[:, 0, :]


class Einsum(Batched):
    title = "einsum"

    def product(self, w, x):
        return np.einsum("pn,rn->pr", x, w)

    def scores(self, q, k):
        return np.einsum("hi,thi->ht", q, k) / np.sqrt(self.real(q.shape[-1]))

    def mix(self, a, v):
        return np.einsum("ht,thi->hi", a, v)


class Accumulating64(Batched):
    title = "sums in float64"

    def product(self, w, x):
        return (x.astype(F64) @ w.T.astype(F64)).astype(F32)

    def dot(self, a, b):
        return (a.astype(F64) * b).sum(axis=-1).astype(F32)

    def total(self, terms):
        return terms.sum(axis=-1, dtype=F64).astype(F32)

    scores, mix = Arithmetic.scores, Arithmetic.mix


class Ordered(Arithmetic):
    """Every sum, those of the products included, in an order of its own."""

    def product(self, w, x):
        out = np.empty((len(x), len(w)), dtype=self.real)
        step = max(1, 32768 // w.shape[1])  # rows whose terms stay in the cache
        for start in range(0, len(w), step):
            rows = w[start:start + step]
            for position, vector in enumerate(x):
                out[position, start:start + step] = self.total(rows * vector)
        return out


class Ascending(Ordered):
    title = "sums in ascending order"

    def total(self, terms):
        return np.add.accumulate(terms, axis=-1)[..., -1]


class Descending(Ordered):
    title = "sums in descending order"

    def total(self, terms):
        return np.add.accumulate(terms[..., ::-1], axis=-1)[..., -1]


class Halving(Ordered):
    title = "sums by halves"

    def total(self, terms):
        while terms.shape[-1] > 1:
            half = terms.shape[-1] // 2
            rest = terms[..., 2 * half:]
            terms = terms[..., :half] + terms[..., half:2 * half]
            terms = np.concatenate([terms, rest], axis=-1) if rest.shape[-1] else terms
        return terms[..., 0]


class Lanes(Ordered):
    title = "sums in 16 lanes"

    def total(self, terms):
        whole = terms.shape[-1] // 16 * 16
        lanes = terms[..., :whole].reshape(*terms.shape[:-1], whole // 16, 16)
        result = np.add.accumulate(terms[..., whole:], axis=-1)[..., -1] if whole < terms.shape[-1] else 0
        if whole:
            sums = np.add.accumulate(lanes, axis=-2)[..., -1, :]
            result = result + np.add.accumulate(sums, axis=-1)[..., -1]
        return result


class Blocks(Ordered):
    title = "sums in blocks of 32"

    def total(self, terms):
        result = None
        for start in range(0, terms.shape[-1], 32):
            block = np.add.accumulate(terms[..., start:start + 32], axis=-1)[..., -1]
            result = block if result is None else result + block
        return result


class WithoutMaximum(Batched):
    """Honest while no score exceeds 88; above, exp overflows and the weights are NaN, which is a fault."""

    title = "softmax without the maximum"

    def softmax(self, s):
        if s.max() > 88:
            raise OverflowError("a score of %.3g, of which exp overflows" % s.max())
        e = self.exp(s)
        return e / self.total(e)[..., None]


class Reciprocal(Batched):
    title = "softmax with a reciprocal"

    def softmax(self, s):
        e = self.exp(s - s.max(axis=-1, keepdims=True))
        return e * (F32(1) / self.total(e))[..., None]


class Online(Batched):
    """As fused attention kernels do: blocks of keys, the sum rescaled whenever the maximum grows."""

    title = "softmax in blocks, rescaled"

    def softmax(self, s):
        top = np.full(s.shape[0], -np.inf, dtype=F32)
        sum_ = np.zeros(s.shape[0], dtype=F32)
        for start in range(0, s.shape[1], 16):
            block = s[:, start:start + 16]
            new = np.maximum(top, block.max(axis=-1))
            sum_ = sum_ * np.exp(top - new) + np.exp(block - new[:, None]).sum(axis=-1)
            top = new
        return np.exp(s - top[:, None]) / sum_[:, None]


class LogarithmOfSum(Batched):
    title = "softmax as exp(s - ln(sum))"

    def softmax(self, s):
        top = s.max(axis=-1, keepdims=True)
        return np.exp(s - (top + np.log(np.exp(s - top).sum(axis=-1, keepdims=True))))


class DividedAfter(Batched):
    """As fused attention kernels do: the mix is of exponentials, and is divided by their sum."""

    title = "mix divided by the sum of exponentials"

    def attention(self, q, k, v):
        scores, weights, mixed = super().attention(q, k, v)
        for position, s in enumerate(scores):
            e = np.exp(s - s.max(axis=-1, keepdims=True))
            mixed[position] = self.mix(e, v[:position + 1]) / e.sum(axis=-1)[:, None]
        return scores, weights, mixed


class PowersOfTwo(Batched):
    title = "exp as a power of 2"

    def exp(self, x):
        return np.exp2(x * F32(np.log2(np.e)))


class Table64(Batched):
    title = "RoPE tables in float64"

    def rotation(self, positions, head_size):
        d = np.arange(0, head_size, 2)
        angles = np.arange(positions)[:, None] * BASE ** (-d / head_size)
        return np.cos(angles).astype(F32), np.sin(angles).astype(F32)


class Frequencies64(Batched):
    title = "RoPE frequencies in float64, angles in float32"

    def frequencies(self, head_size):
        return (BASE ** (-np.arange(0, head_size, 2) / head_size)).astype(F32)


class RepeatedMultiplication(Batched):
    title = "RoPE frequencies by repeated multiplication"

    def frequencies(self, head_size):
        factor = F32(BASE ** (-2 / head_size))
        return np.multiply.accumulate(np.array([1] + [factor] * (head_size // 2 - 1), dtype=F32))


class ExponentialFrequencies(Batched):
    title = "RoPE frequencies as exp(-d ln(base) / head size)"

    def frequencies(self, head_size):
        d = np.arange(0, head_size, 2, dtype=F32)
        return np.exp(d * -(np.log(F32(BASE)) / F32(head_size)))


class Complex(Batched):
    title = "RoPE as a complex product"

    def rotate(self, v, cos, sin):
        pairs = np.ascontiguousarray(v).view(np.complex64)
        return (pairs * (cos + 1j * sin).astype(np.complex64)[:, None, :]).view(F32)


class ScaledQuery(Batched):
    title = "query scaled before the scores"

    def scores(self, q, k):
        q = q * (F32(1) / np.sqrt(F32(q.shape[-1])))
        return (k.transpose(1, 0, 2) @ q[:, :, None])[..., 0]


class ScaledBoth(Batched):
    title = "query and key scaled by size^(-1/4)"

    def scores(self, q, k):
        factor = F32(q.shape[-1] ** -0.25)
        return ((k * factor).transpose(1, 0, 2) @ (q * factor)[:, :, None])[..., 0]


class OtherNorm(Batched):
    title = "RMSNorm as (x / root) * w, mean by a reciprocal"

    def norm(self, x, w):
        root = np.sqrt(self.dot(x, x) * F32(1 / x.shape[-1]) + F32(EPSILON))
        return (x / root[..., None]) * w


class WeightFirst(Batched):
    title = "RMSNorm as (w * x) * scale"

    def norm(self, x, w):
        return (w * x) * (F32(1) / np.sqrt(self.dot(x, x) / F32(x.shape[-1]) + F32(EPSILON)))[..., None]


class PowerNorm(Batched):
    title = "RMSNorm with the power -1/2"

    def norm(self, x, w):
        return w * (x * np.power(self.dot(x, x) / F32(x.shape[-1]) + F32(EPSILON), F32(-0.5))[..., None])


class TwoBranchSigmoid(Batched):
    title = "sigmoid without overflow, times g"

    def silu(self, g):
        e = np.exp(-np.abs(g))
        return g * (np.where(g >= 0, F32(1), e) / (F32(1) + e))


class Double(Batched):
    title = "float64 throughout, stored as float64"
    real = F64


class Rounded(Double):
    title = "float64 throughout, stored as float32"
    stored = F32


VARIANTS = [Arithmetic, Batched, Einsum, Accumulating64, Ascending, Descending, Halving, Lanes, Blocks, WithoutMaximum,
            Reciprocal, Online, LogarithmOfSum, DividedAfter, PowersOfTwo, Table64, Frequencies64,
            RepeatedMultiplication, ExponentialFrequencies, Complex, ScaledQuery, ScaledBoth, OtherNorm, WeightFirst,
            PowerNorm, TwoBranchSigmoid, Double, Rounded]


def forward(m, arithmetic, tokens, record):
    """The whole forward pass of a model over `tokens`; `record(site, layer, rows)` gets all positions of a site."""
    a, count = arithmetic, len(tokens)
    group = m.n_heads // m.n_kv_heads

    def real(w):
        return w if a.real is F32 else w.astype(F64)

    x = real(m.embedding[np.array(tokens)])
    record("x.embed", None, x)
    cos, sin = a.rotation(count, m.head_size)
    for layer in range(m.n_layers):
        xb = a.norm(x, real(m.attn_norm[layer]))
        record("xb.attn_norm", layer, xb)
        q, k, v = (a.product(real(w[layer]), xb) for w in (m.wq, m.wk, m.wv))
        for site, value in (("q.proj", q), ("k.proj", k), ("v.proj", v)):
            record(site, layer, value)
        q = a.rotate(q.reshape(count, m.n_heads, m.head_size), cos, sin)
        k = a.rotate(k.reshape(count, m.n_kv_heads, m.head_size), cos, sin)
        record("q.rope", layer, q.reshape(count, -1))
        record("k.rope", layer, k.reshape(count, -1))
        # Head h reads kv head h / group.
        k, v = (a.xp.repeat(t.reshape(count, m.n_kv_heads, m.head_size), group, axis=1) for t in (k, v))
        scores, weights, mixed = a.attention(q, k, v)
        record("att.scores", layer, scores)
        record("att.softmax", layer, weights)
        xb = mixed.reshape(count, -1)
        record("xb.attn", layer, xb)
        xb2 = a.product(real(m.wo[layer]), xb)
        record("xb2.wo", layer, xb2)
        x = x + xb2
        record("x.attn_residual", layer, x)
        xb = a.norm(x, real(m.ffn_norm[layer]))
        record("xb.ffn_norm", layer, xb)
        hb, hb2 = a.product(real(m.w1[layer]), xb), a.product(real(m.w3[layer]), xb)
        record("hb.w1", layer, hb)
        record("hb2.w3", layer, hb2)
        hb = a.silu(hb) * hb2
        record("hb.swiglu", layer, hb)
        xb = a.product(real(m.w2[layer]), hb)
        record("xb.w2", layer, xb)
        x = x + xb
        record("x.ffn_residual", layer, x)
    x = a.norm(x, real(m.final_norm))
    record("x.final_norm", None, x)
    record("logits", None, a.product(real(m.classifier), x))


def trace(checkpoint, path, tokens, variant):
    """Runs a variant over a checkpoint of version 0 and writes the trace. OverflowError where it has no result."""
    m = port.Model(checkpoint)
    stored = getattr(variant, "stored", variant.real)
    header = dict(m.header, producer="numpy: " + variant.title, precision="f64" if stored is F64 else "f32",
                  forced_tokens=1, steps=len(tokens))
    with tracefile.TraceWriter(path, header) as writer:
        for position, token in enumerate(tokens):
            writer.token(position, token)

        def record(site, layer, rows):
            for position, row in enumerate(rows):
                row = np.asarray(row)
                if row.dtype != variant.real:
                    raise TypeError("%s is %s in %s" % (site, row.dtype, variant.title))
                writer.record(site, layer, position, row.astype(stored))

        forward(m, variant(), tokens, record)


# JAX

JAX_TITLES = {"eager": "JAX, operation by operation", "jit": "JAX, compiled as one function"}


def jax_pass(model, tokens):
    """All positions at once, attention under a causal mask. Returns a function of the weights that yields the values of
    every site, the weights, and the list of (site, layer) that the function fills in the order of its values."""
    import jax
    import jax.numpy as jnp

    class Xla(Batched):
        xp = jnp

        def norm(self, x, w):
            return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + F32(EPSILON)) * w

        def attention(self, q, k, v):
            count = q.shape[0]
            s = jnp.einsum("phi,thi->hpt", q, k) / np.sqrt(F32(q.shape[-1]))
            mask = np.tril(np.ones((count, count), dtype=bool))
            a = jax.nn.softmax(jnp.where(mask, s, -jnp.inf), axis=-1)
            return s, a, jnp.einsum("hpt,thi->phi", a, v)

        def silu(self, g):
            return jax.nn.silu(g)

    weights = {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray) and name[0] != "_"}
    keys = []

    def run(weights):
        m, rows = port.Model.__new__(port.Model), []
        m.__dict__.update(vars(model), **weights)
        keys.clear()

        def record(site, layer, values):
            keys.append((site, layer))
            rows.append(values)

        forward(m, Xla(), tokens, record)
        return rows

    return run, weights, keys


def rows_of(site, values):
    """What a pass of JAX yields for a site as an array whose first axis is the position; attention has the heads first."""
    values = np.asarray(values)
    return values.transpose(1, 0, 2) if site.startswith("att.") else values


def jax_trace(checkpoint, path, tokens, mode):
    """The same through XLA."""
    import jax
    import jax.numpy as jnp

    model = port.Model(checkpoint)
    run, weights, keys = jax_pass(model, tokens)
    values = jax.jit(run)(weights) if mode == "jit" else run({name: jnp.asarray(a) for name, a in weights.items()})
    header = dict(model.header, producer=JAX_TITLES[mode], precision="f32", forced_tokens=1, steps=len(tokens))
    with tracefile.TraceWriter(path, header) as writer:
        for position, token in enumerate(tokens):
            writer.token(position, token)
        for (site, layer), rows in zip(keys, values):
            for position, row in enumerate(rows_of(site, rows)):
                # Scores and weights are computed for all positions; those behind the mask are no part of the record.
                writer.record(site, layer, position, row[:, :position + 1] if site.startswith("att.") else row)
