"""The JSON vector encoder in numpy: the same whole numbers as the kernel, slower.

Values are read by generators that one loop drives, so that 1024 nested containers need no deep Python stack.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._ortho_numpy import MASK, PHI, atom_words, ln, mix64, mix64_words, uniform, xxh64
from ._vsa_walk import (
    ARRAY,
    BIG,
    CODES,
    EMPTY_ARRAY,
    EMPTY_OBJECT,
    EMPTY_STRING,
    FALSE,
    NULL,
    NUMBER,
    OBJECT,
    PAIRS,
    PART,
    STRING,
    TRUE,
)

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

KEY, STR, WORD, GRAM, LIT, LANE, EXACT, LINEAR, INDEX, END, VIEW, TIE, _, LANEFIT, ARRAY_STEP = range(1, 16)
WHOLE, WORDS, GRAMS = 1, 2, 4
POS, SET, ADJ, LAST = 1, 2, 4, 8
HALF = 0.7071067811865476  # the square root of one half
CLIP_BINS = 2.0**20
LARGEST_WEIGHT = 2.0**62

LITERALS = {
    NULL: b"null",
    FALSE: b"false",
    TRUE: b"true",
    EMPTY_OBJECT: b"{}",
    EMPTY_ARRAY: b"[]",
    EMPTY_STRING: b'""',
}

# 2^((i + 1/2)/16), correctly rounded.
STEPS = (
    1.0218971486541166,
    1.0671404006768237,
    1.1143867425958924,
    1.1637248587775775,
    1.215247359980469,
    1.2690509571917332,
    1.3252366431597413,
    1.383909881963832,
    1.4451808069770467,
    1.5091644275934228,
    1.5759808451078865,
    1.645755478153965,
    1.718619298122478,
    1.7947090750031072,
    1.8741676341103,
    1.9571441241754002,
)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an encoder computes, in the terms of the kernel.

    Tables are by index-free path hash or by term hash, uint64, sorted.
    """

    d: int
    seed: int
    strings: int
    arrays: int
    array_norm: bool
    conjunctions: bool
    idf: bool
    weight_paths: Words
    weight_values: NDArray[np.float64]
    stat_paths: Words
    stat_centers: NDArray[np.float64]
    stat_scales: NDArray[np.float64]
    idf_terms: Words
    idf_factors: Ints
    idf_unseen: int


@dataclass
class Collected:
    """What documents add to a fit: their number, the distinct terms of each, and their numbers."""

    documents: int
    terms: Words
    paths: Words
    priorities: Words
    values: NDArray[np.float64]


@dataclass(kw_only=True)
class Operator:
    """v -> signs * R^shift v, with the index-free path to it and that path's weight."""

    signs: NDArray[np.int8]
    shift: int
    path: int = 0


@dataclass
class Frame:
    """A sum under construction."""

    acc: Ints
    total: int = 0
    skipped: int = 0


@dataclass
class Reader:
    """A place in a token buffer."""

    data: bytes
    at: int = 0

    def take(self, form: struct.Struct) -> Any:
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values[0]

    def text(self) -> bytes:
        size = self.take(_U32)
        self.at += size
        return self.data[self.at - size : self.at]

    def op(self) -> int:
        self.at += 1
        return self.data[self.at - 1]


_U32, _U64, _F64 = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<d")
Steps = Generator[Any, int, int]


def run(steps: Steps) -> int:
    """Drive generators that yield generators; what one returns is sent to the one that yielded it."""
    stack, sent = [steps], None
    while stack:
        try:
            inner = stack[-1].send(sent)  # type: ignore[arg-type]
        except StopIteration as stop:
            stack.pop()
            sent = stop.value
        else:
            stack.append(inner)
            sent = None
    return int(sent or 0)


def words_of(lowered: bytes) -> list[bytes]:
    """Runs of ASCII letters, digits and bytes >= 0x80."""
    marks = bytes(c if c >= 0x80 or 48 <= c <= 57 or 97 <= c <= 122 else 32 for c in lowered)
    return marks.split()


