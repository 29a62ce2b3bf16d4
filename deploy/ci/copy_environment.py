"""An environment with the packages that lock files name and no others, copied from the one that runs this.

    python deploy/ci/copy_environment.py FOLDER requirements/intake.txt requirements/test.txt

Their hashes were checked when the one that is copied was installed, from a lock file that holds every line of these
(tests/unit/deploy/test_tests_of_one_service.py). So they need not be fetched, unpacked and compiled once more. Ends
with an error when one is not there in the version that is named: an environment that is out of date.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement


def main(arguments: Sequence[str]) -> None:
    """``arguments``: the new environment's folder, then lock files."""
    folder, *files = map(Path, arguments)
    if folder.exists():  # a link, as in a second worktree: what it leads to is somebody's
        raise SystemExit(f"{folder} is there already\n  -> name a folder that is not")
    found = [here(named) for file in files for named in wanted(file)]
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    for package in found:
        copy(package, packages)


def wanted(file: Path) -> Iterator[Requirement]:
    """What a lock file names for this platform and Python."""
    for line in file.read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            named = Requirement(line.removesuffix("\\"))
            if named.marker is None or named.marker.evaluate():
                yield named


def here(named: Requirement) -> Distribution:
    """It, as it is installed where this runs. Raises SystemExit when it is not, or in another version."""
    try:
        package = distribution(named.name)
    except PackageNotFoundError:
        raise SystemExit(f"{named.name} is not installed here\n  -> make setup") from None
    if not named.specifier.contains(package.version, prereleases=True):
        raise SystemExit(f"{named} is locked and {package.version} installed here\n  -> make setup")
    return package


def copy(package: Distribution, packages: Path) -> None:
    """All its files but its commands, which name another Python, and what is compiled of them. Times are kept: it
    counts."""
    for file in package.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:  # not every installer lists what is compiled
            copy_file(Path(file.locate()), packages / file)
            if file.suffix == ".py" and (compiled := Path(cache_from_source(file.locate()))).exists():
                copy_file(compiled, Path(cache_from_source(packages / file)))


def copy_file(old: Path, new: Path) -> None:
    """It, in the folder that it needs."""
    new.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(old, new)


if __name__ == "__main__":
    main(sys.argv[1:])
