"""Whether a group can take its step in one native call."""

from __future__ import annotations

from typing import Any


def unavailable() -> str | None:
    """Why there is no fused step, or None if there is one."""
    return "this version of signwise has no fused kernels"


def check(group: dict[str, Any]) -> None:
    """Raise if a group insists on the fused step and cannot have it."""
    reason = unavailable()
    if group["fused"] and reason is not None:
        raise RuntimeError(f"fused=True is not possible: {reason}; leave fused=None, which takes the fastest path")
