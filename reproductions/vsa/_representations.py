"""Ways to represent JSON documents as vectors, in 512 bytes each or without a limit.

A rival's features are compressed in two ways, of which the better one counts: the first 256 singular directions as
float16, or the signs of 4096 random projections. Ours keeps 4096 signs. Every way is fitted on the stored documents.
"""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize
from sklearn.random_projection import SparseRandomProjection

from signwise.bits import PackedBits
from signwise.vsa import JSONEncoder

BYTES = 512
D = 8 * BYTES
WIDTH = 2**16
Documents = Sequence[Any]


class Representation(Protocol):
    """Rows of norm 1 for stored documents and for queries; their product is the similarity."""

    def fit(self, documents: Documents) -> Representation: ...

    def stored(self, documents: Documents) -> Any: ...

    def query(self, documents: Documents) -> Any: ...


class Ours:
    """JSONEncoder: stored as signs, queried by integers; without a limit, float32."""

    def __init__(self, fitted: bool, limit: bool, **options: Any) -> None:
        self.fitted, self.limit = fitted, limit
        self.encoder = JSONEncoder(D, **options)

    def fit(self, documents: Documents) -> Ours:
        if self.fitted:
            self.encoder.fit(documents)
        return self

    def stored(self, documents: Documents) -> np.ndarray:
        if not self.limit:
            return self.query(documents)
        self.encoder.output = "bits"
        octets = self.encoder.transform(documents)
        return PackedBits(octets.view("<u8"), D).unpack("float32") / np.float32(D**0.5)

    def query(self, documents: Documents) -> np.ndarray:
        self.encoder.output = "float32"
        return self.encoder.transform(documents)


class OursAnywhere(Ours):
    """The sum of two JSONEncoder vectors: the document, and its words and keys wherever they stand, by their idf."""

    def __init__(self, fitted: bool, limit: bool, strings: tuple[str, ...], **options: Any) -> None:
        super().__init__(fitted, limit, **options)
        self.words = JSONEncoder(D, strings=strings, idf=True)

    def fit(self, documents: Documents) -> OursAnywhere:
        super().fit(documents)
        self.words.fit([anywhere(d) for d in documents])
        return self

    def stored(self, documents: Documents) -> np.ndarray:
        rows = self.query(documents)
        return np.where(rows >= 0, 1, -1).astype(np.float32) / np.float32(D**0.5) if self.limit else rows

    def query(self, documents: Documents) -> np.ndarray:
        return normalize(super().query(documents) + self.words.transform([anywhere(d) for d in documents]))


def anywhere(document: Any) -> dict[str, str]:
    """The different words of a document's keys and values, as a document of one text."""
    found: set[str] = set()
    for path, value in leaves(document):
        found.update(re.findall(r"\w+", path.lower()), re.findall(r"\w+", str(value).lower()))
    return {"words": " ".join(sorted(found))}


