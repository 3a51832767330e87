"""The instruction tiers of this processor as contenders."""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks._runner import Contender
from signwise import _native


def tiers() -> tuple[str, ...]:
    """Names of the tiers, the best first; empty without the extension."""
    best = _native.best_isa()
    return () if best is None else tuple(reversed(_native.ISA_NAMES[: _native.ISA_NAMES.index(best) + 1]))


def on_each(call: Callable[[], Any], label: str = "signwise") -> dict[str, Contender]:
    """The call forced to each tier."""
    return {f"{label} {tier}": Contender(call=call, around=partial(_native.force_isa, tier)) for tier in tiers()}
