"""The verb ``data``: what it lists, what it says of a set, and what it prints of files."""

import gzip

import pytest
from typer.testing import CliRunner

from signwise import data
from signwise.cli import main
from signwise.cli._data import app


@pytest.fixture(autouse=True)
def _no_places(monkeypatch, tmp_path):
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def otc(tmp_path):
    file = tmp_path / "root" / "bitcoin-otc" / "soc-sign-bitcoinotc.csv.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(b"6,2,4,1289241911.72836\n"))
    return file


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_list_has_a_line_for_each_set(otc):
    result = run("list", "--root", otc.parents[1])
    assert result.exit_code == 0
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert [row[0] for row in rows] == list(data.names())
    where = {row[0]: row[3] for row in rows}
    assert where["bitcoin-otc"] == str(otc)
    assert where["bitcoin-alpha"] == "-"


def test_list_is_a_table_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("signwise.cli._data._on_terminal", lambda: True)
    result = run("list")
    assert result.exit_code == 0
    header, *rows = result.output.splitlines()
    assert header.split() == ["name", "record", "size", "where", "title"]
    assert len(rows) >= len(data.names())
    assert "\t" not in result.output


@pytest.mark.parametrize("name", data.names())
def test_describe_says_what_is_known(name):
    result = run("describe", name)
    assert result.exit_code == 0
    info = data.describe(name)
    for text in (info.title, info.publisher, info.terms, info.citation, info.url, info.instructions, info.notes):
        assert text in result.output
    for file in info.files:
        assert file.path in result.output
        assert (file.url or "") in result.output


def test_markup_in_a_cell_is_text(monkeypatch, capsys):
    from signwise.cli import _data

    monkeypatch.setattr(_data, "_on_terminal", lambda: True)
    _data._table(("a",), [("[bold]x[/nothing]",)])
    assert "[bold]x[/nothing]" in capsys.readouterr().out


def test_fetch_prints_the_files_that_are_there(otc):
    result = run("fetch", "bitcoin-otc", "--root", otc.parents[1])
    assert result.exit_code == 0
    assert result.output == f"{otc}\n"


def test_fetch_of_a_set_without_an_address_says_how_to_get_it(tmp_path, capsys):
    assert main(["data", "fetch", "yale-b", "--root", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: yale-b is not in ")
    assert "YaleB_32x32.mat" in shown.err


def test_a_mistyped_name_ends_before_the_first_download(capsys):
    assert main(["data", "fetch", "bitcoin-alpha", "bitcoin-otk"]) == 2
    assert "did you mean 'bitcoin-otc'?" in capsys.readouterr().err
