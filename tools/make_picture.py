"""Draw the README's picture from a run on bitcoin-otc: ``python tools/make_picture.py``."""

from pathlib import Path

from signwise.data import load
from signwise.forecast import ForecastConfig, figures, fit

PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "forecast.svg"

if __name__ == "__main__":
    run = fit(load("bitcoin-otc"), config=ForecastConfig(ablation=False), name="bitcoin-otc")
    svg = figures(run)["curves"]
    # Readers with a dark page need a light ground.
    opened = svg.index(">", svg.index("<svg")) + 1
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg[:opened] + ground + svg[opened:])
    print(PICTURE)
