"""Reading: types are checked strictly, and each error says where, what was expected and what came."""

import dataclasses
import datetime
import enum
from pathlib import Path
from typing import Any, Literal, Optional

import pytest

from signwise import config
from signwise.errors import ConfigError


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float | None = None

    def __post_init__(self):
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    name: str
    on: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    steps: int
    out: Path = Path("run")
    device: Literal["cpu", "cuda"] = "cpu"
    level: Literal[0, 1] = 0
    mode: Mode = Mode.FAST
    optimizer: Optimizer = Optimizer()
    warm: Optional[Optimizer] = None  # noqa: UP045
    stages: tuple[Stage, ...] = ()
    sizes: list[int] = dataclasses.field(default_factory=list)
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    seed: int | str = 0
    since: datetime.date | None = None
    anything: Any = None
    computed: int = dataclasses.field(init=False, default=7)


def test_every_kind_of_field():
    run = config.from_dict(
        Run,
        {
            "steps": 3,
            "out": "a/b",
            "device": "cuda",
            "level": 1,
            "mode": "exact",
            "optimizer": {"lr": 1, "betas": [0, 0.5]},
            "warm": {"weight_decay": 2},
            "stages": [{"name": "x"}, {"name": "y", "on": False}],
            "sizes": [1, 2],
            "weights": {"a": 1},
            "seed": "s",
            "since": datetime.date(2024, 1, 2),
            "anything": {"free": [1, "2"]},
        },
    )
    assert run == Run(
        steps=3,
        out=Path("a/b"),
        device="cuda",
        level=1,
        mode=Mode.EXACT,
        optimizer=Optimizer(lr=1.0, betas=(0.0, 0.5)),
        warm=Optimizer(weight_decay=2.0),
        stages=(Stage(name="x"), Stage(name="y", on=False)),
        sizes=[1, 2],
        weights={"a": 1.0},
        seed="s",
        since=datetime.date(2024, 1, 2),
        anything={"free": [1, "2"]},
    )
    assert isinstance(run.optimizer.lr, float)
    assert isinstance(run.optimizer.betas[0], float)
    assert isinstance(run.weights["a"], float)


