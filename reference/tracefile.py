#!/usr/bin/env python3
"""Reads and writes trace files (docs/trace-format.md, version 1). One file; needs numpy alone, Python 3.9 or later.

Emitting from a port that runs in Python:

    import tracefile
    header = tracefile.describe_checkpoint("model.bin")
    header["producer"] = "myport 1.2"
    with tracefile.TraceWriter("myport.trace", header) as trace:
        for position, token in enumerate(tokens):
            trace.token(position, token)
            trace.record("x.embed", None, position, x)
            for layer in range(n_layers):
                trace.record("xb.attn_norm", layer, position, xb)
                ...

Reading, and writing what was read:

    trace = tracefile.read_trace("myport.trace")
    trace.header["dim"], trace.tokens[3], trace.records["q.rope", 0, 3]
    tracefile.write_trace("copy.trace", trace.header, trace.tokens, trace.records)

A record's key is (site, layer, position), with layer None for a site outside the layers. Its array has the dtype
float32, float64, float16 or int8, or is a `BFloat16Array`: numpy has no bfloat16, so such a record is read as
float32 values (each bfloat16 is exactly a float32) in a subclass of ndarray that makes it bfloat16 again when it is
written.

Every rule of the format is checked, on reading and on writing; a broken one raises `TraceError`, which carries the
byte offset, what was expected and what was found. A file that was cut short or damaged does not raise: what is
readable is returned, and `Trace.problems` says what is missing.

As a program: `python3 tracefile.py TRACE` prints the header and a line per site; `--sites` prints the site table.
"""

import mmap
import operator
import os
import re
import stat
import struct
import sys

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None

import numpy as np

__all__ = [
    "SITES", "BFloat16Array", "Checksum", "Token", "Trace", "TraceError", "TraceWriter", "bfloat16", "checksum",
    "describe_checkpoint", "execution_order", "read_trace", "write_trace",
]

#: The sites in the order of execution within one position. `x.embed` precedes the layers, the last four follow them.
SITES = (
    "x.embed",
    "xb.attn_norm", "xq.attn_norm", "xs.attn_norm", "q.proj", "k.proj", "v.proj", "q.rope", "k.rope",
    "att.scores", "att.softmax", "xb.attn", "xq.attn", "xs.attn", "xb2.wo", "x.attn_residual",
    "xb.ffn_norm", "xq.ffn_norm", "xs.ffn_norm", "hb.w1", "hb2.w3", "hb.swiglu", "hq.swiglu", "hs.swiglu",
    "xb.w2", "x.ffn_residual",
    "x.final_norm", "xq.final_norm", "xs.final_norm", "logits",
)

_RANK = {name: rank for rank, name in enumerate(SITES)}
_BEFORE_LAYERS = SITES[:1]
_AFTER_LAYERS = SITES[-4:]

VERSION = 1
_MAGIC = b"\x89L2TRC\r\n"
_ALIGNMENT = 64
_HEADER_HEAD = 128
_MAX_HEADER_BODY = 1 << 24
_MAX_PRODUCER = 64
_MAX_FIELD_NAME = 64
_MAX_NAME = 255
_MAX_RANK = 4
_POSITIONS = 1 << 31
_NO_NAME = 0xFFFFFFFF
_CHECKSUM_OFFSET = 16

#: Positions that `Trace.tokens` can list. The format allows 2^31, but a list indexed by position must be as long as the
#: highest one, and a file of 300 bytes should not be able to ask for 16 GB.
MAX_LISTED_POSITIONS = 1 << 24

_FIELD_NAME = re.compile(rb"[a-z0-9_]{1,64}\Z")
_SITE_NAME = re.compile(rb"[!-~]{1,255}\Z")
_FORBIDDEN_IN_SITE = re.compile(rb"[,*?=]")

#: Type of each field that the format knows: i integer, r real, t text.
_FIELD_TYPES = {
    "checkpoint_fingerprint": "t", "checkpoint_version": "i", "dim": "i", "hidden_dim": "i", "n_layers": "i",
    "n_heads": "i", "n_kv_heads": "i", "vocab_size": "i", "seq_len": "i", "first_layer": "i", "last_layer": "i",
    "first_position": "i", "last_position": "i", "forced_tokens": "i", "group_size": "i", "part": "i", "parts": "i",
    "precision": "t", "prompt": "t", "rms_norm_eps": "r", "rope_base": "r", "seed": "i", "top_p": "r",
    "shared_classifier": "i", "sites": "t", "steps": "i", "temperature": "r",
}

_FLOAT32, _FLOAT64, _FLOAT16, _BFLOAT16, _INT8 = 1, 2, 3, 4, 5
_STORED = {
    _FLOAT32: np.dtype("<f4"), _FLOAT64: np.dtype("<f8"), _FLOAT16: np.dtype("<f2"), _BFLOAT16: np.dtype("<u2"),
    _INT8: np.dtype("i1"),
}
_OUTPUT = "standard output"
_CODES = {("f", 4): _FLOAT32, ("f", 8): _FLOAT64, ("f", 2): _FLOAT16, ("i", 1): _INT8}

_ENTRY = np.dtype([("offset", "<u8"), ("name", "<u4"), ("layer", "<i4"), ("position", "<u4"), ("zero", "<u4")])


class TraceError(ValueError):
    """A broken rule of the trace format, in a file that is read or in what was asked to be written; or a checkpoint
    that is none.

    `path` and `offset` (bytes from the start of the file) say where, `expected` and `found` what; each is None where it
    has no meaning.
    """

    def __init__(self, what, offset=None, expected=None, found=None, path=None):
        self.what, self.offset, self.expected, self.found, self.path = what, offset, expected, found, path
        super().__init__(what)

    def __str__(self):
        text = self.what
        if self.offset is not None:
            text += " at offset %d" % self.offset
        if self.expected is not None:
            text += ": expected %s, found %s" % (self.expected, _shown(self.found))
        return text if self.path is None else "%s: %s" % (self.path, text)


