"""Writing: what dumps writes, load reads back to an equal instance."""

import dataclasses
import datetime
import enum
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise import config
from signwise.errors import ConfigError


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    on: bool = True
    rate: float = 0.5
    note: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    count: int = 0
    text: str = ""
    path: Path = Path("a")
    mode: Mode = Mode.FAST
    day: datetime.date | None = None
    pair: tuple[float, str] = (1.0, "x")
    many: tuple[Inner, ...] = ()
    table: dict[str, int] = dataclasses.field(default_factory=dict)
    inner: Inner = Inner()
    deep: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
floats = st.floats(allow_nan=False)
inners = st.builds(Inner, on=st.booleans(), rate=floats, note=st.none() | texts)
outers = st.builds(
    Outer,
    count=st.integers(-(2**62), 2**62),
    text=texts,
    path=texts.map(Path),
    mode=st.sampled_from(Mode),
    day=st.none() | st.dates(),
    pair=st.tuples(floats, texts),
    many=st.lists(inners, max_size=3).map(tuple),
    table=st.dictionaries(texts, st.integers(-9, 9), max_size=3),
    inner=inners,
    deep=st.dictionaries(texts, st.dictionaries(texts, floats, max_size=2), max_size=2),
)


@given(outers)
def test_written_text_reads_back_equal(value):
    import tomllib

    text = config.dumps(value)
    assert config.from_dict(Outer, tomllib.loads(text)) == value
    assert config.from_dict(Outer, config.to_dict(value)) == value


def test_dumps_and_load_through_a_file(tmp_path):
    value = Outer(text='quote " and \n line', inner=Inner(rate=math.inf))
    (tmp_path / "a.toml").write_text(config.dumps(value), encoding="utf-8")
    assert config.load(Outer, tmp_path / "a.toml") == value


def test_nan_is_written():
    assert "rate = nan" in config.dumps(Inner(rate=math.nan))


def test_to_dict_is_plain_and_new():
    value = Outer(many=(Inner(),), table={"a": 1})
    plain = config.to_dict(value)
    assert plain["many"] == [{"on": True, "rate": 0.5, "note": None}]
    assert (plain["path"], plain["mode"], plain["pair"]) == ("a", "fast", [1.0, "x"])
    plain["table"]["a"] = 2
    assert value.table == {"a": 1}


def test_a_none_that_would_be_lost_is_refused():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Lossy:
        rate: float | None = 0.5

    with pytest.raises(ConfigError, match="rate: is None, and TOML can only"):
        config.dumps(Lossy(rate=None))

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Listed:
        rates: tuple[float | None, ...] = ()

    with pytest.raises(ConfigError, match=r"rates\[1\]: is None"):
        config.dumps(Listed(rates=(1.0, None)))


@pytest.mark.parametrize("value", [3, Outer, {"a": 1}])
def test_only_dataclass_instances(value):
    with pytest.raises(TypeError, match="expected a dataclass instance"):
        config.to_dict(value)


def test_values_without_a_plain_form():
    @dataclasses.dataclass(frozen=True)
    class Odd:
        value: object

    with pytest.raises(TypeError, match=r"value\[0\]: a configuration cannot hold complex"):
        config.to_dict(Odd([1j]))
