import numpy as np
import pytest


def planted_rows(n=900, nodes=60, seed=0):
    """Rows of (source, target, rating, time): good and bad ratees, so that even a short stream can be learnt."""
    rng = np.random.default_rng(seed)
    bad = rng.uniform(size=nodes) < 0.3
    rows = []
    for i in range(n):
        u, v = rng.choice(nodes, 2, replace=False)
        positive = rng.uniform() < (0.1 if bad[v] else 0.95)
        rows.append(
            (f"user{u}", f"user{v}", int(rng.integers(1, 6)) * (1 if positive else -1), 1_000_000_000 + 600 * i)
        )
    return rows


@pytest.fixture(scope="session")
def rows():
    return planted_rows()


@pytest.fixture
def csv_file(tmp_path, rows):
    path = tmp_path / "events.csv"
    path.write_text("source,target,rating,time\n" + "".join(f"{a},{b},{r},{t}\n" for a, b, r, t in rows))
    return path