def _shown(value, limit=80):
    """`value` for a message: text as it is, anything else as Python writes it, and not longer than a line."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


class Token(int):
    """The input token of a position: its id, and in `text` the bytes of its piece, or None where they are unknown.

    In `Trace.tokens`, -1 stands for a position without a token.
    """

    def __new__(cls, value, text=None):
        self = super().__new__(cls, value)
        self.text = text
        return self

    def __getnewargs__(self):
        return int(self), self.text


class BFloat16Array(np.ndarray):
    """A float32 array whose every element is a bfloat16: its low 16 bits are zero.

    It behaves as the float32 array that it is; only `write_trace` and `TraceWriter.record` look at the class, store 16
    bits per element, and refuse an element that would not survive. Slices keep the class; results of arithmetic are
    plain float32 arrays, since they need not be bfloat16. See `bfloat16` to make one.
    """

    def __array_wrap__(self, array, context=None, return_scalar=False):
        if array is self:
            return array
        plain = array.view(np.ndarray)
        return plain[()] if return_scalar else plain


def bfloat16(values):
    """`values`, rounded to bfloat16 (to nearest, ties to even), as a new `BFloat16Array` of the same shape.

    A NaN stays a NaN, an infinity an infinity. An array of uint16 is taken as bfloat16 bit patterns, and so is one of a
    numpy extension's own type bfloat16; all else is converted to float32 first.
    """
    array = np.asarray(values)
    # Flat, because numpy's arithmetic on an array of rank 0 yields scalars, which warn where arrays wrap around.
    flat = array.reshape(-1)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        bits = flat.astype(np.uint32) << np.uint32(16)
    elif _is_foreign_bfloat16(array.dtype):
        bits = flat.view(np.uint16).astype(np.uint32) << np.uint32(16)
    else:
        flat = flat.astype(np.float32)
        bits = flat.view(np.uint32)
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        # Adding to a NaN's bits could carry it into the sign or down to infinity, so a NaN is truncated and made quiet.
        bits = np.where(np.isnan(flat), bits | np.uint32(0x400000), rounded) & np.uint32(0xFFFF0000)
    return bits.astype(np.uint32, copy=False).view(np.float32).reshape(array.shape).view(BFloat16Array)


def _is_foreign_bfloat16(dtype):
    """Whether `dtype` is the bfloat16 that packages such as ml_dtypes register with numpy."""
    return dtype.name == "bfloat16" and dtype.itemsize == 2


class Trace:
    """What `read_trace` returns.

    `header`    dict from field names to int, float or str, "producer" included; bytes of a text that are not UTF-8
                become surrogate escapes, so that no byte is lost.
    `tokens`    list of `Token`, indexed by position; -1 where a position has none.
    `records`   dict from (site, layer or None, position) to an array, in the order of the file. Arrays are read-only
                views of the mapped file, except bfloat16 ones.
    `problems`  list of str: what is cut short or damaged, in the order of the file.
    `complete`  whether there are no problems.
    """

    def __init__(self, header, tokens, records, problems):
        self.header, self.tokens, self.records, self.problems = header, tokens, records, problems

    @property
    def complete(self):
        return not self.problems

    def __repr__(self):
        return "<Trace by %r: %d tokens, %d records%s>" % (
            self.header["producer"], sum(token >= 0 for token in self.tokens), len(self.records),
            "" if self.complete else ", %d problems" % len(self.problems))


def execution_order(key):
    """A sort key for (site, layer or None, position): position, then the site table through the layers.

    Names outside the table come after the table's names of their layer, sorted by name; where they have no layer, they
    come after `logits`.
    """
    site, layer, position = key
    if layer is None:
        layer = -1 if site in _BEFORE_LAYERS else _POSITIONS
    return position, layer, _RANK.get(site, len(SITES)), site


# The checksum

_MASK = (1 << 64) - 1
_G = 0x9E3779B97F4A7C15
_M = 0x9FB21C65
_F1 = 0xFF51AFD7ED558CCD
_F2 = 0xC4CEB9FE1A85EC53

# A block and its two temporaries take 3 x 128 KB, which stays in a core's second-level cache; smaller blocks
# pay more for numpy's calls, larger ones for memory.
_BLOCK_WORDS = 1 << 14
_WORD = np.dtype("<u8")
_STEPS = np.arange(1, _BLOCK_WORDS + 1, dtype=np.uint64) * np.uint64(_G)


def _sum_of_terms(words, first):
    """Sum modulo 2^64 of the terms of `words` (uint64), of which the first one is word number `first`."""
    total = 0
    length = min(words.size, _BLOCK_WORDS)
    terms = np.empty(length, dtype=np.uint64)
    shifted = np.empty(length, dtype=np.uint64)
    for start in range(0, words.size, _BLOCK_WORDS):
        block = words[start:start + _BLOCK_WORDS]
        t, s = terms[:block.size], shifted[:block.size]
        np.add(_STEPS[:block.size], np.uint64(((first + start) * _G) & _MASK), out=t)
        np.bitwise_xor(t, block, out=t)
        np.right_shift(t, np.uint64(32), out=s)
        np.bitwise_xor(t, s, out=t)
        np.multiply(t, np.uint64(_M), out=t)
        np.right_shift(t, np.uint64(29), out=s)
        np.bitwise_xor(t, s, out=t)
        total += int(np.add.reduce(t))
    return total & _MASK


def _term(word, number):
    """The term of one word, as `_sum_of_terms` adds it."""
    t = word ^ (((number + 1) * _G) & _MASK)
    t ^= t >> 32
    t = (t * _M) & _MASK
    return t ^ (t >> 29)


def _finish(total, length):
    h = total ^ ((length * _G) & _MASK)
    h ^= h >> 33
    h = (h * _F1) & _MASK
    h ^= h >> 33
    h = (h * _F2) & _MASK
    return h ^ (h >> 33)


def _as_bytes(data):
    """`data` (bytes-like, or an array of any dtype) as a flat uint8 array; copied only where it is not contiguous."""
    if isinstance(data, np.ndarray):
        return np.asarray(data, order="C").reshape(-1).view(np.uint8)
    view = memoryview(data)
    return np.frombuffer(view, dtype=np.uint8) if view.nbytes else np.empty(0, dtype=np.uint8)


class Checksum:
    """The format's checksum of bytes that arrive in pieces: `update` with each, then `value()`.

    Memory stays below a megabyte whatever the size of a piece. The value is that of the pieces joined together.
    """

    def __init__(self):
        self._total = 0
        self._words = 0
        self._rest = b""

    def update(self, data):
        """Appends the bytes of `data`: bytes-like or a numpy array (its values in row-major order)."""
        piece = _as_bytes(data)
        if self._rest:
            wanted = 8 - len(self._rest)
            self._rest += piece[:wanted].tobytes()
            piece = piece[wanted:]
            if len(self._rest) < 8:
                return
            self._total += _term(int.from_bytes(self._rest, "little"), self._words)
            self._words += 1
            self._rest = b""
        whole = piece.size & ~7
        self._total += _sum_of_terms(piece[:whole].view(_WORD), self._words)
        self._words += whole >> 3
        self._rest = piece[whole:].tobytes()

    def value(self):
        """The checksum of all bytes so far, an int from 0 to 2^64 - 1."""
        total, length = self._total, self._words * 8 + len(self._rest)
        if self._rest:
            total += _term(int.from_bytes(self._rest, "little"), self._words)
        return _finish(total & _MASK, length)


def checksum(data, *more):
    """The format's checksum of the bytes of `data` (bytes-like or a numpy array), followed by those of `more`.

    An int from 0 to 2^64 - 1; `"%016x" % checksum(...)` is how a fingerprint is written.
    """
    state = Checksum()
    for piece in (data,) + more:
        state.update(piece)
    return state.value()


def _aligned(size, alignment=_ALIGNMENT):
    return (size + alignment - 1) // alignment * alignment


# Encoding

def _chunk(head, body=b""):
    """A chunk as a list of buffers: `head` with its checksum, `body`, padding. `head` holds its length already."""
    padding = bytes(-(len(head) + len(body)) % _ALIGNMENT)
    value = checksum(head, body, padding)
    head = head[:_CHECKSUM_OFFSET] + struct.pack("<Q", value) + head[_CHECKSUM_OFFSET + 8:]
    return [head, body, padding]


def _integer(value, what, low, high):
    """`value` as an int from `low` to `high`, or a TraceError that names `what`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TraceError(what, expected="an integer", found=value) from None
    if not low <= number <= high:
        raise TraceError(what, expected="%d to %d" % (low, high), found=number)
    return number


