"""Check an installation that has the core dependencies only: run it with that installation's Python.

Every module imports, every optional feature fails with the error that names its extra, and `import signwise` is quick
and leaves torch alone.
"""

import importlib
import importlib.util
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

IMPORT_LIMIT_MS = 100
IMPORT_CODE = """
import sys, time
begin = time.perf_counter()
import signwise
took = time.perf_counter() - begin
assert "torch" not in sys.modules, "import signwise imports torch"
assert "numpy" not in sys.modules, "import signwise imports numpy"
print(1000 * took)
"""


def import_every_module() -> None:
    """Import each module of signwise and say which were slow."""
    import signwise

    names = sorted(info.name for info in pkgutil.walk_packages(signwise.__path__, "signwise."))
    slow = []
    for name in names:
        begin = time.perf_counter()
        importlib.import_module(name)
        took_s = time.perf_counter() - begin
        if took_s > 0.1:
            slow.append(f"{name} {took_s:.2f} s")
    print(f"{len(names)} modules import" + (f" (slow: {', '.join(slow)})" if slow else ""))


def read_parquet() -> None:
    """The feature behind the extra `arrow`."""
    from signwise.forecast import read_events

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        path.write_bytes(b"PAR1PAR1")
        read_events(path)


def draw_figures() -> None:
    """The feature behind the extra `report`."""
    from signwise.forecast import _plots

    # The extra is asked for before the result is looked at.
    _plots.figures(None)


def decode_video() -> None:
    """The feature behind the extra `video`."""
    from signwise.data._matrices import read_video

    read_video(Path("film.mp4"))


def search_by_faiss() -> None:
    """The feature behind the extra `index`."""
    from signwise.vsa import JSONEncoder, JSONIndex

    JSONIndex(JSONEncoder(512), backend="faiss")


def encode_by_ray() -> None:
    """The feature behind the extra `scale`."""
    from signwise.vsa import JSONEncoder, encode_dataset

    encode_dataset("events.jsonl", JSONEncoder(512), "vectors")


def convolve_graphs() -> None:
    """The feature behind the extra `graph`."""
    from signwise.graph import GCN

    GCN()


FEATURES: dict[str, Callable[[], None]] = {
    "arrow": read_parquet,
    "graph": convolve_graphs,
    "index": search_by_faiss,
    "report": draw_figures,
    "scale": encode_by_ray,
    "video": decode_video,
}


def check_extras() -> None:
    """Each extra is absent here, and what needs it says how to get it."""
    from signwise import _about
    from signwise.errors import MissingExtraError, import_extra

    missing = _about.info().extras
    for extra, modules in missing.items():
        if not modules:
            raise SystemExit(f"the extra {extra!r} is installed, so this environment cannot show that it is optional")
        for module in modules:
            expect_missing(lambda m=module, e=extra: import_extra(m, e, "here"), extra, MissingExtraError)
    if set(FEATURES) != set(missing):
        raise SystemExit(f"extras {sorted(missing)}, features that are checked: {sorted(FEATURES)}")
    if importlib.util.find_spec("signwise.forecast") is None:
        print("extras absent; signwise.forecast is not there, so no feature was tried")
        return
    for extra, feature in FEATURES.items():
        expect_missing(feature, extra, MissingExtraError)
    print(f"{len(FEATURES)} features name their extra: {', '.join(FEATURES)}")


def expect_missing(feature: Callable[[], object], extra: str, error: type[Exception]) -> None:
    """Run a feature that must fail for want of its extra."""
    try:
        feature()
    except error as caught:
        if f"signwise[{extra}]" not in str(caught):
            raise SystemExit(f"the error does not name signwise[{extra}]: {caught}") from caught
    else:
        raise SystemExit(f"{feature} works without the extra {extra!r}")


def time_import() -> None:
    """Time `import signwise` in fresh processes; the best of five counts."""
    command = [sys.executable, "-c", IMPORT_CODE]
    runs = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(5)]
    print(f"import signwise: {min(runs):.1f} ms, best of {len(runs)}")
    if min(runs) > IMPORT_LIMIT_MS:
        raise SystemExit(f"import signwise takes more than {IMPORT_LIMIT_MS} ms")


def main() -> None:
    """Run the three checks."""
    time_import()
    import_every_module()
    check_extras()


if __name__ == "__main__":
    main()
