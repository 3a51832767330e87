"""``signwise json``: vectors of JSON documents, to encode, index, search, explain and deduplicate."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from signwise.vsa import FileReject, JSONEncoder, JSONIndex

app = typer.Typer(no_args_is_help=True, help="Vectors of JSON documents: encode, index, search, explain, dedup.")


class OutputOption(StrEnum):
    """Forms of a vector."""

    float32 = "float32"
    int32 = "int32"
    bits = "bits"


class KindOption(StrEnum):
    """Kinds of index."""

    binary_flat = "binary-flat"
    binary_hnsw = "binary-hnsw"
    float_flat = "float-flat"
    float_hnsw = "float-hnsw"


class BackendOption(StrEnum):
    """Whose search."""

    own = "own"
    faiss = "faiss"
    usearch = "usearch"


Inputs = Annotated[
    list[Path], typer.Argument(help="Files of JSON, or of lines (.jsonl, .ndjson), or folders of such files.")
]
Dimension = Annotated[int, typer.Option("--d", help="Components of a vector, a multiple of 512.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the hash.")]
Strings = Annotated[str, typer.Option("--strings", help="Parts of strings, of whole, words and grams.")]
Arrays = Annotated[str, typer.Option("--arrays", help="Views of arrays, of pos, set, end and adj.")]
Conjunctions = Annotated[bool, typer.Option("--conjunctions", help="Let it show which members stand together.")]
Fit = Annotated[bool, typer.Option("--fit", help="Learn the scale of numbers in a first pass.")]
Idf = Annotated[bool, typer.Option("--idf", help="Learn the weight of rare terms too; advisable from --d 4096.")]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", help="JSONL file for what was left out.  [default: beside the output]")
]
Weight = Annotated[
    list[str], typer.Option("--weight", help="Weight of a path, as title=3 or items[*].note=0; several times.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


@app.command()
def encode(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="File to write: .npy, one row for each document.")],
    output: Annotated[OutputOption, typer.Option("--output", help="Form of the vectors.")] = OutputOption.float32,
    d: Dimension = 2048,
    seed: Seed = 0,
    strings: Strings = "whole,words,grams",
    arrays: Arrays = "pos,set",
    conjunctions: Conjunctions = False,
    fit: Fit = False,
    idf: Idf = False,
    rejects: Rejects = None,
    quiet: Quiet = False,
) -> None:
    """Write the vectors of documents as a numpy file.

    The places of the rows, as path and line, are written beside it (.names.jsonl).
    """
    from signwise.vsa import encode_files

    if out.suffix != ".npy":
        raise ValueError(f"--out must be a .npy file, got {out}")
    progress = False if quiet else None
    encoder = _encoder(inputs, d, seed, strings, arrays, conjunctions, fit, idf, output.value, progress)
    done = encode_files(encoder, inputs, out, progress=progress)
    typer.echo(f"{done.count:,} documents, d = {encoder.d}, {output.value}: {out}")
    _report(done.rejects, rejects or out.with_suffix(".rejects.jsonl"))


@app.command()
def index(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="Folder of the index; documents are added to one that is there.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Path of the member that is the key.  [default: file and line]")
    ] = None,
    keep: Annotated[
        list[str], typer.Option("--keep", help="Path of a member to keep, for --where; several times.")
    ] = [],  # noqa: B006
    kind: Annotated[KindOption, typer.Option("--kind", help="How vectors are kept.")] = KindOption.binary_flat,
    backend: Annotated[BackendOption, typer.Option("--backend", help="Whose search.")] = BackendOption.own,
    d: Dimension = 2048,
    seed: Seed = 0,
    strings: Strings = "whole,words,grams",
    arrays: Arrays = "pos,set",
    conjunctions: Conjunctions = False,
    fit: Fit = False,
    idf: Idf = False,
    rejects: Rejects = None,
    quiet: Quiet = False,
) -> None:
    """Put documents into an index, in place of those with the same key.

    An index that is there keeps the options it was made with.
    """
    from signwise.vsa import JSONIndex, add_files

    progress = False if quiet else None
    if (out / "MANIFEST.json").exists():
        found = JSONIndex.load(out)
    else:
        encoder = _encoder(inputs, d, seed, strings, arrays, conjunctions, fit, idf, "bits", progress)
        chosen: Any = None if backend is BackendOption.own else backend.value
        found = JSONIndex(encoder, kind=kind.value, backend=chosen)
    done = add_files(found, inputs, key=key, metadata=keep, progress=progress)
    found.save(out)
    typer.echo(f"{done.count:,} documents added, {len(found):,} in {out}")
    _report(done.rejects, rejects or out.with_name(f"{out.name}.rejects.jsonl"))


@app.command()
def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="Folder of the index.")],
    query: Annotated[str, typer.Argument(help="JSON text, @FILE, or - for standard input: a document or a part.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many hits at most.")] = 10,
    where: Annotated[
        list[str], typer.Option("--where", help="Only documents with kept FIELD=VALUE (VALUE as JSON or text).")
    ] = [],  # noqa: B006
    weight: Weight = [],  # noqa: B006
) -> None:
    """Print the most similar documents: score, key, and what was kept, separated by tabs."""
    import orjson

    found = _load(folder)
    filters = dict(_where(text) for text in where) or None
    for hit in found.search(_document(query), k, where=filters, weights=_weights(weight)):
        kept = "" if hit.metadata is None else orjson.dumps(hit.metadata).decode()
        typer.echo(f"{hit.score:.4f}\t{_shown(str(hit.key))}\t{kept}")


@app.command()
def explain(
    a: Annotated[str, typer.Argument(help="JSON text, @FILE, or - for standard input.")],
    b: Annotated[str, typer.Argument(help="Another document.")],
    top: Annotated[int, typer.Option("--top", help="How many paths to print; 0 for all.")] = 20,
    d: Dimension = 2048,
    seed: Seed = 0,
    strings: Strings = "whole,words,grams",
    arrays: Arrays = "pos,set",
    conjunctions: Conjunctions = False,
    weight: Weight = [],  # noqa: B006
) -> None:
    """Print the similarity of two documents and which paths it comes from.

    Each line has the share of a path, the deviation that chance alone gives it, the path, and both values.
    """
    import orjson

    from signwise.vsa import JSONEncoder

    encoder = JSONEncoder(
        d,
        strings=_names(strings),
        arrays=_names(arrays),
        conjunctions=conjunctions,
        weights=_weights(weight),
        seed=seed,
    )
    found = encoder.explain(_document(a), _document(b))
    typer.echo(f"cosine {found.cosine:.4f}")
    for part in found.contributions[: top or None]:
        values = "\t".join("" if v is None else _shown(orjson.dumps(v).decode()[:60]) for v in (part.a, part.b))
        typer.echo(f"{part.contribution:+.4f}\t{part.noise:.4f}\t{_shown(part.name)}\t{values}")


@app.command()
def dedup(
    inputs: Annotated[list[Path], typer.Argument(help="Folder of one index, or files and folders of documents.")],
    threshold: Annotated[float, typer.Option("--threshold", help="Least similarity of a pair, up to 1.")] = 0.95,
    d: Dimension = 2048,
    seed: Seed = 0,
    strings: Strings = "whole,words,grams",
    arrays: Arrays = "pos,set",
    conjunctions: Conjunctions = False,
    quiet: Quiet = False,
) -> None:
    """Print groups of near-duplicates, a line each, keys separated by tabs."""
    from signwise.vsa import JSONIndex, add_files

    progress = False if quiet else None
    if len(inputs) == 1 and (inputs[0] / "MANIFEST.json").exists():
        found = JSONIndex.load(inputs[0])
        rejects: Sequence[FileReject] = ()
    else:
        encoder = _encoder(inputs, d, seed, strings, arrays, conjunctions, False, False, "bits", progress)
        found = JSONIndex(encoder)
        rejects = add_files(found, inputs, progress=progress).rejects
    groups = found.duplicates(threshold)
    for group in groups:
        typer.echo("\t".join(_shown(str(key)) for key in group))
    extra = sum(len(group) - 1 for group in groups)
    typer.echo(f"{len(found):,} documents, {len(groups):,} groups, {extra:,} more than one of each needs", err=True)
    _report(rejects, None)


def _encoder(
    inputs: Sequence[Path],
    d: int,
    seed: int,
    strings: str,
    arrays: str,
    conjunctions: bool,
    fit: bool,
    idf: bool,
    output: Any,
    progress: bool | None,
) -> JSONEncoder:
    """The encoder of the options, fitted where that is wanted."""
    from signwise.vsa import JSONEncoder, read_documents

    encoder = JSONEncoder(
        d,
        strings=_names(strings),
        arrays=_names(arrays),
        conjunctions=conjunctions,
        idf=idf,
        output=output,
        seed=seed,
    )
    encoder.fingerprint  # noqa: B018 - checks every option before any file is read
    if fit or idf:
        encoder.fit((source.content for source in read_documents(inputs, progress=progress)), on_error="skip")
    return encoder


def _load(folder: Path) -> JSONIndex:
    from signwise.vsa import JSONIndex

    return JSONIndex.load(folder)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _document(text: str) -> str | bytes:
    """JSON text from the command line, a file or standard input."""
    if text == "-":
        return sys.stdin.buffer.read()
    return Path(text[1:]).read_bytes() if text.startswith("@") else text


def _where(text: str) -> tuple[str, Any]:
    import orjson

    field, sign, value = text.partition("=")
    if not sign or not field:
        raise ValueError(f"--where must look like FIELD=VALUE, got {text!r}")
    try:
        return field, orjson.loads(value)
    except ValueError:
        return field, value


def _weights(texts: Iterable[str]) -> dict[str, float] | None:
    weights: dict[str, float] = {}
    for text in texts:
        path, sign, value = text.rpartition("=")
        try:
            weights[path] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise ValueError(f"--weight must look like PATH=NUMBER, got {text!r}")
    return weights or None


def _report(rejects: Sequence[FileReject], path: Path | None) -> None:
    """Say what was left out, and write the list to a file."""
    if not rejects:
        return
    first = rejects[0]
    where = f"{first.path}, line {first.line}" if first.line else str(first.path)
    typer.echo(f"{len(rejects):,} documents left out; the first: {_shown(where)}: {_shown(first.reason)}", err=True)
    if path is not None:
        import orjson

        from signwise.artifacts import atomic_write

        rows = ({"path": str(r.path), "line": r.line, "reason": r.reason} for r in rejects)
        atomic_write(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))
        typer.echo(f"all of them: {path}", err=True)


def _shown(text: str) -> str:
    """Text from data as a terminal and a script that splits at tabs can take it."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
