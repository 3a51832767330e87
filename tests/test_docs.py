"""What the documents say is true: links resolve, examples print what they show, commands exist."""

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

import signwise
from signwise.cli import _app, main
from signwise.errors import MissingExtraError

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {*(ROOT / "docs" / "_build").rglob("*.md")})
PACKAGE = Path(signwise.__file__).parent
MODULES = sorted(
    ".".join(["signwise", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)
FENCE = re.compile(r"^(?P<mark>`{3,}|:{3,})\s*(?P<kind>[^\n]*)\n(?P<body>.*?)^(?P=mark)\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(path, *kinds):
    return [m["body"] for m in FENCE.finditer(path.read_text(encoding="utf-8")) if m["kind"].strip() in kinds]


@each_document
def test_relative_links_resolve(path):
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    targets = [t.partition("#")[0] for t in LINK.findall(prose) if not re.match(r"[a-z]+:", t)]
    assert [t for t in targets if t and not (path.parent / t).exists()] == []


@each_document
def test_python_blocks(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = blocks(path, "python", "{doctest}")
    for source in sources:
        if ">>>" not in source:
            compile(source, str(path), "exec")
    session = "\n".join(source for source in sources if ">>>" in source)
    test = doctest.DocTestParser().get_doctest(session, {}, path.name, str(path), 0)
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not report, "".join(report)


@each_document
def test_commands_exist(path, capsys):
    commands = [
        shlex.split(line, comments=True)
        for body in blocks(path, "bash", "sh", "console")
        for line in re.sub(r"\\\n", " ", body).splitlines()
    ]
    for command in commands:
        words = [word for word in command if word != "$"]
        if words[:1] == ["signwise"]:
            check_command(words[1:], capsys)


def check_command(words, capsys):
    table = {verb for verb, _, _ in _app._VERBS}
    there = typer.main.get_command(_app._build()).commands
    verbs = [word for word in words if not word.startswith("-")][:1]
    for verb in verbs:
        assert verb in table, f"signwise has no verb {verb!r}"
        if verb not in there:
            pytest.skip(f"the module of {verb!r} is not there")
    if verbs and hasattr(there[verbs[0]], "commands"):
        verbs = [word for word in words if not word.startswith("-")][:2]
    capsys.readouterr()
    assert main([*verbs, "--help"]) == 0
    shown = capsys.readouterr().out
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in shown, f"signwise {' '.join(verbs)} has no {word}"


def test_make_targets_exist():
    makefile = ROOT / "Makefile"
    if not makefile.exists():
        pytest.skip("the Makefile is not beside the tests")
    targets = set(re.findall(r"^([\w-]+):", makefile.read_text(), re.MULTILINE))
    named = {t for path in DOCUMENTS for t in re.findall(r"`make ([\w-]+)`|^make ([\w-]+)$", path.read_text(), re.M)}
    assert {a or b for a, b in named} <= targets


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name.endswith("__main__"):
        return
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(test, out=report.append)
    assert not report, "".join(report)
