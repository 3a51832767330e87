"""No release changes a vector: digests of version ``signwise-json/1``."""

from __future__ import annotations

import json
from pathlib import Path

from .golden import digests


def test_vectors_are_those_of_the_file():
    kept = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
    assert digests() == kept
