import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "reproductions"
CLAIMS = sorted(ROOT.glob("*/*.toml"))


@pytest.mark.parametrize("path", CLAIMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_claim_says_everything_and_what_we_measured_is_what_it_expects(path):
    claim = tomllib.loads(path.read_text())
    assert set(claim) == {"title", "source", "command", "result", "hardware", "figures"}
    assert claim["hardware"]
    for figure in claim["figures"]:
        assert set(figure) - {"miss"} == {"name", "pointer", "expected", "tolerance", "ours"}
        missed = abs(figure["ours"] - figure["expected"]) > figure["tolerance"]
        assert missed == bool(figure.get("miss")), f"{figure['name']}: a miss says why, and only a miss"


def test_pointers_lead_to_figures_of_a_run(tmp_path):
    from signwise.data import simulate_signed_events
    from signwise.forecast import ForecastConfig, fit

    fit(
        simulate_signed_events(1500, 150, seed=0).stream,
        out=tmp_path / "run",
        config=ForecastConfig(ablation=False),
        progress=False,
    )
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    for path in ROOT.glob("forecast/*.toml"):
        for figure in tomllib.loads(path.read_text())["figures"]:
            value = metrics
            for step in figure["pointer"].split("/")[1:]:
                value = value[step]
            assert 0 < value < 1