def _text_bytes(value, what):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if not isinstance(value, str):
        raise TraceError(what, expected="text (str or bytes)", found=value)
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise TraceError(what, expected="text that UTF-8 can hold", found=value) from None


def _encoded_field(name, value):
    """One header field. Its type follows from the name where the format knows it, else from the value."""
    if not isinstance(name, str) or not _FIELD_NAME.match(name.encode("utf-8", "replace")):
        raise TraceError("name of a header field", expected="1 to 64 of the characters a-z, 0-9 and _", found=name)
    what = "header field %s" % name
    kind = _FIELD_TYPES.get(name)
    if kind is None:
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            kind = "t"
        elif isinstance(value, (float, np.floating)):
            kind = "r"
        elif hasattr(value, "__index__"):
            kind = "i"
        else:
            raise TraceError(what, expected="an integer, a float or text", found=value)
    start = kind.encode() + bytes([len(name)]) + name.encode()
    if kind == "i":
        return start + struct.pack("<q", _integer(value, what, -(1 << 63), (1 << 63) - 1))
    if kind == "r":
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise TraceError(what, expected="a number", found=value)
        try:
            return start + struct.pack("<d", value)
        except (OverflowError, struct.error):
            raise TraceError(what, expected="a number that float64 can hold", found=value) from None
    text = _text_bytes(value, what)
    return start + struct.pack("<I", _integer(len(text), "length of %s" % what, 0, _MAX_HEADER_BODY)) + text


def _encoded_header(header):
    """The header chunk of `header`, a dict of fields that must contain "producer"."""
    try:
        fields = dict(header)
    except (TypeError, ValueError):
        raise TraceError("header", expected="a dict", found=header) from None
    if "producer" not in fields:
        raise TraceError('the header has no "producer": set header["producer"] to the program\'s name and version, '
                         'for example "myport 1.2"')
    producer = fields.pop("producer")
    if not isinstance(producer, str):
        raise TraceError("producer", expected="text (str)", found=producer)
    try:
        encoded = producer.encode("utf-8")
    except UnicodeEncodeError:
        raise TraceError("producer", expected="text that UTF-8 can hold", found=producer) from None
    if not 1 <= len(encoded) <= _MAX_PRODUCER or b"\0" in encoded:
        raise TraceError("producer", expected="1 to 64 bytes of UTF-8, none of them zero", found=producer)
    for name in fields:
        if not isinstance(name, str):
            raise TraceError("name of a header field", expected="text (str)", found=name)
    body = b"".join(_encoded_field(name, fields[name]) for name in sorted(fields))
    if len(body) > _MAX_HEADER_BODY:
        raise TraceError("length of the header's fields", expected="at most %d bytes" % _MAX_HEADER_BODY,
                         found=len(body))
    head = struct.pack("<8sIIQQ32x64s", _MAGIC, VERSION, len(fields), 0, len(body), encoded)
    return _chunk(head, body)


def _encoded_token(position, value, text):
    if text is not None:
        text = _text_bytes(text, "text of the token at position %d" % position)
    body = text or b""
    return _chunk(struct.pack("<4siIIQQ", b"TOKN", value, text is not None, position, 0, len(body)), body)


def _encoded_name(site):
    """`site` as the format's bytes, or a TraceError."""
    name = site.encode("ascii", "replace") if isinstance(site, str) else b""
    if not _SITE_NAME.match(name) or _FORBIDDEN_IN_SITE.search(name):
        raise TraceError("name of a record", expected="1 to 255 printable ASCII characters without , * ? = and spaces",
                         found=site)
    return name


def _stored_form(array, what):
    """The dtype code, and the array whose row-major bytes are the payload. Nothing is copied that is stored already."""
    try:
        array = np.asanyarray(array)
    except ValueError:
        raise TraceError("shape of %s" % what, expected="rows of one length", found=array) from None
    if array.ndim > _MAX_RANK:
        raise TraceError("shape of %s" % what, expected="at most 4 dimensions", found=array.shape)
    for size in array.shape:
        _integer(size, "dimension of %s" % what, 0, (1 << 32) - 1)
    if _is_foreign_bfloat16(array.dtype):
        return _BFLOAT16, np.asarray(np.asarray(array).view(np.uint16), dtype="<u2", order="C")
    if isinstance(array, BFloat16Array) and array.dtype.kind == "f" and array.dtype.itemsize == 4:
        bits = np.asarray(array, dtype="<f4", order="C").view("<u4")
        lost = np.flatnonzero(bits & np.uint32(0xFFFF))
        if lost.size:
            raise TraceError("element %d of %s" % (lost[0], what), found=float(array.reshape(-1)[lost[0]]),
                             expected="a bfloat16 (round the array with tracefile.bfloat16)")
        return _BFLOAT16, np.asarray(bits >> np.uint32(16), dtype="<u2")
    code = _CODES.get((array.dtype.kind, array.dtype.itemsize))
    if code is None:
        raise TraceError("dtype of %s" % what, found=str(array.dtype),
                         expected="float32, float64, float16, int8 or a BFloat16Array")
    return code, np.asarray(array, dtype=_STORED[code], order="C")


def _described(site, layer, position):
    return "%s, %sposition %d" % (site, "" if layer is None else "layer %d, " % layer, position)


def _checked_key(site, layer, position):
    """(name as bytes, layer or None, position), or a TraceError."""
    name = _encoded_name(site)
    if layer is not None:
        layer = _integer(layer, "layer of %s" % site, -1, (1 << 31) - 1)
    position = _integer(position, "position of %s" % site, 0, _POSITIONS - 1)
    return name, None if layer == -1 else layer, position


class _Seen:
    """A set of (name number, layer, position) in about a bit per member: positions mostly come without gaps."""

    def __init__(self):
        self._masks = {}

    def add(self, name, layer, position):
        """Adds a member; returns whether it was new."""
        key, bit = (name, layer, position >> 6), 1 << (position & 63)
        mask = self._masks.get(key, 0)
        self._masks[key] = mask | bit
        return not mask & bit

    def __contains__(self, member):
        name, layer, position = member
        return bool(self._masks.get((name, layer, position >> 6), 0) >> (position & 63) & 1)


# Writing

