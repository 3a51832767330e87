"""Text and JSON corpora."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ..errors import DataError
from ._read import check_content, check_counts, read_bytes
from ._records import JsonCorpus, Provenance, TextCorpus, listed
from ._registry import DatasetInfo


def load_text(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> TextCorpus:
    """One text file."""
    if verify:
        check_content(info, paths)
    try:
        text = read_bytes(paths[0]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{paths[0]}: not UTF-8 text: {error}") from error
    alphabet = tuple(sorted(set(text)))
    if verify:
        check_counts(info, paths[0], characters=len(text), symbols=len(alphabet))
    return TextCorpus(
        text=text, alphabet=alphabet, provenance=Provenance(name=info.name, files=paths, records=len(text))
    )


def load_corpus(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> JsonCorpus:
    """A folder of JSON files, listed but not read."""
    corpus = list_corpus(paths[0], info.name)
    if verify:
        check_counts(info, paths[0], **_corpus_counts(corpus))
    return corpus


def list_corpus(folder: Path, name: str) -> JsonCorpus:
    """List the ``.json`` and ``.ndjson`` files below ``folder``, sorted, with the label and group of each.

    Files of other kinds are counted as dropped.

    Raises:
        DataError: the folder has no JSON file.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    paths = tuple(path for path in files if path.endswith((".json", ".ndjson")))
    if not paths:
        raise DataError(f"{folder}: has no .json file in it")
    label = LABELS[name]
    marks = [label(PurePosixPath(path)) for path in paths]
    other = len(files) - len(paths)
    return JsonCorpus(
        folder=folder,
        paths=paths,
        labels=tuple(mark for mark, _ in marks),
        groups=tuple(group for _, group in marks),
        provenance=Provenance(
            name=name, files=(folder,), records=len(files), dropped=listed([("not a JSON file", other)])
        ),
    )


def _webhook(path: PurePosixPath) -> tuple[str, str]:
    # .../<platform>/<event>/<action>[.<variant>].payload.json; an event without actions has payload.json.
    action = path.name.split(".")[0]
    return f"{path.parent.name}/{action}", path.parent.parent.name


def _folder(path: PurePosixPath) -> tuple[str, str]:
    return path.parts[2] if len(path.parts) > 3 else path.parent.name, ""


def _name_prefix(path: PurePosixPath) -> tuple[str, str]:
    return path.name.split(".")[0].split("_")[0], ""


def _resource(path: PurePosixPath) -> tuple[str, str]:
    return path.stem.split("-")[0], ""


def _format(path: PurePosixPath) -> tuple[str, str]:
    return ("cve" if "cve" in path.parts else "osv"), ""


def _verdict(path: PurePosixPath) -> tuple[str, str]:
    return ("transform" if "test_transform" in path.parts else path.name.split("_")[0]), ""


def _stem(path: PurePosixPath) -> tuple[str, str]:
    return path.stem, ""


LABELS: dict[str, Callable[[PurePosixPath], tuple[str, str]]] = {
    "fhir-r4-examples": _resource,
    "github-webhook-payloads": _webhook,
    "go-vulndb-osv-cve": _format,
    "jsontestsuite": _verdict,
    "schemastore-negative-test-documents": _folder,
    "schemastore-test-documents": _folder,
    "simdjson-examples": _stem,
    "vega-lite-specs": _name_prefix,
}


def _corpus_counts(corpus: JsonCorpus) -> dict[str, int]:
    groups = defaultdict(set)
    for label, group in zip(corpus.labels, corpus.groups, strict=True):
        groups[label].add(group)
    return {label: corpus.labels.count(label) for label in ("y", "n", "i", "transform", "osv", "cve")} | {
        "documents": len(corpus),
        "events": len({label.split("/")[0] for label in groups}),
        "labels": len(groups),
        "labels_in_two_or_more_groups": sum(len(releases) > 1 for releases in groups.values()),
    }
