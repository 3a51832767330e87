"""Slow reference of `signwise.vsa`: V of a parsed document in Python's whole numbers, as the definition reads.

Each term is a code moved by the operators of its path, one after the other, and every array element is encoded anew
under each view. Integers are exact: the encoder's are these modulo 2^64.
"""

from __future__ import annotations

import functools
import itertools
import math
import struct
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from . import ortho
from .ortho import PHI, fold, hash_bytes, ln, mix, uniform

KEY, STR, WORD, GRAM, LIT, LANE, EXACT, LINEAR, INDEX, END, VIEW, TIE, MATRIX, LANEFIT, ARRAY = range(1, 16)


@functools.lru_cache(20000)
def atom(h: int, d: int) -> np.ndarray:
    return np.array(ortho.atom(h, d), object)


@functools.lru_cache(20000)
def rotation(h: int, d: int) -> tuple[np.ndarray, int]:
    signs, shift = ortho.rotation_parameters(h, d)
    return np.array(signs, object), shift


def le64(n: int) -> bytes:
    return struct.pack("<Q", n)


def wt(omega: float, c: float, factor: int = 1024) -> int:
    return max(1, round(factor * omega * c))


def is_scalar(value: object) -> bool:
    return not isinstance(value, (dict, list, tuple))


def words(text: str) -> list[str]:
    out, run = [], ""
    for character in text + " ":
        if ord(character) >= 0x80 or (character.isascii() and character.isalnum()):
            run += character.lower() if character.isascii() else character
        elif run:
            out.append(run)
            run = ""
    return out


def grams(text: str) -> list[str]:
    padded = " " + "".join(c.lower() if c.isascii() else c for c in text) + " "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]


