"""Slow reference of `signwise.ortho`: whole-number arithmetic and Python lists, one component at a time."""

from __future__ import annotations

import math

MASK = 2**64 - 1
PHI = 0x9E3779B97F4A7C15
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
KEY, INDEX, MATRIX = 1, 9, 13


def rotl(x: int, r: int) -> int:
    return ((x << r) | (x >> (64 - r))) & MASK


def xxh64(data: bytes, seed: int = 0) -> int:
    def lane(acc: int, word: int) -> int:
        return rotl((acc + word * P2) & MASK, 31) * P1 & MASK

    def merge(acc: int, value: int) -> int:
        return ((acc ^ lane(0, value)) * P1 + P4) & MASK

    at = 0
    if len(data) >= 32:
        v = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        while at + 32 <= len(data):
            for i in range(4):
                v[i] = lane(v[i], int.from_bytes(data[at : at + 8], "little"))
                at += 8
        acc = (rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18)) & MASK
        for value in v:
            acc = merge(acc, value)
    else:
        acc = (seed + P5) & MASK
    acc = (acc + len(data)) & MASK
    while at + 8 <= len(data):
        acc = (rotl(acc ^ lane(0, int.from_bytes(data[at : at + 8], "little")), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        acc = (rotl(acc ^ (int.from_bytes(data[at : at + 4], "little") * P1 & MASK), 23) * P2 + P3) & MASK
        at += 4
    while at < len(data):
        acc = rotl(acc ^ (data[at] * P5 & MASK), 11) * P1 & MASK
        at += 1
    acc = (acc ^ (acc >> 33)) * P2 & MASK
    acc = (acc ^ (acc >> 29)) * P3 & MASK
    return acc ^ (acc >> 32)


def mix(x: int) -> int:
    x &= MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def fold(a: int, b: int) -> int:
    return mix(3 * a + b)


def hash_bytes(domain: int, data: bytes, seed: int = 0) -> int:
    return xxh64(data, mix(seed + domain * PHI))


def hash_key(key: str | bytes | int, seed: int = 0) -> int:
    if isinstance(key, int):
        return hash_bytes(INDEX, key.to_bytes(8, "little"), seed)
    return hash_bytes(KEY, key.encode() if isinstance(key, str) else key, seed)


def atom_word(h: int, i: int) -> int:
    return mix(h + (i + 1) * PHI)


def atom(h: int, d: int) -> list[int]:
    return [-1 if atom_word(h, i // 64) >> (i % 64) & 1 else 1 for i in range(d)]


def uniform(x: int) -> float:
    return (x >> 11) * 2.0**-53


def ln(x: float) -> float:
    m, e = math.frexp(x)
    if m < math.sqrt(0.5):
        m, e = 2 * m, e - 1
    s = (m - 1) / (m + 1)
    t = s * s
    p = 0.0
    for n in (15, 13, 11, 9, 7, 5, 3, 1):
        p = p * t + 1 / n
    return e * 0.6931471805599453 + (2 * s) * p


def rotation_parameters(h: int, d: int) -> tuple[list[int], int]:
    sigma = mix(h ^ 0xA5A5A5A5A5A5A5A5)
    return atom(sigma, d), 2 * (mix(sigma ^ 0x5A5A5A5A5A5A5A5A) % (d // 2)) + 1


def rotate(v: list, h: int) -> list:
    """M v = s * R^r v with (R^r v)[i] = v[(i - r) mod d]."""
    d = len(v)
    s, r = rotation_parameters(h, d)
    return [s[i] * v[(i - r) % d] for i in range(d)]


def random_parameters(h: int, d: int) -> tuple[list[int], list[int]]:
    sigma = mix(h ^ 0xA5A5A5A5A5A5A5A5)
    perm = list(range(d))
    for i in range(d - 1, 0, -1):
        j = mix(mix(sigma + 2) + (i + 1) * PHI) * (i + 1) >> 64
        perm[i], perm[j] = perm[j], perm[i]
    return atom(sigma, d), perm


def permute(v: list, h: int) -> list:
    """M v = s * v[perm]."""
    s, perm = random_parameters(h, len(v))
    return [s[i] * v[perm[i]] for i in range(len(v))]


def hadamard_matrix(d: int) -> list[list[int]]:
    """Sylvester's matrix, H[i][j] = (-1)^(number of common one bits of i and j)."""
    return [[(-1) ** (i & j).bit_count() for j in range(d)] for i in range(d)]


def hadamard_signs(v: list[float], h: int, rounds: int) -> list[float]:
    """Each round is v <- H (s_q * v) / sqrt(d)."""
    d = len(v)
    sigma = mix(h ^ 0xA5A5A5A5A5A5A5A5)
    matrix = hadamard_matrix(d)
    for q in range(rounds):
        s = atom(mix(sigma + q), d)
        v = [math.fsum(matrix[i][j] * s[j] * v[j] for j in range(d)) / math.sqrt(d) for i in range(d)]
    return v


def gaussians(h: int, count: int) -> list[float]:
    """Marsaglia's polar method on the hash's counter, both outputs of each accepted pair."""
    base = fold(hash_bytes(MATRIX, b""), h)
    out: list[float] = []
    n = 0
    while len(out) < count:
        u, v = (2 * uniform(mix(base + (n + 1 + i) * PHI)) - 1 for i in (0, 1))
        n += 2
        s = u * u + v * v
        if 0 < s < 1:
            f = math.sqrt(-2 * ln(s) / s)
            out += [u * f, v * f]
    return out[:count]


def four_lane_sum(terms: list[float], first_row: int) -> float:
    """Row i is added to lane i mod 4, in rising order; then (lane 0 + lane 1) + (lane 2 + lane 3)."""
    lanes = [0.0] * 4
    for i, term in enumerate(terms, first_row):
        lanes[i % 4] += term
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])


def haar(h: int, d: int) -> list[list[float]]:
    """Q diag(sgn R_ii) of Householder's QR of a Gaussian matrix."""
    g = gaussians(h, d * d)
    a = [g[i * d : (i + 1) * d] for i in range(d)]
    reflectors = []
    signs = []
    for k in range(d - 1):
        x = [a[i][k] for i in range(k, d)]
        alpha = math.sqrt(four_lane_sum([value * value for value in x], k))
        v = [x[0] + (-alpha if x[0] < 0 else alpha), *x[1:]]
        beta = 1 / (alpha * (alpha + abs(x[0]))) if alpha else 0.0
        reflectors.append((v, beta))
        signs.append(-1.0 if alpha and x[0] >= 0 else 1.0)
        reflect(a, k, v, beta, range(k + 1, d))
    signs.append(-1.0 if a[d - 1][d - 1] < 0 else 1.0)
    q = [[float(i == j) for j in range(d)] for i in range(d)]
    for k in range(d - 2, -1, -1):
        reflect(q, k, *reflectors[k], range(k, d))
    return [[q[i][j] * signs[j] for j in range(d)] for i in range(d)]


def reflect(a: list[list[float]], k: int, v: list[float], beta: float, columns: range) -> None:
    """A[k:, j] -= v (beta v^T A[k:, j]) for each column j."""
    for j in columns:
        t = beta * four_lane_sum([v[i] * a[k + i][j] for i in range(len(v))], k)
        for i in range(len(v)):
            a[k + i][j] -= v[i] * t