class TraceWriter:
    """Writes a trace while a run goes on.

    The header is written when the writer is made; every token and record is handed to the kernel before the call
    returns, so that a program that dies loses nothing that it had emitted. A regular file is called PATH.partial until
    `close` has written the index; then it is renamed to PATH, replacing what was there. A pipe or a device is written
    directly, and "-" is standard output. Memory grows by 24 bytes per token and record, and a little per site and
    layer.

    As a context manager it closes at the end of the block; when the block raises, it leaves PATH.partial as it is,
    which all tools can read.

    A record of one of the `SITES` must have the shape and the layer of its site, as far as the header has the sizes
    for it; records of other names may have any.

    A call that raises TraceError has written nothing, and the writer can still be used. After an OSError (a full
    disk, a closed pipe), which names the file and the offset, it cannot. One thread at a time.
    """

    def __init__(self, path, header):
        """Opens PATH.partial and writes the header: a dict that must have "producer" (1 to 64 bytes of UTF-8) and may
        have any of the format's fields and others. Integers, floats and text; see `describe_checkpoint`.
        """
        chunk = _encoded_header(header)
        self.path = os.fspath(path)
        self._is_output = self.path in ("-", b"-")
        self._direct = self._is_output or _is_written_directly(self.path)
        self.partial_path = self.path
        if not self._direct:
            self.partial_path += b".partial" if isinstance(self.path, bytes) else ".partial"
            # A file of that name may be mapped by whoever reads it (to save what it holds, say): it is unlinked and not
            # truncated, so that what is mapped stays.
            try:
                os.unlink(self.partial_path)
            except FileNotFoundError:
                pass
        self._shapes = _SiteShapes(header)
        self._offset = 0
        self._names = {}
        self._entries = bytearray()
        self._seen = _Seen()
        self._failed = False
        if self._is_output:
            self._file = open(1, "wb", buffering=0, closefd=False)
        else:
            self._file = open(self.partial_path, "wb" if self._direct else "xb", buffering=0, opener=_open_above_errors)
        try:
            self._write(chunk)
        except BaseException:
            self.abandon()
            raise

    def token(self, position, id, text=None):
        """Writes the input token of `position`, which must come before the first record of that position.

        `id` is from 0 to 2^31 - 1; `text` is the piece's bytes (or a str, stored as UTF-8), None where it is unknown.
        Raises TraceError for a second token of a position.
        """
        position = _integer(position, "position of a token", 0, _POSITIONS - 1)
        id = _integer(id, "token at position %d" % position, 0, (1 << 31) - 1)
        chunk = _encoded_token(position, id, text)
        self._check_open()
        if not self._seen.add(_NO_NAME, None, position):
            raise TraceError("position %d has a token already" % position)
        self._append(chunk, _NO_NAME, None, position)

    def record(self, site, layer, position, array):
        """Writes one record: the values that `array` (rank 0 to 4) holds now, in its dtype and shape.

        `layer` is None for a site outside the layers. Raises TraceError for a bad name, shape or dtype, for a position
        without a token, and for a record that was written already.
        """
        name, layer, position = _checked_key(site, layer, position)
        what = _described(site, layer, position)
        code, stored = _stored_form(array, what)
        if self._shapes is not None:
            self._shapes.check(site, layer, position, stored.shape, what)
        self._check_open()
        if (_NO_NAME, None, position) not in self._seen:
            raise TraceError("%s: position %d has no token yet; call token(%d, id) first" % (what, position, position))
        number = self._names.get(name, len(self._names))
        if not self._seen.add(number, layer, position):
            raise TraceError("%s is written already" % what)
        self._names[name] = number
        dimensions = stored.shape + (0,) * (_MAX_RANK - stored.ndim)
        head = struct.pack("<4sBBHiIQQ4I", b"TENS", code, stored.ndim, len(name), -1 if layer is None else layer,
                           position, 0, stored.nbytes, *dimensions) + name
        self._append(_chunk(head.ljust(_aligned(len(head)), b"\0"), _as_bytes(stored)), number, layer, position)

    def close(self):
        """Writes the index and renames the file. Does nothing when it was done, or after `abandon`."""
        if self._file is None:
            return
        self._check_open()
        names = b"".join(struct.pack("<H", len(name)) + name for name in self._names)
        body = names.ljust(_aligned(len(names), 8), b"\0") + self._entries
        index = self._offset
        self._write(_chunk(struct.pack("<4sIQQQ32x", b"INDX", len(self._names), len(self._entries) // _ENTRY.itemsize,
                                       0, len(body)), body))
        self._write(_chunk(struct.pack("<4sIQQQ32x", b"TAIL", 0, index, 0, 0)))
        self.abandon()
        if not self._direct:
            os.replace(self.partial_path, self.path)

    def abandon(self):
        """Closes the file as it is: without an index, and under its name PATH.partial."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _check_open(self):
        if self._file is None:
            raise TraceError("the trace is closed", path=self.path)
        if self._failed:
            raise TraceError("an earlier write failed, so nothing can follow it", path=self.path)

    def _append(self, chunk, number, layer, position):
        entry = struct.pack("<QIiII", self._offset, number, -1 if layer is None else layer, position, 0)
        self._write(chunk)
        self._entries += entry

    def _write(self, chunk):
        """Hands a chunk to the kernel. Whatever interrupts it leaves half a chunk, after which nothing may follow."""
        self._failed = True
        size = sum(len(piece) for piece in chunk)
        if size <= 1 << 20:
            # One call costs less than three, unless copying the payload costs more.
            chunk = [b"".join(memoryview(piece) for piece in chunk)]
        for piece in chunk:
            rest = memoryview(piece)
            while rest.nbytes:
                try:
                    written = self._file.write(rest)
                except OSError as error:
                    where = _OUTPUT if self._is_output else os.fsdecode(self.partial_path)
                    raise OSError(error.errno, "%s, at offset %d" % (error.strerror, self._offset), where) from None
                if written is None:
                    raise BlockingIOError("%s does not take data now" % self.path)
                rest = rest[written:]
                self._offset += written
        self._failed = False


def _open_above_errors(path, flags):
    """Opens a file, never as standard input, output or error: where one of these is closed, the next file gets its
    number, and what the program or a library prints would go into the trace."""
    file = os.open(path, flags, 0o666)
    if file > 2 or fcntl is None:
        return file
    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(file)


class _SiteShapes:
    """The shape and the layer that a record of each of the `SITES` must have, as far as the header has the sizes."""

    def __init__(self, header):
        self._layers = header.get("n_layers")
        dim, hidden_dim = header.get("dim"), header.get("hidden_dim")
        heads, kv_heads, group = header.get("n_heads"), header.get("n_kv_heads"), header.get("group_size")
        self._heads = heads
        kv_dim = dim // heads * kv_heads if None not in (dim, heads, kv_heads) and heads > 0 else None
        sizes = {"q": dim, "k": kv_dim, "v": kv_dim, "hb": hidden_dim, "hb2": hidden_dim, "hq": hidden_dim,
                 "logits": header.get("vocab_size"), "xs": dim // group if dim and group else None,
                 "hs": hidden_dim // group if hidden_dim and group else None, "att": None}
        self._sizes = {site: sizes.get(site.split(".")[0], dim) for site in SITES}

    def check(self, site, layer, position, shape, what):
        """Raises TraceError for a record that cannot be one of its site."""
        if site not in _RANK:
            return
        if site in _BEFORE_LAYERS + _AFTER_LAYERS:
            if layer is not None:
                raise TraceError("layer of %s" % what, expected="None: the site is outside the layers", found=layer)
        elif layer is None or (self._layers is not None and layer >= self._layers):
            expected = "a layer" if self._layers is None else "0 to %d" % (self._layers - 1)
            raise TraceError("layer of %s" % what, expected=expected, found=layer)
        size = self._sizes[site]
        if site.startswith("att.") and self._heads is not None:
            expected = self._heads, position + 1
        elif size is not None:
            expected = size,
        else:
            return
        if shape != expected:
            raise TraceError("shape of %s" % what, expected=str(expected), found=str(shape))


def _is_written_directly(path):
    """Whether `path` is no regular file, or the name of a file that is open already, which a rename cannot replace."""
    if os.fsdecode(path).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def write_trace(path, header, tokens, records):
    """Writes a complete trace, in execution order.

    `header`   dict of fields, with "producer" (see `TraceWriter`).
    `tokens`   the token ids by position; -1 where a position has none. A `Token` carries its text, a plain int has none.
    `records`  dict from (site, layer or None, position) to an array of rank 0 to 4 and of dtype float32, float64,
               float16 or int8, or a `BFloat16Array`.

    Everything but the shapes of sites is checked before anything is written: TraceError says what is wrong, and the
    file at `path` stays as it was. Then PATH.partial is written and renamed to PATH.
    """
    _encoded_header(header)
    checked_tokens = {}
    try:
        tokens = list(tokens)
    except TypeError:
        raise TraceError("tokens", expected="a list", found=tokens) from None
    for position, token in enumerate(tokens):
        if _integer(token, "token at position %d" % position, -1, (1 << 31) - 1) >= 0:
            text = getattr(token, "text", None)
            if text is not None:
                text = _text_bytes(text, "text of the token at position %d" % position)
            checked_tokens[position] = int(token), text
    checked_records = {}
    if not hasattr(records, "items"):
        raise TraceError("records", expected="a dict", found=records)
    for key, array in records.items():
        if not isinstance(key, tuple) or len(key) != 3:
            raise TraceError("key of a record", expected="(site, layer or None, position)", found=key)
        _, layer, position = _checked_key(*key)
        what = _described(key[0], layer, position)
        if position not in checked_tokens:
            raise TraceError("%s: position %d has no token in `tokens`" % (what, position))
        _stored_form(array, what)
        if (key[0], layer, position) in checked_records:
            raise TraceError("%s is there twice, as layer None and layer -1" % what)
        checked_records[key[0], layer, position] = array
    order = sorted(checked_records, key=execution_order)
    with TraceWriter(path, header) as trace:
        trace._shapes = None  # what was read must be written again, and the format leaves shapes to the tools
        following = 0
        for position, (token, text) in sorted(checked_tokens.items()):
            trace.token(position, token, text)
            while following < len(order) and order[following][2] == position:
                trace.record(*order[following], checked_records[order[following]])
                following += 1


# Reading

class _Chunk:
    """A chunk that follows every rule: `end` is the offset after its padding; the rest depends on the kind."""

    __slots__ = ("kind", "end", "name", "layer", "position", "value")

    def __init__(self, kind, end, name=None, layer=None, position=None, value=None):
        self.kind, self.end, self.name, self.layer, self.position, self.value = kind, end, name, layer, position, value


class _Misfit(Exception):
    """No chunk is here: its kind is unknown, or it does not fit into the space."""


class _Reader:
    """One pass over the bytes of a trace file."""

    def __init__(self, buffer, path):
        self.path = path
        self.data = memoryview(buffer)
        self.bytes = _as_bytes(self.data)
        self.size = self.bytes.size
        self.problems = []
        self.tokens = {}
        self.records = {}
        self.damaged = False
        # A file can be made so that everywhere in it something looks like a chunk that fills the rest of it. No more
        # bytes than these are summed in vain, so that reading takes time proportional to the file's length.
        self.budget = 16 * self.size + (1 << 20)

    def fail(self, what, offset=None, expected=None, found=None):
        raise TraceError(what, offset, expected, found, self.path)

    def read(self):
        header, start = self.header()
        entries = self.index(start)
        if entries is None:
            self.walk(start)
        else:
            self.follow(*entries)
        tokens = []
        if self.tokens:
            tokens = [Token(-1)] * (max(self.tokens) + 1)
            for position, token in self.tokens.items():
                tokens[position] = token
        return Trace(header, tokens, self.records, self.problems)

    # Parts of a chunk

    def unpack(self, form, offset):
        return struct.unpack_from(form, self.data, offset)

    def checksum_is_right(self, start, end):
        """Whether the bytes from `start` to `end` (multiples of 64, within the file) are those the checksum was of."""
        stored, = self.unpack("<Q", start + _CHECKSUM_OFFSET)
        total = _sum_of_terms(self.bytes[start:end].view(_WORD), 0)
        # The sum took the stored checksum for what it is; it was made with a zero there.
        number = _CHECKSUM_OFFSET // 8
        total = total - _term(stored, number) + _term(0, number)
        return _finish(total & _MASK, end - start) == stored

    def check_zero(self, start, end, what):
        wrong = np.flatnonzero(self.bytes[start:end])
        if wrong.size:
            offset = start + int(wrong[0])
            self.fail(what, offset, "zero", int(self.bytes[offset]))

    # The header

    def header(self):
        """The header's fields, and the offset after it. Raises where it is not good: without it nothing is known."""
        if self.size < _HEADER_HEAD:
            if bytes(self.data[:8]) != _MAGIC[:self.size]:
                self.fail("not a trace: magic", 0, repr(_MAGIC), bytes(self.data[:8]))
            self.fail("the trace is cut short in its header", 0, "at least %d bytes" % _HEADER_HEAD, self.size)
        magic, version, count, _, length = self.unpack("<8sIIQQ", 0)
        if magic != _MAGIC:
            self.fail("not a trace: magic", 0, repr(_MAGIC), magic)
        if version != VERSION:
            self.fail("version of the trace format", 8, str(VERSION), version)
        if length > _MAX_HEADER_BODY:
            self.fail("length of the header's fields", 24, "at most %d" % _MAX_HEADER_BODY, length)
        end = _aligned(_HEADER_HEAD + length)
        if end > self.size:
            self.fail("the trace is cut short in its header", 24, "%d bytes" % end, self.size)
        if not self.checksum_is_right(0, end):
            self.fail("the header is damaged: checksum", _CHECKSUM_OFFSET, "that of the header's bytes",
                      "%016x" % self.unpack("<Q", _CHECKSUM_OFFSET))
        self.check_zero(32, 64, "reserved byte of the header")
        self.check_zero(_HEADER_HEAD + length, end, "padding of the header")
        fields = {"producer": self.producer()}
        offset, limit, previous = _HEADER_HEAD, _HEADER_HEAD + length, b""
        for _ in range(count):
            name, value, offset = self.field(offset, limit, previous)
            previous = name
            fields[name.decode("ascii")] = value
        if offset != limit:
            self.fail("end of the header's fields", offset, "offset %d" % limit, offset)
        return fields, end

    def producer(self):
        raw = bytes(self.data[64:_HEADER_HEAD])
        text = raw.split(b"\0", 1)[0]
        if not text:
            self.fail("producer", 64, "text", "nothing")
        self.check_zero(64 + len(text), _HEADER_HEAD, "padding of the producer")
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            self.fail("producer", 64 + error.start, "UTF-8", text)

    def field(self, offset, limit, previous):
        """Name, value and end of the header field at `offset`."""
        def need(start, size):
            if start + size > limit:
                self.fail("header field", offset, "%d bytes before offset %d" % (start + size - offset, limit),
                          limit - offset)
        need(offset, 2)
        kind, length = self.unpack("<cB", offset)
        if kind not in (b"i", b"r", b"t"):
            self.fail("type of a header field", offset, "i, r or t", kind)
        if not 1 <= length <= _MAX_FIELD_NAME:
            self.fail("length of a header field's name", offset + 1, "1 to 64", length)
        need(offset + 2, length)
        name = bytes(self.data[offset + 2:offset + 2 + length])
        if not _FIELD_NAME.match(name):
            self.fail("name of a header field", offset + 2, "characters a-z, 0-9 and _", name)
        if name <= previous:
            self.fail("header field", offset, "a name after %r" % previous.decode("ascii"), name)
        text = name.decode("ascii")
        if text == "producer":
            self.fail("header field", offset, "another name: the producer has its own place", text)
        known = _FIELD_TYPES.get(text, kind.decode())
        if known != kind.decode():
            self.fail("type of header field %s" % text, offset, known, kind)
        start = offset + 2 + length
        if kind == b"t":
            need(start, 4)
            size, = self.unpack("<I", start)
            need(start + 4, size)
            value = bytes(self.data[start + 4:start + 4 + size]).decode("utf-8", "surrogateescape")
            return name, value, start + 4 + size
        need(start, 8)
        value, = self.unpack("<q" if kind == b"i" else "<d", start)
        return name, value, start + 8

    # Chunks

    def span(self, offset, limit):
        """Size of the head and of the body and the end of the chunk at `offset`, which must fit in before `limit`."""
        if limit - offset < _ALIGNMENT:
            raise _Misfit
        kind = bytes(self.data[offset:offset + 4])
        if kind == b"TOKN":
            head = 32
        elif kind == b"TENS":
            head = _aligned(48 + self.unpack("<H", offset + 6)[0])
        elif kind in (b"INDX", b"TAIL"):
            head = 64
        else:
            raise _Misfit
        body, = self.unpack("<Q", offset + 24)
        end = offset + _aligned(head + body)
        if end > limit:
            raise _Misfit
        return kind, head, body, end

    def parse(self, offset, limit):
        """The chunk at `offset`, its checksum aside. Raises _Misfit or, for a broken rule, TraceError."""
        kind, head, body, end = self.span(offset, limit)
        # Before the payload is touched, so that what only looks like a chunk is dismissed at little cost.
        self.check_zero(offset + head + body, end, "padding")
        if kind == b"TOKN":
            chunk = self.parse_token(offset, body, end)
        elif kind == b"TENS":
            chunk = self.parse_record(offset, head, body, end)
        elif kind == b"TAIL":
            if body:
                self.fail("length of the tail's body", offset + 24, "0", body)
            self.check_zero(offset + 4, offset + 8, "reserved byte of the tail")
            self.check_zero(offset + 32, offset + 64, "reserved byte of the tail")
            chunk = _Chunk(kind, end, value=self.unpack("<Q", offset + 8)[0])
        else:
            self.check_zero(offset + 32, offset + 64, "reserved byte of the index")
            chunk = _Chunk(kind, end)
        return chunk

    def parse_token(self, offset, length, end):
        value, known, position = self.unpack("<iII", offset + 4)
        if value < 0:
            self.fail("token", offset + 4, "an id that is not negative", value)
        if known not in (0, 1):
            self.fail("whether the text of the token is known", offset + 8, "0 or 1", known)
        if not known and length:
            self.fail("length of an unknown text", offset + 24, "0", length)
        if position >= MAX_LISTED_POSITIONS:
            self.fail("position of a token", offset + 12, "below %d" % min(_POSITIONS, MAX_LISTED_POSITIONS), position)
        text = bytes(self.data[offset + 32:offset + 32 + length]) if known else None
        return _Chunk(b"TOKN", end, position=position, value=Token(value, text))

    def parse_record(self, offset, head, length, end):
        code, rank, name_length, layer, position = self.unpack("<BBHiI", offset + 4)
        if code not in _STORED:
            self.fail("dtype of a record", offset + 4, "1 to 5", code)
        if rank > _MAX_RANK:
            self.fail("number of dimensions of a record", offset + 5, "0 to 4", rank)
        if not 1 <= name_length <= _MAX_NAME:
            self.fail("length of a record's name", offset + 6, "1 to 255", name_length)
        if layer < -1:
            self.fail("layer of a record", offset + 8, "-1 or more", layer)
        if position >= _POSITIONS:
            self.fail("position of a record", offset + 12, "below %d" % _POSITIONS, position)
        name = self.name(offset + 48, name_length)
        self.check_zero(offset + 48 + name_length, offset + head, "padding of a record's name")
        shape = self.unpack("<%dI" % rank, offset + 32)
        self.check_zero(offset + 32 + 4 * rank, offset + 48, "unused dimension of a record")
        size = _STORED[code].itemsize
        for dimension in shape:
            size *= dimension
        if size != length:
            self.fail("length of a record's payload", offset + 24, "%d, as its dimensions say" % size, length)
        values = self.bytes[offset + head:offset + head + length].view(_STORED[code])
        try:
            values = values.reshape(shape)
        except ValueError:
            # Shapes such as 0 x 4294967295 x 4294967295 x 4294967295: nothing to hold, and yet too much for numpy.
            self.fail("dimensions of a record", offset + 32, "a shape that numpy can hold", shape)
        if code == _BFLOAT16:
            values = bfloat16(values)
        return _Chunk(b"TENS", end, name, None if layer == -1 else layer, position, values)

    def name(self, offset, length):
        raw = bytes(self.data[offset:offset + length])
        if not _SITE_NAME.match(raw) or _FORBIDDEN_IN_SITE.search(raw):
            self.fail("name of a record", offset, "printable ASCII without , * ? = and spaces", raw)
        return raw.decode("ascii")

    def take(self, chunk, offset):
        """Adds a token or a record. Of two copies the first counts. After damage, a missing token is its doing."""
        if chunk.kind == b"TOKN":
            if chunk.position in self.tokens:
                return self.twice("the token of position %d" % chunk.position, offset)
            self.tokens[chunk.position] = chunk.value
            return
        key = chunk.name, chunk.layer, chunk.position
        if key in self.records:
            return self.twice(_described(*key), offset)
        if chunk.position not in self.tokens and not self.damaged:
            self.fail("record %s" % _described(*key), offset, "the token of position %d before it" % chunk.position,
                      "none")
        self.records[key] = chunk.value

    def twice(self, what, offset):
        self.problem("%s is there a second time at offset %d; the first one is used" % (what, offset))

    def problem(self, text):
        self.problems.append(text)

    # With an index

    def index(self, start):
        """The offset of the index, its names and its entries; None where there is no good tail and index.

        Raises for an index that is not damaged and yet breaks a rule.
        """
        tail = self.size - _ALIGNMENT
        if self.size % _ALIGNMENT or tail < start or bytes(self.data[tail:tail + 4]) != b"TAIL":
            return None
        if not self.checksum_is_right(tail, self.size):
            return None
        try:
            offset = self.parse(tail, self.size).value
        except _Misfit:
            return self.fail("length of the tail's body", tail + 24, "0", self.unpack("<Q", tail + 24)[0])
        try:
            if not start <= offset < tail or offset % _ALIGNMENT:
                raise _Misfit
            kind, head, length, end = self.span(offset, tail)
            if kind != b"INDX" or end != tail or not self.checksum_is_right(offset, end):
                raise _Misfit
        except _Misfit:
            self.problem("the tail says that the index is at offset %d, where no good index ends at the tail" % offset)
            return None
        self.parse(offset, tail)
        return offset, *self.entries(offset, head, length, start)

    def entries(self, index, head, length, start):
        """The names and the entries (structured array) of the index at offset `index`."""
        name_count, count = self.unpack("<IQ", index + 4)
        body, end = index + head, index + head + length
        names, offset = [], body
        for _ in range(name_count):
            if offset + 2 > end or offset + 2 + self.unpack("<H", offset)[0] > end:
                self.fail("name in the index", offset, "it before offset %d" % end, "it beyond")
            size, = self.unpack("<H", offset)
            if not 1 <= size <= _MAX_NAME:
                self.fail("length of a name in the index", offset, "1 to 255", size)
            names.append(self.name(offset + 2, size))
            offset += 2 + size
        if len(set(names)) != len(names):
            self.fail("names of the index", body, "each once", "one of them twice")
        first = body + _aligned(offset - body, 8)
        if end - first != count * _ENTRY.itemsize:
            self.fail("length of the index's body", index + 24,
                      "%d for %d entries" % (first - body + count * _ENTRY.itemsize, count), length)
        self.check_zero(offset, first, "padding of the index's names")
        entries = self.bytes[first:end].view(_ENTRY)

        def check(wrong, field, expected):
            places = np.flatnonzero(wrong)
            if places.size:
                place = int(places[0])
                self.fail("%s of entry %d of the index" % (field, place),
                          first + place * _ENTRY.itemsize + _ENTRY.fields[field][1], expected,
                          int(entries[field][place]))

        if count == 0:
            if start != index:
                self.fail("number of entries of the index", index + 8, "some, for the chunks at offset %d" % start, 0)
        elif entries["offset"][0] != start:
            check(np.arange(count) == 0, "offset", "%d, the end of the header" % start)
        offsets = entries["offset"]
        check(offsets % np.uint64(_ALIGNMENT) != 0, "offset", "a multiple of 64")
        check(np.concatenate([[False], offsets[1:] <= offsets[:-1]]), "offset", "more than the entry before it")
        check(offsets >= index, "offset", "less than %d, where the index is" % index)
        is_token = entries["name"] == _NO_NAME
        check(~is_token & (entries["name"] >= name_count), "name", "below %d, or 4294967295" % name_count)
        check(np.where(is_token, entries["layer"] != -1, entries["layer"] < -1), "layer",
              "-1 or, for a record in a layer, the layer")
        check(entries["position"] >= _POSITIONS, "position", "below %d" % _POSITIONS)
        check(entries["zero"] != 0, "zero", "0")
        used, where = np.unique(entries["name"][~is_token], return_index=True)
        if used.size != name_count or np.any(where[1:] < where[:-1]):
            self.fail("names of the index", body, "those of the records, in the order in which they first occur",
                      "other names or another order")
        return names, entries

    def follow(self, index, names, entries):
        """Reads every chunk that the index names, and holds it against its entry."""
        count = len(entries)
        offsets = entries["offset"].tolist() + [index]
        numbers, layers, positions = (entries[field].tolist() for field in ("name", "layer", "position"))
        for place in range(count):
            offset, end = offsets[place], offsets[place + 1]
            name = None if numbers[place] == _NO_NAME else names[numbers[place]]
            layer = None if layers[place] == -1 else layers[place]
            if not self.checksum_is_right(offset, end):
                self.damaged = True
                what = "the token of position %d" % positions[place] if name is None \
                    else _described(name, layer, positions[place])
                self.problem("damaged: %s (bytes %d to %d) has a wrong checksum" % (what, offset, end - 1))
                continue
            try:
                chunk = self.parse(offset, end)
            except _Misfit:
                self.fail("chunk", offset, "a token or a record that ends at offset %d" % end,
                          "another kind or a greater length")
            if chunk.end != end or chunk.kind not in (b"TOKN", b"TENS"):
                self.fail("chunk", offset, "a token or a record that ends at offset %d" % end,
                          "%s that ends at offset %d" % (chunk.kind.decode(), chunk.end))
            found = chunk.name, chunk.layer, chunk.position
            if found != (name, layer, positions[place]):
                self.fail("entry %d of the index" % place, index, "that of %r, at offset %d" % (found, offset),
                          (name, layer, positions[place]))
            self.take(chunk, offset)

    # Without an index

    def walk(self, start):
        """Takes chunk after chunk; where none is good, goes on at the next multiple of 64 where one is."""
        offset, has_index, has_tail = start, False, False
        while offset < self.size:
            chunk = self.chunk_at(offset)
            if chunk is None:
                following = self.search(offset + _ALIGNMENT)
                self.damaged = True
                if following is None:
                    break
                self.problem("damaged: bytes %d to %d hold no good chunk" % (offset, following - 1))
                offset = following
                continue
            if chunk.kind == b"TAIL":
                has_tail = True
                if chunk.end != self.size:
                    self.problem("%d bytes follow the tail; nothing should" % (self.size - chunk.end))
                break
            if chunk.kind == b"INDX":
                has_index = True
            elif has_index and not self.damaged:
                self.fail("chunk after the index", offset, "the tail", chunk.kind.decode())
            else:
                self.take(chunk, offset)
            offset = chunk.end
        if not has_tail:
            self.problem("cut short or damaged at offset %d%s" % (
                offset, ": %d bytes there hold no complete chunk" % (self.size - offset) if offset < self.size
                else " (%s)" % ("the tail is missing" if has_index else "index and tail are missing")))

    def chunk_at(self, offset):
        """The good chunk at `offset`, or None. Raises for one that breaks a rule though nothing is damaged so far."""
        try:
            end = self.span(offset, self.size)[3]
            if not self.checksum_is_right(offset, end):
                self.budget -= end - offset
                return None
            return self.parse(offset, self.size)
        except _Misfit:
            return None
        except TraceError:
            if self.damaged:
                return None
            raise

    def search(self, offset):
        """The first multiple of 64 from `offset` on at which a good chunk begins; None if there is none.

        Rules are checked before the checksum: they cost less.
        """
        while offset + _ALIGNMENT <= self.size:
            if self.budget < 0:
                self.problem("the search for further chunks was given up at offset %d" % offset)
                return None
            try:
                chunk = self.parse(offset, self.size)
                # A tail in the middle is somebody's payload.
                if chunk.kind != b"TAIL" or chunk.end == self.size:
                    if self.checksum_is_right(offset, chunk.end):
                        return offset
                    self.budget -= chunk.end - offset
            except (_Misfit, TraceError):
                pass
            offset += _ALIGNMENT
        return None


