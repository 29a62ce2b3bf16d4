"""Whatever fails while an agency's user is made, a password that holds is in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.rights import agency, kafka_admin, own_topics

pytestmark = pytest.mark.unit


class Broker:
    """What it holds, and which step fails."""

    def __init__(self) -> None:
        self.password, self.fails, self.steps = "old", "", list[str]()

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.fails == name:
            raise TimeoutError

    async def ask(self, _: Any, request: str) -> Any:
        self.password = request
        self.step("answer")
        return SimpleNamespace(results=[("", 0)])

    async def rules_there(self, _: Any) -> set[Any]:
        self.step("rights")
        return set()

    async def add(self, *_: Any) -> None:
        self.step("right")


class Client:
    def __init__(self, **_: Any) -> None: ...

    async def bootstrap(self) -> None: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def create_topics(self, wanted: Any) -> Any:
        return SimpleNamespace(topic_errors=[(each.name, 0) for each in wanted])


def scram(passwords: Mapping[str, str]) -> str:
    return passwords["agency-gjf"]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    for name, made in (("_ask", broker.ask), ("rules_there", broker.rules_there), ("add", broker.add)):
        monkeypatch.setattr(kafka_admin, name, made)
    monkeypatch.setattr(kafka_admin, "AIOKafkaClient", Client)
    monkeypatch.setattr(kafka_admin, "_AlterUserScram", scram)
    monkeypatch.setattr(own_topics, "AIOKafkaAdminClient", Client)
    monkeypatch.setenv("KAFKA_ADMIN_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("KAFKA_ADMIN_PASSWORD", "x")
    monkeypatch.delenv("IEUM_TOPIC_PREFIX", raising=False)
    return broker


@pytest.mark.parametrize("fails", ["rights", "right", "answer"])
def test_a_password_that_may_hold_is_kept_and_set_by_the_next_attempt(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: str
) -> None:
    out, left = tmp_path / "gjf.password", tmp_path / ".gjf.password.new"
    out.write_text("old\n")
    broker.fails = fails
    for _ in range(2):
        assert agency.main(["add", "gjf", "--out", str(out)]) == 1
        assert broker.password in (out.read_text().strip(), left.read_text().strip())
        assert str(left) in capsys.readouterr().err
    assert broker.password == ("old" if fails != "answer" else left.read_text().strip())
    assert oct(left.stat().st_mode)[-3:] == "600"
    kept, broker.fails = left.read_text(), ""
    assert agency.main(["add", "gjf", "--out", str(out)]) == 0
    assert out.read_text() == kept == broker.password + "\n"
    assert not left.exists()


def test_rights_come_before_the_password(broker: Broker, tmp_path: Path) -> None:
    assert agency.main(["add", "gjf", "--out", str(tmp_path / "gjf.password")]) == 0
    assert broker.steps[0] == "rights"
    assert broker.steps[-1] == "answer"


def test_what_is_no_password_of_ours_is_not_set(broker: Broker, tmp_path: Path) -> None:
    left = tmp_path / ".gjf.password.new"
    left.write_text("short")
    assert agency.main(["add", "gjf", "--out", str(tmp_path / "gjf.password")]) == 0
    assert len(broker.password) == 48
