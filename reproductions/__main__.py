"""Rerun stored claims: ``python -m reproductions [NAME ...] [--update]``.

A claim is a TOML file under ``reproductions/<method>/``: where the figure comes from, the command that computes it,
what is expected and within what tolerance, what we measured, and on what. A figure that we miss says so under
``miss``. The command runs in a temporary folder; its result is a JSON file, out of which each figure is read by a JSON
pointer. ``--update`` writes what was measured into the file. A command ``python -m reproductions.X`` finds this
package from there. The exit code is 1 if a figure is outside its tolerance.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reproductions", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as forecast/bitcoin-otc; all by default")
    parser.add_argument("--update", action="store_true", help="write the measured figures into the files")
    parser.add_argument("--list", action="store_true", help="list the claims")
    options = parser.parse_args()
    claims = {str(p.relative_to(ROOT).with_suffix("")): p for p in sorted(ROOT.glob("*/*.toml"))}
    unknown = [name for name in options.names if name not in claims]
    if unknown:
        parser.error(f"no claim {', '.join(unknown)}; there are: {', '.join(claims)}")
    missed = 0
    for name in options.names or claims:
        claim = tomllib.loads(claims[name].read_text())
        print(f"{name}: {claim['title']}\n  {' '.join(claim['command'])}", flush=True)
        if not options.list:
            missed += run(claims[name], claim, update=options.update)
    return 1 if missed else 0


def run(path: Path, claim: dict, *, update: bool) -> int:
    """Run one claim and print expected and measured figures; the number of figures outside their tolerance."""
    with tempfile.TemporaryDirectory() as folder:
        command = [word.replace("{out}", f"{folder}/out") for word in claim["command"]]
        if command[0] == "python":
            command[0] = sys.executable
        command[0] = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
        there = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        paths = os.pathsep.join(str(Path(path).absolute()) for path in (ROOT.parent, *there))
        environment = os.environ | {"PYTHONPATH": paths}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
        result = json.loads((Path(folder) / "out" / claim["result"]).read_text())
    missed, width = 0, max(len(figure["name"]) for figure in claim["figures"]) + 2
    text = path.read_text()
    for figure in claim["figures"]:
        value = result
        for step in figure["pointer"].split("/")[1:]:
            value = value[step]
        within = abs(value - figure["expected"]) <= figure["tolerance"]
        missed += not within
        verdict = "ok" if within else "MISS"
        print(
            f"  {figure['name']:<{width}}{figure['expected']:>9g} ± {figure['tolerance']:<7g}{value:>9.4g}  {verdict}"
        )
        block = re.escape(f'pointer = "{figure["pointer"]}"')
        text = re.sub(rf"({block}\n(?:.*\n)*?ours = ).*", rf"\g<1>{float(f'{value:.6g}')}", text, count=1)
    if update:
        hardware = f"{platform.machine()}, Python {platform.python_version()}"
        path.write_text(re.sub(r"(?m)^hardware = .*$", f'hardware = "{hardware}"', text))
    return missed


if __name__ == "__main__":
    sys.exit(main())