def read_trace(path):
    """Reads the trace file at `path` (path-like), complete or not, and checks all of it.

    Returns a `Trace`. A regular file is mapped, so that arrays cost no memory of their own; they stay valid after the
    file was renamed or unlinked, but it must not be truncated while they are used. Raises TraceError for a file that
    is no trace, has no good header, or breaks a rule of the format though its checksums are right; OSError where it
    cannot be read. A file that is cut short or damaged is in `Trace.problems` instead.
    """
    path = os.fspath(path)
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        buffer = None
        if stat.S_ISREG(status.st_mode) and status.st_size:
            try:
                buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):
                pass
        if buffer is None:
            # The magic first: a device such as /dev/zero has no end.
            buffer = b""
            while len(buffer) < len(_MAGIC):
                piece = file.read(len(_MAGIC) - len(buffer))
                if not piece:
                    break
                buffer += piece
            if buffer == _MAGIC:
                buffer += file.readall()
    return _Reader(buffer, path).read()


# Checkpoints

_CHECKPOINT_MAGIC = 0x616B3432
_CONFIGURATION = ("dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len")


def describe_checkpoint(path):
    """The header fields that a llama2.c checkpoint file (version 0, 1 or 2) determines, as a dict.

    These are `checkpoint_version`, `checkpoint_fingerprint`, the seven sizes (`vocab_size` positive), `group_size` of a
    version 2 file, `shared_classifier`, and llama2.c's own `rms_norm_eps` and `rope_base`, which no checkpoint holds;
    change these two if your program computes with others. The file is read once, in blocks. Raises TraceError, with
    offset, expected and found, for a file that is no checkpoint or has not exactly the length that its sizes ask for.
    """
    path = os.fspath(path)
    state = Checksum()
    with open(path, "rb", buffering=0) as file:
        block = bytearray(1 << 20)
        start, size = b"", 0
        while True:
            count = file.readinto(block)
            if not count:
                break
            if len(start) < 256:
                start += bytes(block[:min(count, 256 - len(start))])
            if size == 0 and len(start) == 256:
                # What is no checkpoint is refused before all of it is read.
                _checkpoint_fields(start, path)
            state.update(memoryview(block)[:count])
            size += count
    fields, expected_size = _checkpoint_fields(start, path)
    if size != expected_size:
        raise TraceError("length of the checkpoint", min(size, expected_size), "%d bytes" % expected_size, size, path)
    fields["checkpoint_fingerprint"] = "%016x" % state.value()
    return fields


