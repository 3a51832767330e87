"""JSON documents to vectors."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED

from signwise import artifacts
from signwise._native import _vsa as _kernels

from ..errors import ArtifactError
from ._fit import FitState
from ._inputs import BATCH_ITEMS, OnError, Reject, parse_text, read_batches
from ._operations import VectorOperations
from ._options import OUTPUTS, VERSION, Options, check_options, check_weights, kernel_spec
from ._terms import Term, document_terms

Vectors = NDArray[Any]
Output = Literal["float32", "int32", "bits"]

_KIND = "json-encoder"
_LAYOUT = 1


@dataclass(frozen=True, kw_only=True)
class EncodedBatch:
    """Vectors of documents that were read together.

    Attributes:
        vectors: one row per document.
        lines: the line, or place in the sequence, of each row, counted from 1.
        rejects: the documents left out.
    """

    vectors: Vectors
    lines: list[int]
    rejects: list[Reject]


class JSONEncoder(VectorOperations, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """V(document) in Z^d: the sum over its leaves of weight times path operator times code.

    An object is the sum of M_key V(value) over its members, an array the sum of its elements under an operator
    per index (``"pos"``) and under one common operator (``"set"``), each scaled by 1/sqrt(n views), a string the
    sum of codes of itself, its words and its 3-grams, a number a code that changes gradually with asinh(10 x),
    and true, false, null, {}, [] and "" have a code each. Whole numbers throughout: a term adds
    max(1, rint(1024 omega c)) times +1 or -1 to each component, so that the same document gives the same bits on
    every machine. Nothing is learned unless :meth:`fit` is called.

    A vector can be decoded, and the hash is not cryptographic: vectors do not hide their documents.

    Args:
        d: number of components, a multiple of 512; 1024 is small, 4096 is for archives.
        strings: parts of a string's code, of ``"whole"``, ``"words"`` and ``"grams"``; ``("whole",)`` is fast.
        arrays: views of an array, of ``"pos"``, ``"set"``, ``"end"`` (indices from the end) and ``"adj"`` (pairs of
            neighbours).
        array_norm: whether an array is scaled by 1/sqrt(n) for its length n.
        conjunctions: whether each pair of scalar members of an object adds a term, so that it shows which values
            stand together; objects of more than 64 scalar members are skipped and counted.
        idf: whether a fitted encoder weighs strings and literals by their inverse document frequency; advisable
            from d = 4096.
        weights: weights of paths, such as ``{"title": 3.0, "items[*].note": 0.0}``: a weight multiplies everything
            at and below its path, and 0 drops it.
        output: ``"float32"`` rows of norm 1, ``"int32"`` sums, or ``"bits"``, uint8 of shape ``(n, d/8)``, the
            packed signs in the layout of :mod:`signwise.bits`.
        seed: ``0 <= seed < 2**64``; different seeds give unrelated vectors.

    Attributes:
        rejects_: what the last call with ``on_error="skip"`` left out.
        conjunctions_skipped_: objects with too many members for conjunctions in the last call.

    References:
        Gallant, Orthogonal matrices for MBAT vector symbolic architectures, arXiv 2202.04771.
        Gallant and Okaywe, Representing objects, relations, and sequences, Neural Computation 25(8), 2013.

    Examples:
        >>> from signwise.vsa import JSONEncoder
        >>> x = JSONEncoder().transform([
        ...     {"name": "Ada Lovelace", "born": 1815},
        ...     '{"born": 1816, "name": "Ada Lovelace"}',
        ...     {"name": "Charles Babbage", "born": 1791},
        ... ])
        >>> (x @ x.T).round(1).tolist()[0]
        [1.0, 1.0, 0.5]
    """

    # on_error is not for pipelines to route.
    __metadata_request__fit = {"on_error": UNUSED}  # noqa: RUF012 - scikit-learn reads a plain dict
    __metadata_request__partial_fit = {"on_error": UNUSED}  # noqa: RUF012
    __metadata_request__transform = {"on_error": UNUSED}  # noqa: RUF012

    state_: FitState
    rejects_: list[Reject]
    conjunctions_skipped_: int

    def __init__(
        self,
        d: int = 2048,
        *,
        strings: tuple[str, ...] = ("whole", "words", "grams"),
        arrays: tuple[str, ...] = ("pos", "set"),
        array_norm: bool = True,
        conjunctions: bool = False,
        idf: bool = False,
        weights: Mapping[Any, float] | None = None,
        output: Output = "float32",
        seed: int = 0,
    ) -> None:
        self.d = d
        self.strings = strings
        self.arrays = arrays
        self.array_norm = array_norm
        self.conjunctions = conjunctions
        self.idf = idf
        self.weights = weights
        self.output = output
        self.seed = seed

    # ---- Fitting -------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, *, on_error: OnError = "raise") -> Self:
        """Learn the scale of numbers by path and, with ``idf``, the document frequencies of terms.

        One pass. The order of the documents and their partition do not matter (:meth:`merge`).

        Args:
            X: documents, as in :meth:`transform`.
            y: ignored.
            on_error: as in :meth:`transform`.

        Returns:
            This encoder.

        Raises:
            DataError, TypeError: as in :meth:`transform`.
        """
        self.__dict__.pop("state_", None)
        return self.partial_fit(X, y, on_error=on_error)

    def partial_fit(self, X: Any, y: object = None, *, on_error: OnError = "raise") -> Self:
        """Learn from more documents; arguments, result and errors as in :meth:`fit`.

        Raises:
            ValueError: the encoder has idf and was loaded from a file, which holds no terms seen once.
        """
        kernel = self._kernel(fitted=False)
        # Only whole calls count: after an error the encoder is as it was.
        state = FitState(idf=bool(self.idf))
        if hasattr(self, "state_"):
            self.state_.check_open()
        rejects: list[Reject] = []
        for batch in read_batches(X, kernel, on_error):
            state.add(kernel.collect(batch.buffers))
            rejects += batch.rejects
        self._learn(state)
        self.rejects_ = rejects
        return self

    def merge(self, other: JSONEncoder) -> Self:
        """Add what another encoder with the same options has learned.

        Args:
            other: an encoder with the same options; it stays as it is.

        Returns:
            This encoder.

        Raises:
            ValueError: other options, or an idf state that was loaded from a file.
        """
        if self._options() != other._options():
            raise ValueError("encoders merge where all their options are equal (output aside)")
        if hasattr(other, "state_"):
            self._learn(other.state_)
        return self

    def _learn(self, state: FitState) -> None:
        own = self.state_ if hasattr(self, "state_") else FitState(idf=bool(self.idf))
        own.merge(state)
        self.state_ = own
        self._revision = getattr(self, "_revision", 0) + 1

    # ---- Encoding ------------------------------------------------------------------------------------------

    def transform(self, X: Any, *, on_error: OnError = "raise") -> Vectors:
        """The vectors of documents.

        Args:
            X: an iterable of documents, each a dict, a list, or JSON text as str or bytes; a
                :class:`pathlib.Path` to a JSONL file, which is streamed (blank lines are passed over); an Arrow
                table or record batch, whose rows are documents, or an Arrow column (extra ``arrow``).
            on_error: ``"raise"``, or ``"skip"`` to leave bad documents out and list them in ``rejects_``.

        Returns:
            One row per document that was encoded: float32 or int32, shape ``(n, d)``, or uint8, shape
            ``(n, d/8)``, for ``output="bits"``.

        Raises:
            DataError: a document that is no JSON, or holds NaN, infinity, a lone surrogate or more than 1024
                nested containers; the message has its line and its path.
            OverflowError: an int32 component does not fit.
            TypeError: a bare str, or a document of another type.
            OSError: the file cannot be read.
        """
        kernel, output = self._kernel(), self._output(None)
        kernel.skipped = 0
        rejects: list[Reject] = []
        # Where the number of documents is known the rows are made at once, and none is copied.
        vectors = kernel.rows(len(X), output) if isinstance(X, Sized) else None
        parts: list[Vectors] = []
        at = 0
        for batch in read_batches(X, kernel, on_error):
            count = len(batch.lines)
            if vectors is None:
                parts.append(kernel.encode(batch.buffers, output))
            else:
                kernel.encode(batch.buffers, output, vectors[at : at + count])
            at += count
            rejects += batch.rejects
        self.rejects_, self.conjunctions_skipped_ = rejects, kernel.skipped
        if vectors is not None:
            return vectors if at == len(vectors) else vectors[:at].copy()
        return np.concatenate(parts) if parts else kernel.rows(0, output)

    def transform_batches(
        self,
        X: Any,
        *,
        batch_size: int = BATCH_ITEMS,
        on_error: OnError = "raise",
    ) -> Iterator[EncodedBatch]:
        """The vectors of documents, a batch at a time, so that neither documents nor vectors need fit memory.

        Args:
            X: documents, as in :meth:`transform`.
            batch_size: most documents in a batch; large ones make smaller batches.
            on_error: as in :meth:`transform`.

        Yields:
            The batches in order.

        Raises:
            DataError, OverflowError, TypeError, OSError: as in :meth:`transform`.
        """
        kernel, output = self._kernel(), self._output(None)
        for batch in read_batches(X, kernel, on_error, batch_size):
            kernel.skipped = 0
            vectors = kernel.encode(batch.buffers, output)
            self.conjunctions_skipped_ = kernel.skipped
            yield EncodedBatch(vectors=vectors, lines=batch.lines, rejects=batch.rejects)

    def encode_one(self, document: Any, *, output: Output | None = None) -> Vectors:
        """The vector of one document.

        Args:
            document: a dict, a list, or JSON text as str or bytes.
            output: another form than the encoder's.

        Returns:
            float32 or int32, shape ``(d,)``, or uint8, shape ``(d/8,)``.

        Raises:
            OverflowError: an int32 component does not fit.
            TypeError, ValueError: as in :meth:`transform`, without a line.
        """
        return self._encode_read(self._kernel(), document, output)

    def encode_query(
        self, partial: Any, weights: Mapping[Any, float] | None = None, *, output: Output | None = None
    ) -> Vectors:
        """The vector of a partial document whose paths have weights, to search with.

        Args:
            partial: the members that matter: a dict, a list, or JSON text.
            weights: weights by path that multiply the encoder's own, ``{"title": 3.0}``.
            output: another form than the encoder's; searches that re-rank take ``"int32"``.

        Returns:
            As :meth:`encode_one`.

        Raises:
            OverflowError, TypeError, ValueError: as in :meth:`encode_one`, and for weights as in the class.
        """
        extra = check_weights(weights)
        if not extra:
            return self._encode_read(self._kernel(), partial, output)
        stats, idf = self._tables()
        kernel = _kernels.Encoder(kernel_spec(self._options(), extra, stats, idf))
        return self._encode_read(kernel, partial, output)

    def _encode_read(self, kernel: _kernels.Encoder, document: Any, output: Output | None) -> Vectors:
        form = self._output(output)
        buffers, failures = kernel.read([document], parse_text)
        if failures:
            raise failures[0].error
        vector: Vectors = kernel.encode(buffers, form)[0]
        return vector

    def _terms(self, document: Any) -> list[Term]:
        """The terms of a parsed document, or of JSON text as bytes: one per leaf, and the pseudo-terms."""
        parsed = parse_text(document) if isinstance(document, bytes) else document
        return document_terms(parsed, self._options(), self._kernel())

    def _term_vectors(self, terms: Sequence[Term]) -> NDArray[np.int64]:
        """The vectors of terms, int64, shape ``(n, d)``; those of a document add up to its own."""
        return self._kernel().encode([term.tokens for term in terms], "int64")

    # ---- State ---------------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """SHA-256 of version, options and fitted state; equal fingerprints give equal vectors.

        The output form is not part of it: signs and sums of one encoder belong together.
        """
        return self._options().digest(self.state_.digest() if hasattr(self, "state_") else b"")

    def save(self, path: str | pathlib.Path) -> pathlib.Path:
        """Save options and fitted state as a directory of JSON and safetensors, atomically.

        Of an idf state the terms seen once are left out; merge first.

        Raises:
            ArtifactError: what is at ``path`` is something else.
        """
        options = self._options()
        meta: dict[str, Any] = {
            "encoding": VERSION,
            "fingerprint": self.fingerprint,
            "output": self._output(None),
            "options": {name: getattr(options, name) for name in options.__dataclass_fields__},
        }
        tensors = None
        if hasattr(self, "state_"):
            meta["documents"] = self.state_.documents
            tensors = self.state_.tensors()
        return artifacts.save(path, kind=_KIND, version=_LAYOUT, tensors=tensors, meta=meta)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> Self:
        """The encoder that :meth:`save` wrote.

        Raises:
            ArtifactError: missing or damaged, of another kind or version, or with a fingerprint that does not
                follow from its content.
        """
        artifact = artifacts.load(path, kind=_KIND, max_version=_LAYOUT)
        options = dict(artifact.meta["options"])
        options["weights"] = {tuple(steps): weight for steps, weight in options["weights"]} or None
        for name in ("strings", "arrays"):
            options[name] = tuple(options[name])
        self = cls(**options, output=artifact.meta["output"])
        if "documents" in artifact.meta:
            self.state_ = FitState.from_tensors(
                artifact.tensors, documents=artifact.meta["documents"], idf=options["idf"]
            )
        if artifact.meta["encoding"] != VERSION or self.fingerprint != artifact.meta["fingerprint"]:
            raise ArtifactError(f"{path}: the fingerprint does not follow from the options and the state")
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Always: an encoder works unfitted."""
        return True

    def __sklearn_tags__(self) -> Any:
        """Documents come in, not a matrix; no fit is needed."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        tags.input_tags.string = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the kernel, which is built again."""
        return {name: value for name, value in super().__getstate__().items() if name != "_kernels"}

    @property
    def _n_features_out(self) -> int:
        return self._options().d // (8 if self._output(None) == "bits" else 1)

    def _options(self) -> Options:
        return check_options(
            d=self.d,
            strings=self.strings,
            arrays=self.arrays,
            array_norm=self.array_norm,
            conjunctions=self.conjunctions,
            idf=self.idf,
            weights=self.weights,
            seed=self.seed,
        )

    def _output(self, output: Output | None) -> Output:
        form = self.output if output is None else output
        if form not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {form!r}")
        return form

    def _tables(self) -> tuple[Any, Any]:
        if not hasattr(self, "state_"):
            return None, None
        return self.state_.stats(), self.state_.factors()

    def _kernel(self, *, fitted: bool = True) -> _kernels.Encoder:
        # Kernels hold tables and caches, so they are kept until an option or the state changes.
        options = self._options()
        revision = getattr(self, "_revision", 0) if fitted else -1
        cache: dict[Any, _kernels.Encoder] = self.__dict__.setdefault("_kernels", {})
        if (options, revision) not in cache:
            stats, idf = self._tables() if fitted else (None, None)
            cache.clear()
            cache[options, revision] = _kernels.Encoder(kernel_spec(options, (), stats, idf))
        return cache[options, revision]
