"""The environment of a service alone: what its lock files name, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path

import h11
import pytest

pytestmark = pytest.mark.integration


def copied(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    lock = folder / "lock.txt"
    lock.write_text("".join(f"{line} \\\n    --hash=sha256:00\n" for line in lines))
    command = [sys.executable, "deploy/ci/copy_environment.py", str(folder / "new"), str(lock)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def imports(folder: Path, name: str) -> bool:
    run = subprocess.run([folder / "new/bin/python", "-c", f"import {name}"], cwd=folder, check=False)
    return run.returncode == 0


def test_what_is_compiled_comes_along(tmp_path: Path) -> None:
    compiled = Path(cache_from_source(h11.__file__))
    assert compiled.exists()
    assert copied(tmp_path, f"h11=={version('h11')}").returncode == 0
    (copy,) = (tmp_path / "new").rglob(f"h11/__pycache__/{compiled.name}")
    assert copy.stat().st_mtime_ns == compiled.stat().st_mtime_ns


def test_holds_what_is_named_for_this_python_and_nothing_else(tmp_path: Path) -> None:
    made = copied(tmp_path, f"h11=={version('h11')}", "colorama==0.0.1 ; sys_platform == 'win32'")
    assert made.returncode == 0, made.stderr
    assert imports(tmp_path, "h11")
    assert not imports(tmp_path, "httpx")
    assert not imports(tmp_path, "pip")


@pytest.mark.parametrize(("line", "told"), [("h11==0.0.1", "h11==0.0.1 is locked"), ("no-such==1", "no-such is not")])
def test_what_is_not_here_as_it_is_locked_is_said(tmp_path: Path, line: str, told: str) -> None:
    made = copied(tmp_path, line)
    assert made.returncode == 1
    assert made.stderr.startswith(told)
    assert not (tmp_path / "new").exists()


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "new").symlink_to("other")
    made = copied(tmp_path, f"h11=={version('h11')}")
    assert (made.returncode, list((tmp_path / "other").iterdir())) == (1, [])
    assert "is there already" in made.stderr
