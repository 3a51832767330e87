import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Matrices are small here: a second thread gains nothing and starves where cores are shared."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def planted_rows(n=900, nodes=60, seed=0):
    """Rows of (source, target, rating, time): good and bad ratees, so that even a short stream can be learnt."""
    rng = np.random.default_rng(seed)
    bad = rng.uniform(size=nodes) < 0.3
    rows = []
    for i in range(n):
        u, v = rng.choice(nodes, 2, replace=False)
        sign = 1 if rng.uniform() < (0.1 if bad[v] else 0.95) else -1
        rows.append((f"user{u}", f"user{v}", sign * int(rng.integers(1, 6)), 1_000_000_000 + 600 * i))
    return rows


def as_table(rows):
    return dict(zip(("source", "target", "rating", "time"), (list(c) for c in zip(*rows, strict=True)), strict=True))


@pytest.fixture(scope="session")
def rows():
    return planted_rows()


@pytest.fixture
def csv_file(tmp_path, rows):
    path = tmp_path / "events.csv"
    path.write_text("source,target,rating,time\n" + "".join(f"{a},{b},{r},{t}\n" for a, b, r, t in rows))
    return path


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory, rows):
    """A finished run on the planted rows, not to be changed."""
    from signwise.forecast import fit

    out = tmp_path_factory.mktemp("forecast") / "run"
    fit(as_table(rows), out=out, progress=False)
    return out
