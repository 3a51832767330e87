"""The examples in docstrings and on the docs page run and print what they say."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import pytest

import signwise.convex

MODULES = [module.name for module in pkgutil.iter_modules(signwise.convex.__path__)]
PAGE = Path(__file__).parents[2] / "docs" / "convex.md"


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"signwise.convex.{name}")).failed == 0


def test_page_example_prints_what_the_page_says():
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "convex.md", "exec", dont_inherit=True), {"__name__": "__main__"})
    assert output.getvalue() == printed


def test_page_lists_every_public_name():
    page = PAGE.read_text()
    operators = {"Scaled": "s * K", "Shifted": "K.shifted(a)", "Sum": "K1 + K2"}
    for name in signwise.convex.__all__:
        assert f"`{operators.get(name, name)}" in page