class Features:
    """Sparse features of a scikit-learn pipeline, and one of the compressions or None."""

    def __init__(self, make: Callable[[], Any], read: Callable[[Any], Any], compression: str | None) -> None:
        self.make, self.read, self.compression = make, read, compression

    def fit(self, documents: Documents) -> Features:
        self.pipeline = self.make()
        features = self.pipeline.fit_transform([self.read(d) for d in documents])
        if self.compression == "256 directions":
            self.project: Any = Directions(features, BYTES // 2)
        elif self.compression == "signs":
            self.project = projection(features.shape[1])
        return self

    def query(self, documents: Documents) -> Any:
        features = self.pipeline.transform([self.read(d) for d in documents])
        if self.compression is None:
            return normalize(features)
        projected = self.project.transform(features)
        if sparse.issparse(projected):
            projected = projected.toarray()
        return normalize(projected).astype(np.float32)

    def stored(self, documents: Documents) -> Any:
        rows = self.query(documents)
        if self.compression == "256 directions":
            return rows.astype(np.float16).astype(np.float32)
        if self.compression == "signs":
            return np.where(rows >= 0, 1, -1).astype(np.float32) / np.float32(D**0.5)
        return rows


class Directions:
    """The first singular directions of stored rows, by the eigenvectors of their products."""

    def __init__(self, rows: sparse.csr_matrix, rank: int) -> None:
        self.rows = rows
        values, vectors = np.linalg.eigh((rows @ rows.T).toarray())
        kept = np.flatnonzero(values > 1e-9 * values[-1])[-rank:]
        self.weights = vectors[:, kept] / np.sqrt(values[kept])

    def transform(self, features: sparse.csr_matrix) -> np.ndarray:
        return (features @ self.rows.T) @ self.weights


@functools.lru_cache(maxsize=4)
def projection(features: int) -> SparseRandomProjection:
    """The random projection of so many features; it depends on nothing else."""
    return SparseRandomProjection(D, random_state=0).fit(sparse.csr_matrix((1, features)))


class Table:
    """skrub's TableVectorizer on a column for each path in at least a hundredth of the documents.

    Every feature is brought to mean 0 and deviation 1; a missing value counts as the mean. Features of documents
    that were seen are kept, as one fit takes a minute and compressions share it.
    """

    kept: ClassVar[dict[Any, Any]] = {}

    def __init__(self, encoder: str) -> None:
        self.encoder = encoder

    def fit_transform(self, documents: list[Any], y: None = None) -> sparse.csr_matrix:
        self.known = (self.encoder, *map(id, documents))
        if self.known not in self.kept:
            # With the documents themselves, so that no other object gets the identity of one.
            self.kept[self.known] = (*self._fitted([cells(d) for d in documents]), documents)
        self.table, self.columns, self.centre, self.scale, _ = self.kept[self.known]
        return self.transform(documents)

    def transform(self, documents: list[Any]) -> sparse.csr_matrix:
        asked = (self.known, *map(id, documents))
        if asked not in self.kept:
            features = self._features(self.table.transform, [cells(d) for d in documents], self.columns)
            self.kept[asked] = sparse.csr_matrix(np.nan_to_num((features - self.centre) / self.scale)), documents
        return self.kept[asked][0]

    def _fitted(self, rows: list[dict[str, Any]]) -> tuple[Any, ...]:
        import skrub

        counts = Counter(path for row in rows for path in row)
        columns = sorted(path for path, count in counts.items() if count >= max(2, len(rows) / 100))
        text = skrub.StringEncoder(random_state=0) if self.encoder == "LSA" else skrub.MinHashEncoder()
        table = skrub.TableVectorizer(high_cardinality=text)
        features = self._features(table.fit_transform, rows, columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a column without values
            centre, spread = np.nan_to_num(np.nanmean(features, axis=0)), np.nan_to_num(np.nanstd(features, axis=0))
        return table, columns, centre, np.where(spread > 0, spread, 1)

    def _features(self, make: Callable[[Any], Any], rows: list[dict[str, Any]], columns: list[str]) -> np.ndarray:
        import pandas as pd

        frame = pd.DataFrame({path: pd.Series([row.get(path) for row in rows]) for path in columns})
        with warnings.catch_warnings():
            # Columns of few words or of one value, and categories that only a query has.
            warnings.simplefilter("ignore")
            return make(frame).to_numpy(dtype=np.float64)


def cells(document: Any) -> dict[str, Any]:
    """One value by path: values of an array's elements as one text, a lone number as a number."""
    found: dict[str, list[Any]] = {}
    for path, value in leaves(document):
        if value not in (None, {}, []):
            found.setdefault(path, []).append(value)
    return {path: values[0] if len(values) == 1 else " ".join(map(str, values)) for path, values in found.items()}


class TorchHD:
    """torchhd's MAP model, as a user would: words of a value bundled, bound to its path, bundled; 4096 signs."""

    def __init__(self, limit: bool) -> None:
        self.limit = limit
        self.known: dict[str, Any] = {}

    def fit(self, documents: Documents) -> TorchHD:
        return self

    def query(self, documents: Documents) -> np.ndarray:
        import torchhd

        rows = []
        for document in documents:
            bound = [
                torchhd.bind(self._atom(f"path {path}"), torchhd.multiset(torch_stack([self._atom(w) for w in words])))
                for path, words in ((p, re.findall(r"\w+", str(v).lower()) or [str(v)]) for p, v in leaves(document))
            ]
            rows.append(torchhd.multiset(torch_stack(bound)).numpy())
        return normalize(np.stack(rows)).astype(np.float32)

    def stored(self, documents: Documents) -> np.ndarray:
        rows = self.query(documents)
        return np.where(rows >= 0, 1, -1).astype(np.float32) / np.float32(D**0.5) if self.limit else rows

    def _atom(self, token: str) -> Any:
        import torch
        import torchhd

        if token not in self.known:
            generator = torch.Generator().manual_seed(len(self.known))
            self.known[token] = torchhd.random(1, D, "MAP", generator=generator)[0]
        return self.known[token]


def torch_stack(vectors: list[Any]) -> Any:
    import torch

    return torch.stack([v.as_subclass(type(vectors[0])) for v in vectors])


def leaves(value: Any, path: str = "", index: bool = False) -> Iterator[tuple[str, Any]]:
    """Flattened paths and values; an element of an array is ``[*]``, or its index."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}", index)
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i if index else '*'}]", index)
    else:
        yield path, value


def tokens(words: bool, index: bool) -> Callable[[Any], list[str]]:
    """Tokens path=value, and with ``words`` path~word for each word of a string."""

    def read(document: Any) -> list[str]:
        out = []
        for path, value in leaves(document, index=index):
            out.append(f"{path}={json.dumps(value)}")
            if words and isinstance(value, str):
                out += [f"{path}~{word}" for word in re.findall(r"\w+", value.lower())]
        return out

    return read


def text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def hashed(sublinear: bool) -> Callable[[], Any]:
    hasher = FeatureHasher(WIDTH, input_type="string", alternate_sign=False)
    return lambda: make_pipeline(hasher, TfidfTransformer(sublinear_tf=sublinear))


def weighted(analyzer: str, sublinear: bool) -> Callable[[], Any]:
    if analyzer == "word":
        return lambda: TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=sublinear)
    return lambda: TfidfVectorizer(analyzer="char", ngram_range=(3, 5), max_features=WIDTH, sublinear_tf=sublinear)


def contenders(limit: bool) -> dict[str, dict[str, Callable[[], Representation]]]:
    """By contender, its variants by name, all in 512 bytes a document (``limit``) or without a limit."""
    compressions = ("256 directions", "signs") if limit else (None,)
    ours: dict[str, Callable[[], Representation]] = {
        "unfitted": lambda: Ours(False, limit),
        "unfitted, no array norm": lambda: Ours(False, limit, array_norm=False),
        "idf": lambda: Ours(True, limit, idf=True),
        "idf, no array norm": lambda: Ours(True, limit, idf=True, array_norm=False),
        "idf, words and whole": lambda: Ours(True, limit, idf=True, strings=("whole", "words")),
        "idf, pos+set+adj, conjunctions": lambda: Ours(
            True, limit, idf=True, arrays=("pos", "set", "adj"), conjunctions=True
        ),
    }
    for name, strings in (("words", ("words",)), ("words and grams", ("words", "grams"))):
        ours[f"unfitted, and {name} anywhere"] = lambda strings=strings: OursAnywhere(False, limit, strings)
        ours[f"idf, and {name} anywhere"] = lambda strings=strings: OursAnywhere(True, limit, strings, idf=True)
    found: dict[str, dict[str, Callable[[], Representation]]] = {"signwise": dict(ours)}
    found["FeatureHasher on paths"] = {
        f"{'words' if words else 'values'}, {'index' if index else '[*]'}, {c}": (
            lambda words=words, index=index, c=c: Features(hashed(True), tokens(words, index), c)
        )
        for words in (False, True)
        for index in (False, True)
        for c in compressions
    }
    for analyzer, name in (("word", "TF-IDF words"), ("char", "TF-IDF characters")):
        found[name] = {
            f"sublinear={sub}, {c}": (
                lambda analyzer=analyzer, sub=sub, c=c: Features(weighted(analyzer, sub), text, c)
            )
            for sub in (False, True)
            for c in compressions
        }
    found["TableVectorizer"] = {
        f"{encoder}, {c}": (lambda encoder=encoder, c=c: Features(lambda: Table(encoder), lambda d: d, c))
        for encoder in ("LSA", "MinHash")
        for c in compressions
    }
    found["torchhd MAP"] = {"paths and words": lambda: TorchHD(limit)}
    return found
