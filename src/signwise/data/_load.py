"""One entrance to every data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, overload

from ._corpora import load_corpus, load_text
from ._fetch import locate
from ._graphs import load_bitcoin, load_epinions, load_static
from ._images import load_cifar10, load_fashion_mnist
from ._matrices import load_a9a, load_escalator, load_highway, load_highway_video, load_yale_b
from ._records import (
    FaceImages,
    JsonCorpus,
    LabelledImages,
    LoadedStream,
    Record,
    SignedGraph,
    TabularData,
    TextCorpus,
    VideoFrames,
    WikiRfa,
)
from ._registry import describe
from ._wiki_rfa import load_wiki_rfa, load_wiki_rfa_text

Root = str | os.PathLike[str] | None

_LOADERS: dict[str, Callable[..., Any]] = {
    "bitcoin-alpha": load_bitcoin,
    "bitcoin-otc": load_bitcoin,
    "wiki-rfa": load_wiki_rfa,
    "epinions": load_epinions,
    "wiki-rfa-static": load_static,
    "fashion-mnist": load_fashion_mnist,
    "cifar-10": load_cifar10,
    "tiny-shakespeare": load_text,
    "a9a": load_a9a,
    "escalator": load_escalator,
    "highway": load_highway,
    "highway-video": load_highway_video,
    "yale-b": load_yale_b,
}


@overload
def load(
    name: Literal["bitcoin-otc", "bitcoin-alpha", "epinions"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> LoadedStream: ...
@overload
def load(
    name: Literal["wiki-rfa"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
    with_text: Literal[False] = False,
) -> LoadedStream: ...
@overload
def load(
    name: Literal["wiki-rfa"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
    with_text: Literal[True],
) -> WikiRfa: ...
@overload
def load(
    name: Literal["wiki-rfa-static"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> SignedGraph: ...
@overload
def load(
    name: Literal["fashion-mnist", "cifar-10"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> LabelledImages: ...
@overload
def load(
    name: Literal["tiny-shakespeare"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> TextCorpus: ...
@overload
def load(
    name: Literal["a9a"], root: Root = None, *, download: bool = True, verify: bool = True, progress: bool | None = None
) -> TabularData: ...
@overload
def load(
    name: Literal["escalator", "highway"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> VideoFrames: ...
@overload
def load(
    name: Literal["highway-video"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
    colour: bool = False,
) -> VideoFrames: ...
@overload
def load(
    name: Literal["yale-b"],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> FaceImages: ...
@overload
def load(
    name: Literal[
        "fhir-r4-examples",
        "github-webhook-payloads",
        "go-vulndb-osv-cve",
        "jsontestsuite",
        "schemastore-negative-test-documents",
        "schemastore-test-documents",
        "simdjson-examples",
        "vega-lite-specs",
    ],
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
) -> JsonCorpus: ...
@overload
def load(
    name: str,
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
    with_text: bool = False,
    colour: bool = False,
) -> Record: ...
def load(
    name: str,
    root: Root = None,
    *,
    download: bool = True,
    verify: bool = True,
    progress: bool | None = None,
    with_text: bool = False,
    colour: bool = False,
) -> Record:
    """Read a data set into its typed record.

    Files are looked for in ``root``, in the directory in ``SIGNWISE_DATA``, and in the user cache, in this order;
    if none has them they are downloaded from the publisher into the first of the three that is given.

    Args:
        name: one of :func:`names`; :func:`describe` says which record comes back.
        root: a data directory, or the file itself for a set of one file.
        download: whether to ask the publisher for files that are not there.
        verify: whether to compare content with the known checksums and counts.
        progress: show the progress of a download or not; None as for :class:`signwise.progress.Progress`.
        with_text: for ``wiki-rfa`` only: return :class:`WikiRfa`, which has the comments too.
        colour: for ``highway-video`` only: frames in colour.

    Raises:
        ValueError: no data set has this name, or it does not have this option.
        DataError: the files are missing (the message says where to get them and where to put them), damaged, or
            hold other counts than the known ones.

    Example:
        >>> import gzip, tempfile
        >>> from pathlib import Path
        >>> from signwise import data
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "soc-sign-bitcoinotc.csv.gz"
        ...     _ = file.write_bytes(gzip.compress(b"6,2,4,1289241911.72836\\n6,5,-2,1289241941.53378\\n"))
        ...     stream = data.load("bitcoin-otc", file, verify=False)
        >>> stream
        EventStream(2 events, 3 nodes, 50.0 % positive, 2010-11-08T18:45:11Z .. 2010-11-08T18:45:41Z)
        >>> stream.time.tolist(), stream.weight_max
        ([1289241911728360, 1289241941533780], 10.0)
    """
    info = describe(name)
    if with_text and name != "wiki-rfa":
        raise ValueError(f"with_text is an option of wiki-rfa; {name} has no texts")
    if colour and name != "highway-video":
        raise ValueError(f"colour is an option of highway-video; {name} has one form only")
    loader = _LOADERS.get(name, load_corpus)
    if with_text:
        loader = load_wiki_rfa_text
    elif colour:
        loader = partial(load_highway_video, colour=True)
    record: Record = loader(info, locate(info, root, download_missing=download, progress=progress), verify)
    return record
