import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from signwise import _native
from signwise.bits import pack, xnor_matmul

native = pytest.mark.skipif(_native.core() is None, reason="the extension is not built")


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@native
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("n", "grain"), [(0, 1), (1, 1), (1000, 1), (1000, 7), (10, 100), (100_000, 64)])
def test_pieces_cover_the_range_once(threads, n, grain):
    assert _native.core().parallel_sum(n, grain, threads, False) == n * (n - 1) // 2


@native
@pytest.mark.parametrize("threads", [1, 4])
def test_a_piece_that_throws(threads):
    with pytest.raises(RuntimeError, match="a piece failed"):
        _native.core().parallel_sum(1000, 1, threads, True)
    assert _native.core().parallel_sum(1000, 1, threads, False) == 499_500


@native
def test_two_python_threads_share_the_pool():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as executor:
        sums = list(executor.map(lambda n: _native.core().parallel_sum(n, 1, 2, False), range(2000, 2200)))
    assert sums == [n * (n - 1) // 2 for n in range(2000, 2200)]


@native
def test_the_pool_survives_a_fork():
    program = """
import os, sys
from signwise import _native
core = _native.core()
assert core.parallel_sum(10_000, 1, 3, False) == 49_995_000
for _ in range(5):
    child = os.fork()
    if child == 0:
        good = all(core.parallel_sum(10_000, 1, 3, False) == 49_995_000 for _ in range(10))
        os._exit(0 if good else 1)
    assert core.parallel_sum(10_000, 1, 3, False) == 49_995_000
    assert os.waitpid(child, 0)[1] == 0
"""
    result = run(program)
    assert result.returncode == 0, result.stderr


@native
def test_forcing_a_tier():
    before = _native.active_isa()
    with _native.force_isa("portable"):
        assert _native.active_isa() == "portable"
        with pytest.raises(ZeroDivisionError), _native.force_isa(_native.best_isa()):
            raise ZeroDivisionError
        assert _native.active_isa() == "portable"
    assert _native.active_isa() == before
    with pytest.raises(ValueError, match=r"force_isa is 'sse9'.*portable, avx2, avx512"), _native.force_isa("sse9"):
        pass


@native
def test_switching_the_extension_off_and_on():
    x = np.random.default_rng(0).standard_normal((4, 100))
    want = xnor_matmul(pack(x), pack(x))
    with _native.use_fallback():
        assert _native.core() is None
        assert _native.active_isa() is None
        assert _native.best_isa() is None
        assert _native.available() == (False, "switched off")
        with pytest.raises(ValueError, match="not available"), _native.force_isa("portable"):
            pass
        assert np.array_equal(xnor_matmul(pack(x), pack(x)), want)
    works, why = _native.available()
    assert works
    assert _native.active_isa() in why


@native
def test_the_tier_comes_from_the_environment():
    program = "from signwise import _native; print(_native.active_isa())"
    assert run(program, SIGNWISE_ISA="portable").stdout.strip() == "portable"
    assert run(program, SIGNWISE_ISA="").stdout.strip() == _native.best_isa()
    result = run(program, SIGNWISE_ISA="sse9")
    assert result.returncode != 0
    assert "SIGNWISE_ISA is 'sse9'; the instruction tiers are: portable, avx2, avx512" in result.stderr


def test_the_extension_can_be_switched_off_by_the_environment():
    program = "from signwise import _native; print(*_native.available())"
    assert run(program, SIGNWISE_NATIVE="0").stdout.strip() == "False switched off by SIGNWISE_NATIVE=0"


def test_number_of_threads():
    program = "from signwise import _native; print(_native.num_threads())"
    assert run(program, SIGNWISE_THREADS="3").stdout.strip() == "3"
    assert run("import torch; torch.set_num_threads(5)\n" + program, SIGNWISE_THREADS="3").stdout.strip() == "5"
    assert int(run(program, SIGNWISE_THREADS="").stdout) >= 1
    for setting in ("0", "-1", "many"):
        result = run(program, SIGNWISE_THREADS=setting)
        assert result.returncode != 0
        assert f"SIGNWISE_THREADS is '{setting}'" in result.stderr


@native
def test_the_compiler_is_named():
    assert _native.core().compiler.split()[0] in ("g++", "clang++")
    assert _native.available()[1].endswith(f"compiled by {_native.core().compiler}")


def test_a_missing_extension_says_what_to_do():
    program = "import sys; sys.modules['signwise._native._core'] = None\nfrom signwise import _native\n"
    result = run(program + "print(*_native.available())", SIGNWISE_NATIVE="1")
    assert result.stdout.strip() == (
        "False not built when signwise was installed: no compiler, or the build failed; reinstall with pip install -v"
    )


@native
def test_a_system_that_refuses_threads():
    program = """
import resource
from signwise import _native
core = _native.core()
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**25, size + 2**25))
for _ in range(3):
    print(core.parallel_sum(100_000, 1, 200, False))
"""
    result = run(program)
    assert result.stdout.split() == ["4999950000"] * 3, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("required", "built"), [("0", True), ("1", False)])
def test_a_failed_compilation(required, built, tmp_path):
    pytest.importorskip("scikit_build_core", reason="builds a wheel")
    root = Path(__file__).parents[2]
    if not (root / "CMakeLists.txt").is_file():
        pytest.skip("the sources are not beside the tests")
    for name in ("pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "src" / "signwise").mkdir(parents=True)
    shutil.copy(root / "src" / "signwise" / "__init__.py", tmp_path / "src" / "signwise")
    result = subprocess.run(
        [sys.executable, "-c", "from scikit_build_core.build import build_wheel; build_wheel('dist')"],
        cwd=tmp_path,
        env={**os.environ, "CXX": "/bin/false", "SIGNWISE_REQUIRE_NATIVE": required},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode == 0) == built, result.stderr
    assert len(list(tmp_path.glob("dist/*.whl"))) == built