def _checkpoint_fields(start, path):
    """Header fields and the length of the file, from the first bytes of a checkpoint."""
    def fail(what, offset, expected, found):
        raise TraceError(what, offset, expected, found, path)

    if len(start) < 28:
        fail("checkpoint", len(start), "a header of at least 28 bytes", len(start))
    version, base = 0, 0
    if struct.unpack_from("<i", start)[0] == _CHECKPOINT_MAGIC:
        version, = struct.unpack_from("<i", start, 4)
        base = 8
        if version not in (1, 2):
            fail("version of the checkpoint", 4, "1 or 2", version)
        if len(start) < 256:
            fail("checkpoint", len(start), "a header of 256 bytes", len(start))
    sizes = dict(zip(_CONFIGURATION, struct.unpack_from("<7i", start, base)))
    shared, group_size = None, None
    if version == 0:
        shared = int(sizes["vocab_size"] > 0)
        sizes["vocab_size"] = abs(sizes["vocab_size"])
    else:
        shared = start[36]
        if shared not in (0, 1):
            fail("whether the checkpoint shares the classifier", 36, "0 or 1", shared)
    for place, name in enumerate(_CONFIGURATION):
        if not 1 <= sizes[name] < 1 << 31:
            fail("%s of the checkpoint" % name, base + 4 * place, "a positive number", sizes[name])
    dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len = sizes.values()
    if dim % n_heads:
        fail("n_heads of the checkpoint", base + 12, "a divisor of dim (%d)" % dim, n_heads)
    if n_heads % n_kv_heads:
        fail("n_kv_heads of the checkpoint", base + 16, "a divisor of n_heads (%d)" % n_heads, n_kv_heads)
    head_size = dim // n_heads
    if head_size % 2:
        fail("head size (dim / n_heads) of the checkpoint", base, "an even number", head_size)
    kv_dim = head_size * n_kv_heads
    norms = (2 * n_layers + 1) * dim
    matrices = [(1, vocab_size * dim), (n_layers, dim * dim), (2 * n_layers, kv_dim * dim), (n_layers, dim * dim),
                (3 * n_layers, hidden_dim * dim), (0 if shared else 1, vocab_size * dim)]
    if version == 2:
        group_size, = struct.unpack_from("<i", start, 37)
        if group_size < 1:
            fail("group size of the checkpoint", 37, "a positive number", group_size)
        for _, count in matrices:
            if count % group_size:
                fail("group size of the checkpoint", 37, "a divisor of each matrix's %d elements" % count, group_size)
        length = 256 + 4 * norms + sum(times * (count + 4 * (count // group_size)) for times, count in matrices)
    else:
        length = 4 * (norms + sum(times * count for times, count in matrices))
        length += 256 if version else 28 + 4 * seq_len * head_size
    fields = dict(checkpoint_version=version, **sizes, shared_classifier=shared, rms_norm_eps=1e-5, rope_base=10000.0)
    if group_size is not None:
        fields["group_size"] = group_size
    return fields, length


# The program

_USAGE = """usage: tracefile.py TRACE      print the header and a line per site of a trace
       tracefile.py --sites    print the names of the sites in execution order
exit status: 0 if the trace is complete, 2 if it is cut short, damaged or unreadable"""


def _range_text(numbers):
    low, high = min(numbers), max(numbers)
    return "%d" % low if low == high else "%d..%d" % (low, high)


def _print_trace(trace):
    for name, value in trace.header.items():
        print("%-24s %s" % (name, _shown(repr(value) if isinstance(value, str) else value)))
    positions = [position for position, token in enumerate(trace.tokens) if token >= 0]
    print("%-24s %d%s" % ("tokens", len(positions), ", positions " + _range_text(positions) if positions else ""))
    print("%-24s %d" % ("records", len(trace.records)))
    groups = {}
    for key in sorted(trace.records, key=lambda key: execution_order((key[0], key[1] and 0, 0))):
        groups.setdefault((key[0], key[1] is None), []).append(key)
    for place, ((site, outside), keys) in enumerate(groups.items()):
        if place == 40:
            print("  ... and %d more sites" % (len(groups) - place))
            break
        arrays = [trace.records[key] for key in keys]
        kinds = sorted({"bfloat16" if isinstance(a, BFloat16Array) else a.dtype.name for a in arrays})
        shapes = sorted({a.shape for a in arrays})
        shown = "x".join(map(str, shapes[0])) or "scalar"
        if len(shapes) > 1:
            shown += " .. " + ("x".join(map(str, shapes[-1])) or "scalar")
        layers = "" if outside else ", layers " + _range_text([key[1] for key in keys])
        print("  %-22s %7d x %s %s%s, positions %s" % (site, len(keys), "/".join(kinds), shown, layers,
                                                       _range_text([key[2] for key in keys])))


def main(arguments):
    """Runs the program and returns its exit status."""
    if arguments == ["--sites"]:
        print("\n".join(SITES))
        return 0
    if arguments in (["--help"], ["-h"]):
        print(_USAGE)
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("tracefile.py: expected one TRACE or --sites; see --help", file=sys.stderr)
        return 2
    try:
        trace = read_trace(arguments[0])
    except (TraceError, OSError) as error:
        print("tracefile.py: %s" % error, file=sys.stderr)
        return 2
    _print_trace(trace)
    for problem in trace.problems[:20]:
        print("tracefile.py: %s" % problem, file=sys.stderr)
    if len(trace.problems) > 20:
        print("tracefile.py: ... and %d more problems" % (len(trace.problems) - 20), file=sys.stderr)
    return 2 if trace.problems else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has seen enough. Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        print("tracefile.py: %s" % error, file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 2
    sys.exit(status)
