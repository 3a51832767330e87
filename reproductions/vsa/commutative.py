"""Commutative binding confuses nested roles: ``python -m reproductions.vsa.commutative --out DIR``.

A document says who is {"manager": {"assistant": A}} and who {"assistant": {"manager": B}}, beside other members.
Bound by the elementwise product of signs (MAP) or by circular convolution (HRR) the two paths are one, since both
products commute; MBAT's operators keep them apart. The figures are the cosine of a document with its twin in which A
and B have changed places, and the share of queries "manager, then assistant" that cleanup answers with A.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from signwise.vsa import MBAT

from . import _record

Array = np.ndarray
Bind = Callable[[str, Array], Array]
ROLES = ("manager", "assistant")


def codes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.choice(np.array([-1.0, 1.0]), shape)


def elementwise(d: int, rng: np.random.Generator) -> tuple[Bind, Bind]:
    """MAP: the product of signs, its own inverse."""
    keys = {role: codes(rng, (d,)) for role in (*ROLES, *"abcdefgh")}
    return (lambda key, x: keys[key] * x), (lambda key, y: keys[key] * y)


def convolution(d: int, rng: np.random.Generator) -> tuple[Bind, Bind]:
    """HRR with unitary keys: circular convolution, undone by correlation."""

    def unitary() -> Array:
        spectrum = np.fft.rfft(rng.standard_normal(d))
        return spectrum / np.abs(spectrum)

    keys = {role: unitary() for role in (*ROLES, *"abcdefgh")}
    return (
        lambda key, x: np.fft.irfft(keys[key] * np.fft.rfft(x), d),
        lambda key, y: np.fft.irfft(np.conj(keys[key]) * np.fft.rfft(y), d),
    )


def mbat(family: str) -> Callable[[int, np.random.Generator], tuple[Bind, Bind]]:
    def make(d: int, rng: np.random.Generator) -> tuple[Bind, Bind]:
        algebra = MBAT(d, family=family, seed=int(rng.integers(2**32)))
        return algebra.bind, algebra.unbind

    return make


BINDINGS = {
    "elementwise product": elementwise,
    "circular convolution": convolution,
    "MBAT rotation": mbat("rotation"),
    "MBAT haar": mbat("haar"),
}


def measure(make: Callable[..., tuple[Bind, Bind]], d: int, trials: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    cosines, right = [], 0
    bind, unbind = make(d, rng)
    for _ in range(trials):
        memory = codes(rng, (100, d))
        a, b = memory[:2]
        other = sum(bind(key, memory[10 + i]) for i, key in enumerate("abcdefgh"))

        def document(first: Array, second: Array, other: Array = other) -> Array:
            inner = bind(ROLES[0], bind(ROLES[1], first)) + bind(ROLES[1], bind(ROLES[0], second))
            return inner + other

        y, swapped = document(a, b), document(b, a)
        cosines.append(float(y @ swapped / np.linalg.norm(y) / np.linalg.norm(swapped)))
        answer = unbind(ROLES[1], unbind(ROLES[0], y))
        right += int(np.argmax(memory @ answer) == 0)
    return {"swapped": float(np.mean(cosines)), "right": right / trials}


def main(argv: list[str] | None = None) -> int:
    options = _record.arguments(__doc__).parse_args(argv)
    d, trials = (512, 40) if options.quick else (1024, 1000)
    bindings = {name: measure(make, d, trials, options.seed) for name, make in BINDINGS.items()}
    settings = {"d": d, "trials": trials, "seed": options.seed, "members": 10}
    print(_record.write(options.out, {"settings": settings, "bindings": bindings}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
