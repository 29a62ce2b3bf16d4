"""The wheel on a machine that knows nothing of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from clients.ieum.api_client import Key

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make client` does, and unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT / "clients", check=True, capture_output=True)
    (wheel,) = folder.glob("ieum-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str, code: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "ieum", *arguments],
        cwd=installed.parent,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(installed),
            "HOME": str(installed.parent),
            "IEUM_LANGUAGE": "en",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stderr
    return result.stdout


def test_carries_one_package_and_everything_in_it(installed: Path) -> None:
    assert [path.name for path in installed.iterdir() if path.suffix != ".dist-info"] == ["ieum"]
    assert (installed / "ieum" / "shared" / "reference" / "packs" / "kr_gyeonggi" / "data" / "regions.csv").exists()
    assert (installed / "ieum" / "shared" / "events" / "schemas" / "door" / "job-posted-1.json").exists()
    sources = [path.read_text() for path in installed.rglob("*.py")]
    assert not any("from shared" in source or "clients.ieum import" in source for source in sources)


def test_makes_keys_templates_and_checks(installed: Path) -> None:
    key = Key.parse(run(installed, "keygen", "gjf-1").splitlines()[0].rpartition(" ")[2])
    assert key.key_id == "gjf-1"
    assert "550104" in run(installed, "codes", "요양")
    run(installed, "template", "job-posted", "jobs.xlsx")
    assert "0 rows" in run(installed, "check", "jobs.xlsx", "--type", "job-posted")
    (installed.parent / "x.jsonl").write_text('{"reference": "A-1", "reason": "filled"}\n{"reference": "?"}\n')
    assert "1 fit" in run(installed, "check", "x.jsonl", "--type", "job-closed", code=1)
