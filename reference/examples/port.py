#!/usr/bin/env python3
"""A port of llama2.c to numpy, traced: `port.py CHECKPOINT TRACE TOKEN...`

It runs a float32 (version 0) checkpoint over the given tokens, one position after the other, and records every step.
The arithmetic is what numpy makes of it (matrix products with @, sums in numpy's order), so its trace differs from the
reference's in the last bits, as an honest port's does. Lines that begin with `trace.` are all that tracing needs.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tracefile  # noqa: E402


class Model:
    """The weights of a version 0 checkpoint, as views of the mapped file; matrices are (output, input)."""

    def __init__(self, path):
        header = tracefile.describe_checkpoint(path)  # also checks the sizes and the file's length
        if header["checkpoint_version"] != 0:
            raise tracefile.TraceError("%s: this port reads version 0 checkpoints alone" % path)
        self.header = header
        self.dim, self.hidden_dim = header["dim"], header["hidden_dim"]
        self.n_layers, self.n_heads, self.n_kv_heads = header["n_layers"], header["n_heads"], header["n_kv_heads"]
        self.vocab_size, self.seq_len = header["vocab_size"], header["seq_len"]
        self.head_size = self.dim // self.n_heads
        kv_dim = self.n_kv_heads * self.head_size
        self._floats = np.memmap(path, dtype="<f4", mode="r", offset=28)
        self._used = 0
        dim, hidden_dim, layers = self.dim, self.hidden_dim, self.n_layers
        self.embedding = self._take(self.vocab_size, dim)
        self.attn_norm = self._take(layers, dim)
        self.wq = self._take(layers, dim, dim)
        self.wk = self._take(layers, kv_dim, dim)
        self.wv = self._take(layers, kv_dim, dim)
        self.wo = self._take(layers, dim, dim)
        self.ffn_norm = self._take(layers, dim)
        self.w1 = self._take(layers, hidden_dim, dim)
        self.w2 = self._take(layers, dim, hidden_dim)
        self.w3 = self._take(layers, hidden_dim, dim)
        self.final_norm = self._take(dim)
        self._take(self.seq_len, self.head_size)  # RoPE tables that llama2.c does not use either
        # A negative vocab_size in the file says that the classifier is a matrix of its own.
        self.classifier = self.embedding if header["shared_classifier"] else self._take(self.vocab_size, dim)

    def _take(self, *shape):
        size = int(np.prod(shape, dtype=np.int64))
        self._used += size
        return np.asarray(self._floats[self._used - size:self._used]).reshape(shape)


def rmsnorm(x, weight):
    scale = np.float32(1) / np.sqrt(np.mean(x * x) + np.float32(1e-5))
    return weight * (scale * x)


def rope(v, position, head_size):
    """Rotates the pairs (v[0], v[1]), (v[2], v[3]), ... of every head; v is heads x head_size."""
    d = np.arange(0, head_size, 2, dtype=np.float32)
    angle = np.float32(position) / np.float32(10000) ** (d / np.float32(head_size))
    cos, sin = np.cos(angle), np.sin(angle)
    rotated = np.empty_like(v)
    rotated[:, 0::2] = v[:, 0::2] * cos - v[:, 1::2] * sin
    rotated[:, 1::2] = v[:, 0::2] * sin + v[:, 1::2] * cos
    return rotated


def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def swiglu(gate, up):
    # exp overflows to infinity below -88, and gate / infinity is the right limit.
    with np.errstate(over="ignore"):
        return gate / (np.float32(1) + np.exp(-gate)) * up


def forward(m, token, position, keys, values, trace):
    """Logits after `token` at `position`. The caches are layers x seq_len x kv heads x head_size."""
    group = m.n_heads // m.n_kv_heads
    x = m.embedding[token].copy()
    trace.record("x.embed", None, position, x)
    for layer in range(m.n_layers):
        xb = rmsnorm(x, m.attn_norm[layer])
        trace.record("xb.attn_norm", layer, position, xb)
        q, k, v = m.wq[layer] @ xb, m.wk[layer] @ xb, m.wv[layer] @ xb
        trace.record("q.proj", layer, position, q)
        trace.record("k.proj", layer, position, k)
        trace.record("v.proj", layer, position, v)
        q = rope(q.reshape(m.n_heads, m.head_size), position, m.head_size)
        k = rope(k.reshape(m.n_kv_heads, m.head_size), position, m.head_size)
        trace.record("q.rope", layer, position, q.reshape(-1))
        trace.record("k.rope", layer, position, k.reshape(-1))
        keys[layer, position] = k
        values[layer, position] = v.reshape(m.n_kv_heads, m.head_size)

        # Head h reads kv head h / group. (heads, 1, size) @ (heads, size, pos + 1) is one row of scores per head.
        past_keys = np.repeat(keys[layer, :position + 1], group, axis=1).transpose(1, 2, 0)
        past_values = np.repeat(values[layer, :position + 1], group, axis=1).transpose(1, 0, 2)
        att = (q[:, None, :] @ past_keys)[:, 0, :] / np.sqrt(np.float32(m.head_size))
        trace.record("att.scores", layer, position, att)
        att = softmax(att)
        trace.record("att.softmax", layer, position, att)
        xb = (att[:, None, :] @ past_values).reshape(-1)
        trace.record("xb.attn", layer, position, xb)
        xb2 = m.wo[layer] @ xb
        trace.record("xb2.wo", layer, position, xb2)
        x = x + xb2
        trace.record("x.attn_residual", layer, position, x)

        xb = rmsnorm(x, m.ffn_norm[layer])
        trace.record("xb.ffn_norm", layer, position, xb)
        hb, hb2 = m.w1[layer] @ xb, m.w3[layer] @ xb
        trace.record("hb.w1", layer, position, hb)
        trace.record("hb2.w3", layer, position, hb2)
        hb = swiglu(hb, hb2)
        trace.record("hb.swiglu", layer, position, hb)
        xb = m.w2[layer] @ hb
        trace.record("xb.w2", layer, position, xb)
        x = x + xb
        trace.record("x.ffn_residual", layer, position, x)
    x = rmsnorm(x, m.final_norm)
    trace.record("x.final_norm", None, position, x)
    logits = m.classifier @ x
    trace.record("logits", None, position, logits)
    return logits


def run(checkpoint, trace_path, tokens):
    """Runs the checkpoint over `tokens` (ids) and writes the trace. Raises TraceError or OSError."""
    m = Model(checkpoint)
    if os.path.exists(trace_path) and os.path.samefile(checkpoint, trace_path):
        raise tracefile.TraceError("the trace would replace the checkpoint", path=trace_path)
    if len(tokens) > m.seq_len:
        raise tracefile.TraceError("number of tokens", expected="at most %d" % m.seq_len, found=len(tokens))
    for token in tokens:
        if not 0 <= token < m.vocab_size:
            raise tracefile.TraceError("token", expected="0 to %d" % (m.vocab_size - 1), found=token)
    keys = np.zeros((m.n_layers, len(tokens), m.n_kv_heads, m.head_size), dtype=np.float32)
    values = np.zeros_like(keys)
    header = dict(m.header, producer="numpy port 1.0", precision="f32", forced_tokens=1, steps=len(tokens))
    with tracefile.TraceWriter(trace_path, header) as trace:
        for position, token in enumerate(tokens):
            trace.token(position, token)
            forward(m, token, position, keys, values, trace)


def main(arguments):
    try:
        checkpoint, trace_path = arguments[:2]
        tokens = [int(token) for token in arguments[2:]]
        if not tokens:
            raise ValueError
    except ValueError:
        print("port.py: usage: port.py CHECKPOINT TRACE TOKEN...", file=sys.stderr)
        return 2
    try:
        run(checkpoint, trace_path, tokens)
    except (tracefile.TraceError, OSError) as error:
        print("port.py: %s" % error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