def test_defaults_and_instances():
    assert config.from_dict(Run, {"steps": 1}) == Run(steps=1)
    given = Optimizer(lr=2.0)
    assert config.from_dict(Run, {"steps": 1, "optimizer": given}).optimizer is given


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, r"missing key 'steps' \(expected int\)"),
        ({"steps": "3"}, "steps: expected int, got str '3'"),
        ({"steps": True}, "steps: expected int, got bool True"),
        ({"steps": 3.0}, r"steps: expected int, got float 3\.0"),
        ({"steps": None}, "steps: expected int, got nothing"),
        ({"steps": 1, "out": 3}, "out: expected Path, got int 3"),
        ({"steps": 1, "device": "tpu"}, "device: expected one of 'cpu', 'cuda', got str 'tpu'"),
        ({"steps": 1, "level": True}, "level: expected one of 0, 1, got bool True"),
        ({"steps": 1, "mode": "slow"}, "mode: expected one of 'fast', 'exact', got str 'slow'"),
        ({"steps": 1, "optimizer": {"lr": "big"}}, r"optimizer\.lr: expected float, got str 'big'"),
        ({"steps": 1, "optimizer": {"lr": False}}, r"optimizer\.lr: expected float, got bool False"),
        ({"steps": 1, "optimizer": {"lr": -1}}, r"optimizer: lr must be positive, got -1\.0"),
        ({"steps": 1, "optimizer": {"betas": [1]}}, r"optimizer\.betas: expected tuple\[float, float\], got 1 values"),
        ({"steps": 1, "optimizer": {"betas": [1, "x"]}}, r"optimizer\.betas\[1\]: expected float, got str 'x'"),
        ({"steps": 1, "optimizer": 3}, r"optimizer: expected a table \(Optimizer\), got int 3"),
        ({"steps": 1, "warm": {"lr": "x"}}, r"warm\.lr: expected float"),
        ({"steps": 1, "warm": 3}, r"warm: expected a table \(Optimizer\) or nothing, got int 3"),
        ({"steps": 1, "stages": [{"name": "a"}, {}]}, r"missing key 'stages\[1\]\.name'"),
        ({"steps": 1, "stages": {"name": "a"}}, r"stages: expected tuple\[a table \(Stage\), \.\.\.\], got dict"),
        ({"steps": 1, "sizes": [1, "2"]}, r"sizes\[1\]: expected int, got str '2'"),
        ({"steps": 1, "weights": {"a": "b"}}, r"weights\.a: expected float, got str 'b'"),
        ({"steps": 1, "seed": 1.5}, r"seed: expected int or str, got float 1\.5"),
        ({"steps": 1, "since": datetime.datetime(2024, 1, 1)}, "since: expected date or nothing"),
    ],
)
def test_wrong_values(mapping, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        config.from_dict(Run, mapping)


@pytest.mark.parametrize(
    ("mapping", "key", "nearest"),
    [
        ({"stesp": 1}, "stesp", "steps"),
        ({"lr": 1}, "lr", "optimizer.lr"),
        ({"optimizer": {"weight_decays": 1}}, "optimizer.weight_decays", "optimizer.weight_decay"),
        ({"optimizer": {"beta": 1}}, "optimizer.beta", "optimizer.betas"),
        ({"optimizer": {"steps": 1}}, "optimizer.steps", "steps"),
        ({"warm": {"rl": 1}}, "warm.rl", "warm.lr"),
        ({"computed": 1}, "computed", None),
    ],
)
def test_unknown_keys_name_the_nearest(mapping, key, nearest):
    with pytest.raises(ConfigError) as caught:
        config.from_dict(Run, {"steps": 1, **mapping})
    assert str(caught.value).startswith(f"unknown key {key!r}; the nearest is ")
    if nearest:
        assert str(caught.value).endswith(repr(nearest))


def test_a_dataclass_without_fields():
    @dataclasses.dataclass(frozen=True)
    class Empty:
        pass

    with pytest.raises(ConfigError, match="unknown key 'a'; no key is allowed here"):
        config.from_dict(Empty, {"a": 1})


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="expected a dataclass, got <class 'int'>"):
        config.from_dict(int, {})
    with pytest.raises(TypeError, match="expected a mapping, got list"):
        config.from_dict(Run, [])

    @dataclasses.dataclass(frozen=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="'value' has the annotation <class 'complex'>"):
        config.from_dict(Odd, {"value": 1})


def test_load(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('steps = 5\nsince = 2024-01-02\n[optimizer]\nlr = 1\n[[stages]]\nname = "a"\n')
    run = config.load(Run, path)
    assert run == Run(steps=5, since=datetime.date(2024, 1, 2), optimizer=Optimizer(lr=1.0), stages=(Stage(name="a"),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps = ", r"run\.toml: not valid TOML: Invalid value"),
        (b"steps = '\xff'", r"run\.toml: not valid TOML: .*utf-8"),
        (b"steps = 'a'", r"run\.toml: steps: expected int, got str 'a'"),
    ],
)
def test_load_errors(tmp_path, content, message):
    (tmp_path / "run.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        config.load(Run, tmp_path / "run.toml")


def test_load_of_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        config.load(Run, tmp_path / "none.toml")


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Levels:
    level: Level = Level.LOW
    share: float = 0.5


@pytest.mark.parametrize("value", [True, 1.0])
def test_an_enum_takes_its_values_with_their_type(value):
    assert config.from_dict(Levels, {"level": 1}) == Levels()
    assert config.from_dict(Levels, {"level": Level.HIGH}).level is Level.HIGH
    with pytest.raises(ConfigError, match="level: expected one of 1, 2, got"):
        config.from_dict(Levels, {"level": value})


def test_a_number_too_large_for_a_float(tmp_path):
    (tmp_path / "c.toml").write_text("share = 1" + 400 * "0")
    with pytest.raises(ConfigError, match=r"c\.toml: share: expected float, got a whole number that is too large"):
        config.load(Levels, tmp_path / "c.toml")


def test_a_directory_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(Levels, tmp_path)
