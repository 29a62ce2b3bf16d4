"""The folder of keys and databases is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.local.errors import StartError
from deploy.local.folder import KEYS, lock, private

pytestmark = pytest.mark.unit


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


class TestPrivate:
    def test_a_new_one_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        assert mode(private(tmp_path / "data")) == 0o700

    @pytest.mark.parametrize("wide", [0o755, 0o770, 0o701])
    def test_one_of_an_earlier_run_is_closed(self, tmp_path: Path, wide: int) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (data / KEYS).touch()
        data.chmod(wide)
        assert mode(private(data)) == 0o700

    def test_one_that_holds_other_things_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "letters").touch()
        tmp_path.chmod(0o755)
        with pytest.raises(StartError, match="open to other users"):
            private(tmp_path)
        assert mode(tmp_path) == 0o755

    def test_one_that_is_everybodys_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o1777)
        with pytest.raises(StartError, match="open to other users"):
            private(tmp_path)

    def test_the_folder_of_a_pair_is_private(self, tmp_path: Path) -> None:
        lock(tmp_path / "stack").close()
        assert mode(tmp_path / "stack") == 0o700
