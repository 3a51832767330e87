"""One file from an address: resumed where it broke off, checked, and put in place in one step."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .. import __version__
from ..errors import DataError
from ..progress import Progress

_BLOCK = 1 << 16
_ATTEMPTS = 4
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError)


def download(
    url: str, target: Path, *, checksum: str | None = None, timeout_s: float = 10.0, progress: bool | None = None
) -> Path:
    """Fetch ``url`` to ``target``, continuing an earlier attempt.

    The bytes go to ``target`` + ``.part``; beside it ``.part.json`` keeps the address, the length and the
    validator (ETag or Last-Modified) that the server sent. A broken transfer is continued with a Range request
    under If-Range, so that a file that changed meanwhile is fetched anew. The finished file is compared with its
    length and checksum, flushed to disk, and renamed.

    Args:
        url: http or https address.
        target: where the file shall be; its folder is made.
        checksum: ``"sha256:..."``, ``"sha1:..."`` or ``"md5:..."``, or None.
        timeout_s: seconds to wait for the connection, and for each block after that.
        progress: as ``enabled`` of :class:`signwise.progress.Progress`.

    Raises:
        DataError: the address cannot be reached, or what it sent is not the expected file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with _locked(part, url) as file:
        for attempt in range(_ATTEMPTS):
            try:
                _transfer(url, file, part, timeout_s, progress)
                break
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 416 and attempt < _ATTEMPTS - 1:
                    # What lies here is longer than the file is now: begin anew.
                    file.truncate(0)
                    _state_path(part).unlink(missing_ok=True)
                    continue
                raise DataError(_failed(url, target, f"the server answered {error.code} {error.reason}")) from error
            except urllib.error.URLError as error:
                raise DataError(_failed(url, target, str(error.reason))) from error
            except _BROKEN as error:
                if attempt == _ATTEMPTS - 1:
                    reason = f"the transfer broke off at {_size(file):,} bytes ({error!r}); run it again to continue"
                    raise DataError(_failed(url, target, reason)) from error
        _check(file, checksum, url, part)
        file.flush()
        os.fsync(file.fileno())
        part.replace(target)
        _state_path(part).unlink(missing_ok=True)
    return target


def _transfer(url: str, file: BinaryIO, part: Path, timeout_s: float, progress: bool | None) -> None:
    """Append what is missing; returns when the length is right, raises when the connection breaks."""
    state_path = _state_path(part)
    state = _read_state(state_path)
    have = _size(file)
    headers = {"User-Agent": f"signwise/{__version__}", "Accept-Encoding": "identity"}
    resumable = have > 0 and state.get("url") == url and bool(state.get("validator"))
    if resumable:
        if have == state.get("length"):
            return
        headers |= {"Range": f"bytes={have}-", "If-Range": str(state["validator"])}
    request = urllib.request.Request(url, headers=headers)
    with _open(request, timeout_s) as response:
        if response.status == 206 and _starts_at(response, have) and resumable:
            length = state.get("length")
        else:
            have = 0
            sent = response.headers.get("Content-Length")
            length = int(sent) if sent and sent.isdigit() else None
            validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
            if validator and validator.startswith("W/"):  # a weak one does not promise equal bytes
                validator = response.headers.get("Last-Modified")
            state_path.write_text(json.dumps({"url": url, "validator": validator, "length": length}))
        file.seek(have)
        file.truncate()
        total = None if length is None else length / 1e6
        with Progress(f"{part.stem} (MB)", total=total, enabled=progress) as bar:
            bar.advance(have / 1e6)
            while block := response.read(_BLOCK):
                file.write(block)
                bar.advance(len(block) / 1e6)
        file.flush()
    if length is not None and _size(file) != length:
        raise http.client.IncompleteRead(b"", length - _size(file))


def _open(request: urllib.request.Request, timeout_s: float) -> Any:
    if not request.full_url.startswith(("http://", "https://")):
        raise ValueError(f"{request.full_url} is not an http or https address")
    return urllib.request.urlopen(request, timeout=timeout_s)


def _starts_at(response: Any, offset: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _read_state(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(path.read_text())
        if isinstance(state, dict):
            return state
    return {}


def _check(file: BinaryIO, checksum: str | None, url: str, part: Path) -> None:
    if checksum is None:
        return
    algorithm, expected = checksum.split(":")
    file.seek(0)
    digest = hashlib.new(algorithm, usedforsecurity=False)
    while block := file.read(_BLOCK):
        digest.update(block)
    if digest.hexdigest() != expected:
        part.unlink()
        _state_path(part).unlink(missing_ok=True)
        raise DataError(
            f"{url}: the file it sent has {algorithm} {digest.hexdigest()}, expected {expected}; it was damaged on the "
            "way, or the publisher changed it. It was deleted"
        )


@contextlib.contextmanager
def _locked(part: Path, url: str) -> Iterator[BinaryIO]:
    """The partial file, open for appending, while no other process has it."""
    with part.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{part}: another process is downloading {url}; wait for it to end") from error
        yield file


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _failed(url: str, target: Path, reason: str) -> str:
    return f"cannot download {url}: {reason}. Get it from there another way and put it at {target}"
