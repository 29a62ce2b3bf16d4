"""`make lock`: requirements/*.txt anew from requirements/*.in, with the uv that is locked, in a throw-away environment.

dev.txt comes first and binds the versions of all others, so that a service alone is tested on what it runs with.
Neither this machine's package index nor its paths end up in the files.
"""

from __future__ import annotations

import subprocess
import tempfile
import venv
from pathlib import Path

OPTIONS = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--quiet",
]


def main() -> None:
    """Write every lock file. Raises CalledProcessError when the requirements contradict each other."""
    requirements = Path("requirements")
    names = sorted(source.stem for source in requirements.glob("*.in") if source.stem not in ("shared", "dev"))
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        locked = ["--quiet", "--require-hashes", "--requirement", "requirements/uv.txt"]
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", *locked], check=True)
        for name in ["dev", *names]:
            bound = [] if name == "dev" else ["--constraint", "requirements/dev.txt"]
            source, target = (str(requirements / f"{name}.{end}") for end in ("in", "txt"))
            subprocess.run(
                [f"{folder}/bin/uv", "pip", "compile", source, "--output-file", target, *OPTIONS, *bound], check=True
            )
            print(target)


if __name__ == "__main__":
    main()
