"""JSON text to vectors, parsing included: signwise against flattened paths, hashed text, torchhd and others."""

from functools import partial

import numpy as np

from benchmarks._runner import Bench, Target
from benchmarks.vsa._documents import orders
from benchmarks.vsa._rivals import (
    DenseHaar,
    SentenceEncoder,
    TorchHD,
    character_hasher,
    feature_hasher,
    parse,
    word_hasher,
)
from signwise.vsa import JSONEncoder

EXACT = {"strings": ("whole",), "arrays": ("pos",)}


def times(texts: list[bytes], count: int) -> str:
    size = sum(map(len, texts)) / len(texts)
    return f"{count:,} orders of {size:.0f} bytes"


def run(bench: Bench) -> None:
    texts = orders(1000)
    rounds = bench.rounds
    ours = JSONEncoder(**EXACT)
    bench.group(
        f"exact strings, positions, d = 2048: {times(texts, 1000)} (other features each)",
        {
            "orjson.loads alone": partial(parse, texts),
            "signwise, exact strings": partial(ours.transform, texts),
            "signwise, exact strings, bits": partial(JSONEncoder(output="bits", **EXACT).transform, texts),
        },
        baseline="orjson.loads alone",
        equal=None,
        targets=[
            Target(contender="signwise, exact strings", ratio=1 / 4.5),
            Target(contender="signwise, exact strings", ratio=1 / 2.5),
        ],
    )
    bench.group(
        f"the same against flattened paths: {times(texts, 1000)} (other features each)",
        {
            "orjson, flatten, FeatureHasher(4096)": partial(feature_hasher, texts),
            "HashingVectorizer(4096), words": partial(word_hasher, texts),
            "signwise, exact strings": partial(ours.transform, texts),
        },
        baseline="orjson, flatten, FeatureHasher(4096)",
        equal=None,
        targets=[
            Target(contender="signwise, exact strings", ratio=1.4),
            Target(contender="signwise, exact strings", ratio=2.6),
        ],
        rounds=min(rounds, 15),
    )
    default = JSONEncoder()
    bench.group(
        f"default (whole, words, 3-grams; positions and set), d = 2048: {times(texts, 1000)}",
        {
            "orjson.loads alone": partial(parse, texts),
            "signwise, default": partial(default.transform, texts),
            "signwise, default, bits": partial(JSONEncoder(output="bits").transform, texts),
        },
        baseline="orjson.loads alone",
        equal=None,
        targets=[
            Target(contender="signwise, default", ratio=1 / 12),
            Target(contender="signwise, default", ratio=1 / 6),
        ],
    )
    some = texts[:200]
    bench.group(
        f"default against hashed characters: {times(some, 200)} (other features each)",
        {
            "HashingVectorizer(4096), characters 3 to 5": partial(character_hasher, some),
            "signwise, default": partial(default.transform, some),
        },
        baseline="HashingVectorizer(4096), characters 3 to 5",
        equal=None,
        targets=[Target(contender="signwise, default", ratio=7)],
        rounds=min(rounds, 9),
    )
    few = texts[:20]
    bench.group(
        f"default against torchhd, d = 2048: {times(few, 20)} (like features)",
        {
            "torchhd, MAP": partial(TorchHD(), few),
            "signwise, default": partial(default.transform, few),
        },
        baseline="torchhd, MAP",
        equal=None,
        targets=[Target(contender="signwise, default", ratio=90)],
        rounds=min(rounds, 9),
    )
    bench.group(
        f"default against a sentence encoder of MiniLM's shape, random weights: {times(few, 20)} (speed alone)",
        {
            "transformer, 6 x 384": partial(SentenceEncoder(), few),
            "signwise, default": partial(default.transform, few),
        },
        baseline="transformer, 6 x 384",
        equal=None,
        rounds=min(rounds, 5),
    )
    small = JSONEncoder(1024, **EXACT)
    dense = DenseHaar(1024)
    ratio = np.linalg.norm(dense(few)[0]) / np.sqrt(1024 * 25)
    if not 0.8 < ratio < 1.25:
        raise AssertionError("the dense form does not keep norms")
    bench.group(
        f"exact strings, positions, d = 1024, against dense Haar operators, kept: {times(few, 20)}",
        {
            "dense Haar": partial(dense, few),
            "signwise, exact strings": partial(small.transform, few),
        },
        baseline="dense Haar",
        equal=None,
        targets=[
            Target(contender="signwise, exact strings", ratio=600),
            Target(contender="signwise, exact strings", ratio=1500),
        ],
        rounds=min(rounds, 5),
    )
