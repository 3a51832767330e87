"""``signwise info``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path


def info() -> None:
    """Show versions, native kernels, threads, extras and the data directory."""
    from .._about import info as look

    found = look()
    rows = [("signwise", found.version), ("python", found.python)]
    rows += [(name, version or "not installed") for name, version in found.packages.items()]
    rows.append(("native kernels", f"{'yes' if found.native else 'no'}, {found.native_reason}"))
    if found.native:
        rows.append(("instruction tier", f"{found.active_isa} (best of this processor: {found.best_isa})"))
    rows.append(("threads", str(found.threads)))
    for extra, missing in found.extras.items():
        state = f"not installed ({', '.join(missing)} missing)" if missing else "installed"
        rows.append((f"extra {extra}", state))
    rows.append(("SIGNWISE_DATA", _directory_state(found.data)))
    for name, value in rows:
        typer.echo(f"{name:<17}{value}")


def _directory_state(path: Path | None) -> str:
    if path is None:
        return "not set"
    return str(path) if path.is_dir() else f"{path} (no such directory)"
