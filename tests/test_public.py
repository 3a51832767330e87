"""Every public list is sorted, complete and documented, and each public package has its reference page."""

import importlib
import importlib.util
import inspect
import types
from pathlib import Path

import pytest

import signwise

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = [
    "signwise",
    *(f"signwise.{name}" for name in signwise._SUBPACKAGES if importlib.util.find_spec(f"signwise.{name}")),
]


def order(name):
    """Constants, then classes, then the rest, each alphabetical: the order that ruff keeps."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


@pytest.fixture(params=PACKAGES)
def package(request):
    return importlib.import_module(request.param)


def test_the_list_is_sorted_and_without_repetition(package):
    assert list(package.__all__) == sorted(set(package.__all__), key=order)


def test_the_list_is_complete(package):
    reexported = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and str(getattr(value, "__module__", "")).startswith("signwise")
    }
    assert reexported <= set(package.__all__)


def test_every_name_is_there_and_documented(package):
    assert package.__doc__
    for name in package.__all__:
        if package is signwise and name in signwise._SUBPACKAGES and f"signwise.{name}" not in PACKAGES:
            continue
        value = getattr(package, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            text = value.__doc__ or ""
            # A dataclass without a docstring gets its signature as one.
            assert text.strip(), f"{package.__name__}.{name} has no docstring"
            assert not text.startswith(f"{name}("), f"{package.__name__}.{name} has no docstring"


def test_a_reference_page_documents_it(package):
    if not DOCS.is_dir():
        pytest.skip("the documentation is not beside the tests")
    page, module = package.__name__.removeprefix("signwise."), package.__name__
    if package is signwise:
        page, module = "errors", "signwise.errors"
    text = (DOCS / "reference" / f"{page}.md").read_text()
    assert f".. automodule:: {module}\n   :members:" in text


def test_every_directory_of_the_package_is_public_or_private():
    root = Path(signwise.__file__).parent
    folders = {path.parent.name for path in root.glob("*/__init__.py")}
    assert {name for name in folders if not name.startswith("_")} <= {*signwise._SUBPACKAGES, "cli"}
