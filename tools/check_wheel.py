"""Check a built wheel as a user gets it: python tools/check_wheel.py dist/signwise-*.whl

The wheel is installed into a clean environment without any compiler on the PATH, and the tests run against it from a
directory where the sources cannot be imported.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECK_NATIVE = """
import sys
import signwise
from signwise import _native
inside, reason = signwise.__file__.startswith(sys.prefix), _native.available()
print(f"signwise {signwise.__version__} from the wheel: {inside}; native kernels: {reason}")
sys.exit(0 if inside and reason[0] else 1)
"""


def main(wheel: Path) -> None:
    """Install the wheel, ask for its kernels, run the quick tests."""
    if not wheel.is_file():
        raise SystemExit(f"{wheel}: no such wheel")
    with tempfile.TemporaryDirectory(prefix="signwise-wheel-") as folder:
        work = Path(folder)
        venv.create(work / "env", with_pip=True)
        python = work / "env" / "bin" / "python"
        # Nothing but this environment's own programs and cat, by which joblib counts cores: a compiler would be missed.
        (python.parent / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CC", "CXX", "PYTHONHOME")}
        env["PATH"] = str(python.parent)
        if any(shutil.which(name, path=env["PATH"]) for name in ("cc", "gcc", "g++", "c++", "clang", "cmake")):
            raise SystemExit("a compiler is on the stripped PATH")

        def run(what: str, *arguments: str) -> None:
            begin = time.perf_counter()
            done = subprocess.run([python, *arguments], cwd=work, env=env, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{what} failed with code {done.returncode}")
            print(f"{what}: {time.perf_counter() - begin:.0f} s", flush=True)

        pip = ("-m", "pip", "install", "--quiet")
        run("upgrade pip", *pip, "--upgrade", "pip")
        constraints = str(ROOT / "constraints.txt")
        run("install the wheel", *pip, "--only-binary", ":all:", "-c", constraints, f"{wheel.resolve()}[all]")
        run("install the test tools", *pip, "-c", constraints, "--group", f"{ROOT / 'pyproject.toml'}:test")
        run("native kernels", "-c", CHECK_NATIVE)
        # All that tests read, and not the sources.
        for name in ("benchmarks", "docs", "examples", "reproductions", "tests", "tools"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        for name in ("pyproject.toml", "CITATION.cff", "LICENSE", *(path.name for path in ROOT.glob("*.md"))):
            shutil.copy(ROOT / name, work)
        run("tests", "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "tests")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