def trigrams(lowered: bytes) -> list[bytes]:
    """The 3-grams of code points of " " + text + " "."""
    points = [" ", *lowered.decode(), " "]
    return ["".join(points[i : i + 3]).encode() for i in range(len(points) - 2)]


@dataclass
class Encoder:
    """The encoder of one :class:`Spec`."""

    spec: Spec
    skipped: int = 0
    _lanes: dict[int, tuple[Words, NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    _seeds: dict[int, int] = field(default_factory=dict)

    def hash(self, domain: int, data: bytes) -> int:
        """H(domain, data)."""
        seed = self._seeds.get(domain)
        if seed is None:
            seed = self._seeds[domain] = mix64((self.spec.seed + domain * PHI) & MASK)
        return xxh64(data, seed)

    # ---- Operators -----------------------------------------------------------------------------------------

    def identity(self) -> Operator:
        """The operator of the document itself."""
        return Operator(signs=np.ones(self.spec.d, np.int8), shift=0)

    def then(self, outer: Operator, h: int, step: int) -> Operator:
        """The outer operator after the rotation of hash h; ``step`` extends the index-free path."""
        sigma = mix64(h ^ 0xA5A5A5A5A5A5A5A5)
        shift = 2 * (mix64(sigma ^ 0x5A5A5A5A5A5A5A5A) % (self.spec.d // 2)) + 1
        signs = outer.signs * np.roll(self.signs(sigma), outer.shift)
        return Operator(signs=signs, shift=(outer.shift + shift) % self.spec.d, path=_fold(outer.path, step))

    def signs(self, h: int) -> NDArray[np.int8]:
        """The atom of a hash."""
        return _signs(atom_words(np.array([h], np.uint64), self.spec.d)[0])

    def under(self, operator: Operator, v: NDArray[Any]) -> Ints:
        """The operator applied to a vector, int64."""
        return np.asarray(operator.signs * np.roll(v, operator.shift).astype(np.int64))

    # ---- Terms ---------------------------------------------------------------------------------------------

    def add(self, frame: Frame, operator: Operator, code: NDArray[np.int8], weight: int) -> None:
        """Adds weight times the operator applied to the code."""
        frame.acc += np.int64(weight) * self.under(operator, code)
        frame.total += abs(weight)

    def factor(self, path: int, token: int) -> int:
        """F of a term."""
        if not self.spec.idf:
            return 1024
        term = _fold(path, token)
        i = int(np.searchsorted(self.spec.idf_terms, np.uint64(term)))
        if i < len(self.spec.idf_terms) and int(self.spec.idf_terms[i]) == term:
            return int(self.spec.idf_factors[i])
        return self.spec.idf_unseen

    def _string(self, frame: Frame, operator: Operator, omega: float, text: bytes) -> None:
        parts = self.parts(text)
        if not parts:
            return
        beta = omega / math.sqrt(len(parts))
        for tokens in parts:
            norm = math.sqrt(sum(count * count for count in tokens.values()))
            for h, count in tokens.items():
                self.add(frame, operator, self.signs(h), rounded(self.factor(operator.path, h), beta, count / norm))

    def parts(self, text: bytes) -> list[dict[int, int]]:
        """For each part with tokens, the count of each token hash."""
        lowered = text.lower()  # bytes: ASCII letters only
        parts = []
        if self.spec.strings & WHOLE:
            parts.append([self.hash(STR, text)])
        if self.spec.strings & WORDS:
            parts.append([self.hash(WORD, token) for token in words_of(lowered)])
        if self.spec.strings & GRAMS:
            parts.append([self.hash(GRAM, token) for token in trigrams(lowered)])
        counted = []
        for part in parts:
            counts: dict[int, int] = {}
            for h in part:
                counts[h] = counts.get(h, 0) + 1
            if counts:
                counted.append(counts)
        return counted

    def _number(self, frame: Frame, operator: Operator, omega: float, x: float) -> None:
        i = int(np.searchsorted(self.spec.stat_paths, np.uint64(operator.path)))
        if i == len(self.spec.stat_paths) or int(self.spec.stat_paths[i]) != operator.path:
            self.add(frame, operator, self.lanes(LANE, raw(x)), rounded(1024, omega, 1.0))
            return
        z = (x - float(self.spec.stat_centers[i])) / float(self.spec.stat_scales[i])
        linear = 1024 * omega * HALF * min(4.0, max(-4.0, z))
        linear = round(min(LARGEST_WEIGHT, max(-LARGEST_WEIGHT, linear)))
        self.add(frame, operator, self.signs(self.hash(LINEAR, b"")), linear)
        self.add(frame, operator, self.lanes(LANEFIT, min(CLIP_BINS, max(-CLIP_BINS, z))), rounded(1024, omega, HALF))

    def lanes(self, domain: int, z: float) -> NDArray[np.int8]:
        """The code of a number: 16 signs of each lane's bin."""
        g, inverse, offset = self._lane_table(domain)
        bins = np.floor(z * inverse + offset).astype(np.int64).view(np.uint64)
        return _signs16((mix64_words(g ^ mix64_words(bins)) & np.uint64(0xFFFF)).astype("<u2"))

    def _lane_table(self, domain: int) -> tuple[Words, NDArray[np.float64], NDArray[np.float64]]:
        if domain not in self._lanes:
            first, octaves = (-6, 9) if domain == LANE else (0, 3)
            hashes = [self.hash(domain, struct.pack("<I", lane)) for lane in range(self.spec.d // 16)]
            g = np.array(hashes, np.uint64)
            tau = np.floor(16 * octaves * uniform(mix64_words(g))).astype(np.int64)
            delta = np.ldexp(np.array(STEPS)[tau % 16], first + tau // 16)
            self._lanes[domain] = (g, 1 / delta, uniform(g))
        return self._lanes[domain]

    # ---- Values --------------------------------------------------------------------------------------------

    def encode(self, tokens: bytes) -> tuple[Ints, int]:
        """V of a document, int64 modulo 2^64, and the sum of the magnitudes of all weights."""
        frame = Frame(np.zeros(self.spec.d, np.int64))
        run(self._value(Reader(tokens), frame, self.identity(), 1.0))
        self.skipped += frame.skipped
        return frame.acc, frame.total

    def _value(self, reader: Reader, frame: Frame, operator: Operator, omega: float) -> Steps:
        weight = self._weight(operator.path)
        if weight == 0:
            return (yield self._hash(reader))
        omega = omega * weight
        op = reader.op()
        if op == OBJECT:
            return (yield self._object(reader, frame, operator, omega))
        if op in (ARRAY, PART):
            return (yield self._array(reader, frame, operator, omega, op))
        if op == PAIRS:
            n = reader.take(_U64)
            omega = self._element_scale(omega, n)
            adjacent = self.then(operator, self.hash(VIEW, b"adj"), self.hash(ARRAY_STEP, b""))
            for _ in range(reader.take(_U32)):
                self.add(frame, adjacent, self.signs(reader.take(_U64)), rounded(1024, omega, 1.0))
            return 0
        if op == CODES:
            c = reader.take(_F64)
            for _ in range(reader.take(_U32)):
                self.add(frame, operator, self.signs(reader.take(_U64)), rounded(1024, omega, c))
            return 0
        if op == STRING:
            text = reader.text()
            self._string(frame, operator, omega, text)
            return self.hash(STR, text)
        if op == NUMBER:
            x = reader.take(_F64)
            self._number(frame, operator, omega, x)
            return self.hash(EXACT, struct.pack("<d", x))
        if op == BIG:
            x, text = reader.take(_F64), reader.text()
            h = self.hash(EXACT, text)
            self._number(frame, operator, omega * HALF, x)
            self.add(frame, operator, self.signs(h), rounded(1024, omega, HALF))
            return h
        h = self.hash(LIT, LITERALS[op])
        self.add(frame, operator, self.signs(h), rounded(self.factor(operator.path, h), omega, 1.0))
        return h

    def _weight(self, path: int) -> float:
        i = int(np.searchsorted(self.spec.weight_paths, np.uint64(path)))
        found = i < len(self.spec.weight_paths) and int(self.spec.weight_paths[i]) == path
        return float(self.spec.weight_values[i]) if found else 1.0

    def _object(self, reader: Reader, frame: Frame, operator: Operator, omega: float) -> Steps:
        members = reader.take(_U32)
        total, scalars = members * PHI, []
        for _ in range(members):
            key = self.hash(KEY, reader.text())
            scalar = reader.data[reader.at] in _SCALARS
            h = yield self._value(reader, frame, self.then(operator, key, key), omega)
            total += _fold(key, h)
            if scalar:
                scalars.append(_fold(key, h))
        m = len(scalars)
        if self.spec.conjunctions and m > 64:
            frame.skipped += 1
        elif self.spec.conjunctions and m >= 2:
            weight = rounded(1024, omega, 0.7 / math.sqrt((m - 1) / 2))
            for i in range(m):
                for j in range(i):
                    self.add(frame, operator, self.signs(mix64((scalars[i] + scalars[j]) & MASK)), weight)
        return mix64(total & MASK)

    def _element_scale(self, omega: float, n: int) -> float:
        return omega / math.sqrt((n if self.spec.array_norm else 1) * self.spec.arrays.bit_count())

    def _array(self, reader: Reader, frame: Frame, operator: Operator, omega: float, op: int) -> Steps:
        n = reader.take(_U32) if op == ARRAY else reader.take(_U64)
        given = n if op == ARRAY else reader.take(_U32)
        omega = self._element_scale(omega, n)
        step = self.hash(ARRAY_STEP, b"")
        path = _fold(operator.path, step)
        h = self.hash(ARRAY_STEP, struct.pack("<Q", n))
        before = None
        as_set = self.then(operator, self.hash(VIEW, b"set"), step)
        adjacent = self.then(operator, self.hash(VIEW, b"adj"), step)
        for k in range(given):
            i = k if op == ARRAY else reader.take(_U64)
            inner = Frame(np.zeros(self.spec.d, np.int64))
            element = yield self._value(reader, inner, _at(self.identity(), path), omega)
            operators = []
            if self.spec.arrays & POS:
                operators.append(self.then(operator, self.hash(INDEX, struct.pack("<Q", i)), step))
            if self.spec.arrays & SET:
                operators.append(as_set)
            if self.spec.arrays & LAST:
                operators.append(self.then(operator, self.hash(END, struct.pack("<Q", n - 1 - i)), step))
            for view in operators:
                frame.acc += self.under(view, inner.acc)
                frame.total += inner.total
            frame.skipped += inner.skipped if operators else 0
            if self.spec.arrays & ADJ and op == ARRAY and before is not None:
                self.add(frame, adjacent, self.signs(_fold(before, element)), rounded(1024, omega, 1.0))
            before = element
            h = _fold(h, element)
        return h

    # ---- Hashes and what a fit collects --------------------------------------------------------------------

    def subtree_hash(self, tokens: bytes) -> int:
        """h of a document."""
        return run(self._hash(Reader(tokens)))

    def _hash(self, reader: Reader, into: _Collector | None = None, path: int = 0, full: int = 0) -> Steps:
        op = reader.op()
        if op == OBJECT:
            members = reader.take(_U32)
            total = members * PHI
            for _ in range(members):
                key = self.hash(KEY, reader.text())
                total += _fold(key, (yield self._hash(reader, into, _fold(path, key), _fold(full, key))))
            return mix64(total & MASK)
        if op in (ARRAY, PART):
            n = reader.take(_U32) if op == ARRAY else reader.take(_U64)
            h = self.hash(ARRAY_STEP, struct.pack("<Q", n))
            path = _fold(path, self.hash(ARRAY_STEP, b""))
            for k in range(n if op == ARRAY else reader.take(_U32)):
                index = self.hash(INDEX, struct.pack("<Q", k if op == ARRAY else reader.take(_U64)))
                h = _fold(h, (yield self._hash(reader, into, path, _fold(full, index))))
            return h
        if op in (CODES, PAIRS):
            reader.at += 8
            reader.at += 8 * reader.take(_U32)
            return 0
        if op == STRING:
            text = reader.text()
            if into and into.idf:
                into.terms.update(_fold(path, h) for part in self.parts(text) for h in part)
            return self.hash(STR, text)
        if op in (NUMBER, BIG):
            x = reader.take(_F64)
            if into:
                into.numbers.append((path, mix64(into.document ^ full), x))
            return self.hash(EXACT, struct.pack("<d", x) if op == NUMBER else reader.text())
        h = self.hash(LIT, LITERALS[op])
        if into and into.idf:
            into.terms.add(_fold(path, h))
        return h

    def collect(self, tokens: bytes) -> Collected:
        """The distinct idf terms (none without idf) and the numbers of a document."""
        into = _Collector(self.spec.idf, self.subtree_hash(tokens))
        run(self._hash(Reader(tokens), into))
        return Collected(
            1,
            np.array(sorted(into.terms), np.uint64),
            np.array([path for path, _, _ in into.numbers], np.uint64),
            np.array([priority for _, priority, _ in into.numbers], np.uint64),
            np.array([x for _, _, x in into.numbers], np.float64),
        )


@dataclass
class _Collector:
    idf: bool
    document: int
    terms: set[int] = field(default_factory=set)
    numbers: list[tuple[int, int, float]] = field(default_factory=list)


_SCALARS = (NULL, FALSE, TRUE, EMPTY_STRING, STRING, NUMBER, BIG)


def rounded(factor: int, omega: float, c: float) -> int:
    """max(1, rint(factor omega c)), ties to even; 2^62 at most, which only extreme path weights reach."""
    return max(1, round(min(LARGEST_WEIGHT, factor * omega * c)))


def raw(x: float) -> float:
    """sgn(x) ln(u + sqrt(u^2 + 1)), u = 10 |x|."""
    if x == 0:
        return 0.0
    u = 10 * abs(x)
    if u >= 2.0**500:
        z = _ln(abs(x)) + 2.995732273553991
    else:
        z = _ln(u + math.sqrt(u * u + 1))
    return z if x > 0 else -z


def _ln(x: float) -> float:
    return float(ln(np.array(x, np.float64)))


def float_rows(acc: Ints) -> NDArray[np.float32]:
    """acc / sqrt(sum acc^2) of each row, float32; a zero row stays zero.

    The sum is in int64. Where d max|acc|^2 would not fit, the components are halved, rounded towards minus
    infinity, until it does, and the root doubled as often.
    """
    out = np.zeros(acc.shape, np.float32)
    for row, result in zip(acc, out, strict=True):
        largest = max(int(row.max()), -int(row.min()))
        if largest == 0:
            continue
        halvings = 0
        while (largest >> halvings) ** 2 * len(row) >= 2**62:
            halvings += 1
        short = row >> halvings
        result[:] = row / (math.sqrt(float(int((short * short).sum()))) * 2.0**halvings)
    return out


def bit_rows(acc: Ints, tie: Words) -> NDArray[np.uint8]:
    """One bit a component, 1 for a value above zero; zeros take the sign of the tie atom."""
    ties = _signs(tie) > 0
    return np.packbits((acc > 0) | ((acc == 0) & ties), axis=-1, bitorder="little")


def _fold(a: int, b: int) -> int:
    return mix64((3 * a + b) & MASK)


def _at(operator: Operator, path: int) -> Operator:
    operator.path = path
    return operator


def _signs(words: Words) -> NDArray[np.int8]:
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little").view(np.int8)
    return np.asarray(1 - 2 * bits, np.int8)


def _signs16(lanes: NDArray[np.uint16]) -> NDArray[np.int8]:
    bits = np.unpackbits(lanes.view(np.uint8), bitorder="little").view(np.int8)
    return np.asarray(1 - 2 * bits, np.int8)
