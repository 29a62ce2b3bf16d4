"""Services that somebody else runs: where they are is told in full, and a foreign token is taken as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.compose.demo import ADMINISTRATOR, ASKED_TO_KILL, CONTAINERS
from deploy.compose.env import administrator
from deploy.local.errors import StartError
from samples.demo import KILLS
from samples.world import load_setting
from verification.harness import external_stack
from verification.harness.external_stack import Addresses, ExternalSystem
from verification.harness.keyring import Keyring

pytestmark = pytest.mark.unit

TOLD = {
    "EXTERNAL_KAFKA": "kafka:9092",
    "EXTERNAL_MONGO_URL": "mongodb://reader:x@database:27017/",
    "EXTERNAL_INTAKE": "http://intake:8080",
    "EXTERNAL_MATCHING": "http://matching:8080",
    "EXTERNAL_NOTIFICATIONS": "http://notifications:8080",
    "EXTERNAL_ADMIN_TOKEN": administrator(ADMINISTRATOR)[0],
    "EXTERNAL_SELF": "demo",
}


class TestPlaces:
    @pytest.mark.parametrize("missing", TOLD)
    def test_what_is_missing_is_named(self, missing: str) -> None:
        with pytest.raises(StartError, match=f"{missing} is missing"):
            Addresses.read({name: value for name, value in TOLD.items() if name != missing})

    @pytest.mark.parametrize(("name", "address"), [("broker", ("kafka", 9092)), ("matching", ("matching", 8080))])
    def test_every_target_has_an_address(self, name: str, address: tuple[str, int]) -> None:
        assert Addresses.read(TOLD).address(name) == address

    def test_the_compose_file_of_the_demo_tells_all_of_them(self) -> None:
        text = Path("deploy/compose/demo.yml").read_text()
        assert [name for name in TOLD if f"      {name}: " not in text] == []


class TestStanding:
    def test_broker_database_and_partners_have_the_addresses_told(self, tmp_path: Path) -> None:
        system = ExternalSystem(tmp_path, load_setting("kr-gyeonggi"), Addresses.read(TOLD))
        assert (system.stack.kafka, system.stack.mongo_url) == (TOLD["EXTERNAL_KAFKA"], TOLD["EXTERNAL_MONGO_URL"])

    def test_the_administrator_speaks_with_the_token_that_was_made_elsewhere(self, tmp_path: Path) -> None:
        setting = load_setting("kr-gyeonggi")
        system = ExternalSystem(tmp_path, setting, Addresses.read(TOLD))
        assert system.keyring.token(setting.admin.agency) == TOLD["EXTERNAL_ADMIN_TOKEN"]

    async def test_it_asks_for_a_kill_and_goes_on_when_the_target_is_away(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        system = ExternalSystem(tmp_path, load_setting("kr-gyeonggi"), Addresses.read(TOLD))
        listens = [True, True, False]
        monkeypatch.setattr(system, "_listens", lambda name: listens.pop(0))
        await system.kill("matching")
        assert capsys.readouterr().out == "KILL matching\n"
        assert listens == []

    async def test_a_kill_that_nobody_does_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        system = ExternalSystem(tmp_path, load_setting("kr-gyeonggi"), Addresses.read(TOLD))
        monkeypatch.setattr(system, "_listens", lambda name: True)
        monkeypatch.setattr(external_stack, "PATIENCE", 0.01)
        with pytest.raises(StartError, match="nobody killed matching"):
            await system.kill("matching")


class TestContainers:
    def test_the_driver_knows_this_world_and_its_targets(self) -> None:
        assert load_setting("kr-gyeonggi").admin.agency == ADMINISTRATOR
        assert set(KILLS) == set(CONTAINERS)
        assert external_stack.ASKED_TO_KILL == ASKED_TO_KILL


class TestKeyring:
    @pytest.mark.parametrize("token", ["", "ieum-1.00", "ops-1." + "0" * 64, "ieum-1." + "x" * 64])
    def test_a_token_of_another_form_is_refused(self, tmp_path: Path, token: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            Keyring(tmp_path / "keys.json").accept("ieum", token)