@dataclass
class Oracle:
    d: int = 512
    strings: tuple[str, ...] = ("whole", "words", "grams")
    arrays: tuple[str, ...] = ("pos", "set")
    array_norm: bool = True
    conjunctions: bool = False
    weights: dict[tuple[str, ...], float] = field(default_factory=dict)
    seed: int = 0
    stats: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict)
    df: dict[tuple[tuple[str, ...], int], int] | None = None
    documents: int = 0

    def h(self, domain: int, data: bytes | str) -> int:
        return hash_bytes(domain, data.encode() if isinstance(data, str) else data, self.seed)

    def encode(self, document: object) -> list[int]:
        self.acc = np.zeros(self.d, object)
        self.value(document, 1.0, (), [])
        return list(self.acc)

    def add(self, code: np.ndarray, weight: int, operators: list[int]) -> None:
        for h in reversed(operators):
            signs, shift = rotation(h, self.d)
            code = signs * np.roll(code, shift)
        self.acc += weight * code

    def value(self, value: object, omega: float, path: tuple[str, ...], operators: list[int]) -> None:
        if path in self.weights:
            omega *= self.weights[path]
            if self.weights[path] == 0:
                return
        if isinstance(value, dict) and value:
            self.object(value, omega, path, operators)
        elif isinstance(value, (list, tuple)) and value:
            self.array(value, omega, path, operators)
        elif isinstance(value, str) and value:
            self.string(value, omega, path, operators)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self.number(value, omega, path, operators)
        else:
            h = self.subtree(value)
            self.add(atom(h, self.d), wt(omega, 1.0, self.factor(path, h)), operators)

    def members(self, value: dict) -> dict[str, object]:
        return {unicodedata.normalize("NFC", key): item for key, item in value.items()}

    def object(self, value: dict, omega: float, path: tuple[str, ...], operators: list[int]) -> None:
        members = self.members(value)
        for key, item in members.items():
            self.value(item, omega, (*path, key), [*operators, self.h(KEY, key)])
        kv = [fold(self.h(KEY, key), self.subtree(item)) for key, item in members.items() if is_scalar(item)]
        if self.conjunctions and 2 <= len(kv) <= 64:
            c = 0.7 / math.sqrt((len(kv) - 1) / 2)
            for i in range(len(kv)):
                for j in range(i):
                    self.add(atom(mix(kv[i] + kv[j]), self.d), wt(omega, c), operators)

    def array(self, value: list, omega: float, path: tuple[str, ...], operators: list[int]) -> None:
        n = len(value)
        omega = omega / math.sqrt((n if self.array_norm else 1) * len(self.arrays))
        path = (*path, "[*]")
        for i, item in enumerate(value):
            views = {"pos": self.h(INDEX, le64(i)), "set": self.h(VIEW, "set"), "end": self.h(END, le64(n - 1 - i))}
            for view, operator in views.items():
                if view in self.arrays:
                    self.value(item, omega, path, [*operators, operator])
        if "adj" in self.arrays:
            for one, two in itertools.pairwise(value):
                code = atom(fold(self.subtree(one), self.subtree(two)), self.d)
                self.add(code, wt(omega, 1.0), [*operators, self.h(VIEW, "adj")])

    def parts(self, value: str) -> list[Counter]:
        text = unicodedata.normalize("NFC", value)
        tokens = {
            "whole": [self.h(STR, text)],
            "words": [self.h(WORD, word) for word in words(text)],
            "grams": [self.h(GRAM, gram) for gram in grams(text)],
        }
        return [Counter(tokens[part]) for part in tokens if part in self.strings and tokens[part]]

    def string(self, value: str, omega: float, path: tuple[str, ...], operators: list[int]) -> None:
        parts = self.parts(value)
        for tokens in parts:
            norm = math.sqrt(sum(count**2 for count in tokens.values()))
            for h, count in tokens.items():
                weight = wt(omega / math.sqrt(len(parts)), count / norm, self.factor(path, h))
                self.add(atom(h, self.d), weight, operators)

    def number(self, value: float, omega: float, path: tuple[str, ...], operators: list[int]) -> None:
        if isinstance(value, int) and -(2**63) <= value < 2**64 and abs(value) > 2**53:
            self.add(atom(self.h(EXACT, str(value)), self.d), wt(omega, math.sqrt(0.5)), operators)
            omega = omega * math.sqrt(0.5)
        x = float(value)
        if path in self.stats:
            median, scale = self.stats[path]
            z = (x - median) / scale
            linear = round(1024 * omega * math.sqrt(0.5) * min(4.0, max(-4.0, z)))
            self.add(atom(self.h(LINEAR, ""), self.d), linear, operators)
            z = min(2.0**20, max(-(2.0**20), z))
            self.add(self.lanes(z, LANEFIT, 0, 3), wt(omega, math.sqrt(0.5)), operators)
        else:
            u = 10 * abs(x)
            z = ln(abs(x)) + 2.995732273553991 if u >= 2.0**500 else ln(u + math.sqrt(u * u + 1))
            self.add(self.lanes(math.copysign(z, x), LANE, -6, 3), wt(omega, 1.0), operators)

    def lanes(self, z: float, domain: int, a: int, b: int) -> np.ndarray:
        code = []
        for lane in range(self.d // 16):
            g = self.h(domain, struct.pack("<I", lane))
            tau = math.floor(16 * (b - a) * uniform(mix(g)))
            delta = 2.0 ** (a + tau // 16) * 2.0 ** ((tau % 16 + 0.5) / 16)
            bits = mix(g ^ mix(math.floor(z * (1 / delta) + uniform(g))))
            code += [-1 if bits >> j & 1 else 1 for j in range(16)]
        return np.array(code, object)

    def subtree(self, value: object) -> int:
        if isinstance(value, str) and value:
            return self.h(STR, unicodedata.normalize("NFC", value))
        if isinstance(value, dict) and value:
            members = self.members(value)
            total = sum(fold(self.h(KEY, key), self.subtree(item)) for key, item in members.items())
            return mix(total + len(members) * PHI)
        if isinstance(value, (list, tuple)) and value:
            h = self.h(ARRAY, le64(len(value)))
            for item in value:
                h = fold(h, self.subtree(item))
            return h
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if isinstance(value, int) and -(2**63) <= value < 2**64 and abs(value) > 2**53:
                return self.h(EXACT, str(value))
            return self.h(EXACT, struct.pack("<d", float(value) + 0.0))
        text = (
            {None: "null", True: "true", False: "false"}.get(value)
            if not isinstance(value, (str, dict, list))
            else None
        )
        return self.h(LIT, text or {str: '""', dict: "{}", list: "[]"}[type(value)])

    def path_hash(self, path: tuple[str, ...]) -> int:
        h = 0
        for step in path:
            h = fold(h, self.h(ARRAY, "") if step == "[*]" else self.h(KEY, step))
        return h

    def factor(self, path: tuple[str, ...], token: int) -> int:
        if self.df is None or self.documents < 2:
            return 1024
        n, df = self.documents, self.df.get((path, token), 1)
        return round(1024 * (ln((n + 1) / (df + 1)) + 0.3) / (0.5 * ln(n + 1.0)))

    def terms(self, value: object, path: tuple[str, ...] = ()) -> set[tuple[tuple[str, ...], int]]:
        """The idf terms of a document."""
        if isinstance(value, dict) and value:
            return {t for key, item in self.members(value).items() for t in self.terms(item, (*path, key))}
        if isinstance(value, (list, tuple)) and value:
            return {t for item in value for t in self.terms(item, (*path, "[*]"))}
        if isinstance(value, str) and value:
            return {(path, h) for part in self.parts(value) for h in part}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return set()
        return {(path, self.subtree(value))}
