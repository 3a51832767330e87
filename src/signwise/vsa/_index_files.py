"""An index as the files of a generation."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Literal

from ..errors import EncoderMismatchError, IndexCorruptError, SignwiseError
from ._encoder import JSONEncoder
from ._generation import Generation, read_generation, write_generation
from ._store import Backend, Store


def write_index(root: Path, encoder: JSONEncoder, store: Store) -> None:
    """Write a generation of the index."""
    about = {
        "kind": store.kind,
        "backend": store.backend,
        "d": store.d,
        "documents": store.living,
        "rows": len(store.rows),
        "encoder": {"fingerprint": encoder.fingerprint, "options": _options(encoder)},
    }
    files = {**store.writers(), "encoder.tar": lambda path: _write_encoder(encoder, path)}
    write_generation(root, files, about)


def read_index(
    root: Path, encoder: JSONEncoder | None, backend: Backend | Literal["saved"] | None
) -> tuple[JSONEncoder, Store]:
    """The encoder and the store of the generation that counts."""
    while True:
        generation = read_generation(root)
        try:
            return _read(generation, encoder, backend)
        except (OSError, sqlite3.Error) as error:
            # A writer that has made a newer generation meanwhile removes the files of this one.
            if read_generation(root).number == generation.number:
                raise IndexCorruptError(f"{root}: cannot be read ({error})") from error


def _read(
    generation: Generation, encoder: JSONEncoder | None, backend: Backend | Literal["saved"] | None
) -> tuple[JSONEncoder, Store]:
    about, files = generation.about, dict(generation.paths)
    if encoder is None:
        encoder = _read_encoder(files["encoder"])
    else:
        _check_encoder(about["encoder"], encoder)
    chosen = about["backend"] if backend == "saved" else backend
    if chosen != about["backend"]:
        files.pop("graph", None)
    return encoder, Store(about["d"], about["kind"], chosen, files)


def _options(encoder: JSONEncoder) -> dict[str, Any]:
    """The options as JSON gives them back."""
    options = encoder._options()
    plain: dict[str, Any] = json.loads(json.dumps({n: getattr(options, n) for n in options.__dataclass_fields__}))
    return plain


def _check_encoder(saved: dict[str, Any], encoder: JSONEncoder) -> None:
    if saved["fingerprint"] == encoder.fingerprint:
        return
    given = _options(encoder)
    for name, value in saved["options"].items():
        if given.get(name) != value:
            raise EncoderMismatchError(
                f"the index was made by an encoder with {name}={value!r}, the one given has {name}={given.get(name)!r}"
            )
    raise EncoderMismatchError(
        "the index was made by an encoder with another fitted state, or by another version of the encoding; load "
        "without an encoder to use the one it was made by"
    )


def _write_encoder(encoder: JSONEncoder, path: Path) -> None:
    """The saved directory of the encoder as one file, the same for the same encoder."""
    with tempfile.TemporaryDirectory() as folder:
        saved = encoder.save(Path(folder) / "encoder")
        with tarfile.open(path, "w") as archive:
            for file in sorted(saved.rglob("*")):
                content = file.read_bytes()
                entry = tarfile.TarInfo(file.relative_to(saved).as_posix())
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def _read_encoder(path: Path) -> JSONEncoder:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
            return JSONEncoder.load(folder)
        except (tarfile.TarError, SignwiseError) as error:
            raise IndexCorruptError(f"{path}: holds no encoder that can be read ({error})") from error
