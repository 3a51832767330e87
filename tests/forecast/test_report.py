import re
from html.parser import HTMLParser

import pytest

from signwise.errors import MissingExtraError
from signwise.forecast import ForecastConfig, fit

from .conftest import as_table, planted_rows

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "{{ 7 * 7 }}",
    "&lt;b&gt;",
    "a\u202eb",
    "'; --",
]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory):
    names = {f"user{i}": HOSTILE[i] if i < len(HOSTILE) else f"user{i}" for i in range(60)}
    rows = [(names[a], names[b], r, t) for a, b, r, t in planted_rows(nodes=7)]
    rows.append(("<script>evil()</script>", "b", 0, 1))
    out = tmp_path_factory.mktemp("hostile") / "run"
    fit(as_table(rows), out=out, name="<svg onload=alert(3)>", progress=False)
    return (out / "report.html").read_text()


def test_hostile_names_stay_text(hostile_report):
    tags = Tags()
    tags.feed(hostile_report)
    assert "script" not in tags.tags
    assert "img" not in tags.tags
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile_report
    assert "{{ 7 * 7 }}" in hostile_report
    assert "&amp;lt;b&amp;gt;" in hostile_report


def test_the_report_needs_nothing_from_elsewhere(run_dir):
    text = (run_dir / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", text)
    assert "url(" not in text.replace("url(#", "")
    assert text.count("<svg") == 3


def test_without_matplotlib_the_report_is_plain_and_says_so(rows, tmp_path, monkeypatch):
    def missing(module, extra, purpose):
        raise MissingExtraError(f"{module} is needed {purpose}; install it with: pip install 'signwise[{extra}]'")

    monkeypatch.setattr("signwise.forecast._plots.import_extra", missing)
    fit(as_table(rows), out=tmp_path / "run", config=ForecastConfig(ablation=False), progress=False)
    text = (tmp_path / "run" / "report.html").read_text()
    assert "<svg" not in text
    assert "signwise[report]" in text
    assert "boosted trees" in text
