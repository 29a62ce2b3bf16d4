"""DATA= chooses the disk of everything that runs on this machine, and the doctor looks there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

import samples.demo
import samples.run
import verification.chaos.__main__
import verification.leaks.__main__
from deploy.local.doctor import Finding
from deploy.local.folder import STACK
from samples.world import load_setting
from verification.harness import folders
from verification.harness.folders import folder_of
from verification.harness.system import Ports, System

pytestmark = pytest.mark.unit
COMMANDS = [samples.demo, verification.chaos.__main__, verification.leaks.__main__]
Looked = list[tuple[Path, Mapping[str, int] | None]]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA", str(tmp_path / "disk"))
    return tmp_path / "disk"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    """Where a doctor looked that always finds something, so that nothing starts."""
    seen: Looked = []

    def findings(folder: Path, ports: Mapping[str, int] | None) -> list[Finding]:
        seen.append((folder, ports))
        return [Finding("no room", "DATA=")]

    monkeypatch.setattr(folders, "findings", findings)
    return seen


class TestTheFolder:
    def test_is_a_new_one_on_the_disk_that_was_chosen(self, data: Path) -> None:
        first, second = folder_of("demo", None), folder_of("demo", None)
        assert first != second
        assert {first.parent, second.parent} == {data}

    def test_is_the_one_that_is_to_be_kept(self, data: Path, tmp_path: Path) -> None:
        assert folder_of("demo", tmp_path / "kept") == tmp_path / "kept"
        assert not data.exists()

    def test_of_the_pair_is_where_the_doctor_looks(self, tmp_path: Path) -> None:
        assert System(tmp_path, load_setting(), Ports(0, 0, {})).stack.folder == tmp_path / STACK


class TestTheDoctor:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.__name__))
    def test_looks_where_the_new_folder_will_be(self, command: ModuleType, data: Path, looked: Looked) -> None:
        with pytest.raises(SystemExit, match="2"):
            command.main([])
        assert looked == [(data, None)]

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.__name__))
    def test_looks_at_a_kept_folder_and_who_is_in_it(self, command: ModuleType, tmp_path: Path, looked: Looked) -> None:
        with pytest.raises(SystemExit, match="2"):
            command.main(["--keep", str(tmp_path)])
        assert looked == [(tmp_path, {})]

    def test_of_a_run_looks_at_the_data_that_is_kept(self, data: Path, looked: Looked) -> None:
        assert samples.run.main([]) == 2
        assert looked == [(data, {})]
