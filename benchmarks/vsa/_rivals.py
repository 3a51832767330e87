"""Other ways from JSON text to vectors. Each takes a list of JSON texts and parses it with orjson."""

import random
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import orjson
import torch
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer

from signwise.ortho import Haar


def parse(texts: list[bytes]) -> None:
    for text in texts:
        orjson.loads(text)


# ---- Flattened paths, hashed -----------------------------------------------------------------------------------


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """(path=value, 1) of a string or literal, (path, value) of a number; array indices are part of the path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flattened(item, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from flattened(item, f"{path}[{i}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, float(value)
    else:
        yield f"{path}={value}", 1.0


def feature_hasher(texts: list[bytes]) -> Any:
    hasher = FeatureHasher(4096, input_type="pair", dtype=np.float32)
    return hasher.transform(flattened(orjson.loads(text)) for text in texts)


# ---- Text without structure ------------------------------------------------------------------------------------


def word_hasher(texts: list[bytes]) -> Any:
    parse(texts)
    return HashingVectorizer(n_features=4096).transform(text.decode() for text in texts)


def character_hasher(texts: list[bytes]) -> Any:
    parse(texts)
    return HashingVectorizer(analyzer="char", ngram_range=(3, 5), n_features=4096).transform(
        text.decode() for text in texts
    )


class SentenceEncoder:
    """A transformer of MiniLM's shape (6 layers, 384 wide, 12 heads) with random weights: for its speed alone."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        layer = torch.nn.TransformerEncoderLayer(384, 12, 1536, 0.0, "gelu", batch_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False).eval()
        self.tokens = torch.nn.Embedding(30_522, 384)

    @torch.no_grad()
    def __call__(self, texts: list[bytes]) -> torch.Tensor:
        parse(texts)
        # Three bytes a token: about what word pieces of JSON come to.
        rows = [[zlib.crc32(text[i : i + 3]) % 30_522 for i in range(0, min(len(text), 768), 3)] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return self.layers(self.tokens(ids)).mean(1)


# ---- Vector symbolic architectures -----------------------------------------------------------------------------


class TorchHD:
    """torchhd's own parts for the same features: hash tables, level numbers, words, 3-grams; d = 2048, MAP.

    Vectors of keys, words and characters are drawn once and kept.
    """

    def __init__(self, d: int = 2048) -> None:
        import torchhd

        self.hd, self.d = torchhd, d
        self.levels = torchhd.embeddings.Level(1000, d, low=-12, high=12)

    def __call__(self, texts: list[bytes]) -> torch.Tensor:
        return torch.stack([self.encode(orjson.loads(text)) for text in texts])

    @cache  # noqa: B019 - one object, as long as the benchmark
    def symbol(self, kind: str, name: str) -> torch.Tensor:
        seed = zlib.crc32(f"{kind}:{name}".encode())
        return self.hd.random(1, self.d, generator=torch.Generator().manual_seed(seed))[0]

    def string(self, text: str) -> torch.Tensor:
        parts = [self.symbol("whole", text), *(self.symbol("word", word) for word in text.lower().split())]
        padded = f" {text.lower()} "
        characters = torch.stack([self.symbol("character", character) for character in padded])
        return self.hd.multibundle(torch.stack(parts)) + self.hd.ngrams(characters, 3)

    def encode(self, value: Any) -> torch.Tensor:
        if isinstance(value, dict):
            keys = torch.stack([self.symbol("key", key) for key in value])
            return self.hd.hash_table(keys, torch.stack([self.encode(item) for item in value.values()]))
        if isinstance(value, list):
            return self.hd.bundle_sequence(torch.stack([self.encode(item) for item in value]))
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.levels(torch.tensor(float(np.arcsinh(10 * value))))
        return self.symbol("literal", str(value))


class DenseHaar:
    """The paper's operators as they stand: a dense orthogonal matrix for each key and index, kept; exact values."""

    def __init__(self, d: int = 1024) -> None:
        self.d = d

    @cache  # noqa: B019
    def matrix(self, key: str | int) -> np.ndarray:
        return Haar(self.d, key).to_dense().astype(np.float32)

    @cache  # noqa: B019
    def value(self, name: str) -> np.ndarray:
        rng = random.Random(name)
        return np.array([rng.choice((-1.0, 1.0)) for _ in range(self.d)], np.float32)

    def __call__(self, texts: list[bytes]) -> np.ndarray:
        return np.stack([self.encode(orjson.loads(text)) for text in texts])

    def encode(self, value: Any) -> np.ndarray:
        if isinstance(value, dict):
            return sum(self.matrix(key) @ self.encode(item) for key, item in value.items())
        if isinstance(value, list):
            return sum(self.matrix(i) @ self.encode(item) for i, item in enumerate(value))
        return self.value(repr(value))
