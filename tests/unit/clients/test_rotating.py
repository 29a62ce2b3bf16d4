"""A new key in place of the old: at every moment a file with a key that works, wherever it is killed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from clients.ieum import Hub, Key, NotAllowed
from clients.ieum.api_client import RefusedByHub
from clients.ieum.rotating import last_day, next_id, rotate

pytestmark = pytest.mark.unit
OLD = Key("gjf-1", bytes(range(32)))


class Killed(BaseException):
    pass


class Intake:
    """Keeps keys as intake does; `dies_at`: the call after which the client is killed; `late`: so many calls with a new
    key fail at first."""

    def __init__(self) -> None:
        self.held = {OLD.key_id: OLD.secret_sha256}
        self.graced: dict[str, int] = {}
        self.dies_at: int | None = None
        self.late = 0
        self.calls: list[str] = []
        self.taken: set[str] = set()
        self.until: str | None = None

    def hub(self, key: Key) -> Hub:
        return Hub("https://door.example", key, transport=httpx.MockTransport(self.answer), sleep=lambda _: None)

    def answer(self, request: httpx.Request) -> httpx.Response:
        answer = self._answer(request)
        if answer.status_code < 400:
            self.calls.append(request.method)
            if len(self.calls) == self.dies_at:
                raise Killed
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        key_id, _, secret = request.headers["authorization"].removeprefix("Bearer ").partition(".")
        if self.held.get(key_id) != hashlib.sha256(bytes.fromhex(secret)).hexdigest():
            return httpx.Response(401, json={})
        if key_id != OLD.key_id and self.late:
            self.late -= 1
            return httpx.Response(401, json={})
        if request.method == "POST":
            asked = json.loads(request.content)
            if asked["key_id"] in self.taken:
                return httpx.Response(422, json={"rule": "key-taken"})
            self.held[asked["key_id"]] = asked["secret_sha256"]
            return httpx.Response(201, json={})
        if request.method == "DELETE":
            ended = request.url.path.rpartition("/")[2]
            if ended not in self.held:
                return httpx.Response(404, json={})
            assert ended != key_id
            self.graced[ended] = int(request.url.params["grace_days"])
            if not self.graced[ended]:
                del self.held[ended]
        keys = [{"key_id": one, "until": self.until, "calling": one == key_id} for one in self.held]
        return httpx.Response(200, json={"keys": keys})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gjf.key"
    path.write_text(OLD.token + "\n")
    path.chmod(0o600)
    return path


def turned(intake: Intake, file: Path, grace_days: int = 7, key_id: str | None = None) -> Key:
    return rotate(file, Key.parse(file.read_text()), key_id, grace_days, intake.hub)


def works(intake: Intake, file: Path) -> bool:
    key = Key.parse(file.read_text())
    return intake.held.get(key.key_id) == key.secret_sha256


def test_the_file_holds_the_new_key_and_the_old_one_goes_on_for_a_while(file: Path) -> None:
    intake = Intake()
    intake.late = 3
    new = turned(intake, file)
    assert (new.key_id, Key.parse(file.read_text()), intake.graced) == ("gjf-2", new, {"gjf-1": 7})
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert [each.name for each in file.parent.iterdir()] == ["gjf.key"]
    assert turned(intake, file).key_id == "gjf-3"


@pytest.mark.parametrize("dies_at", [1, 2, 3])
@pytest.mark.parametrize("grace_days", [0, 7])
def test_killed_after_any_call_the_same_again_goes_on(file: Path, dies_at: int, grace_days: int) -> None:
    intake = Intake()
    intake.dies_at = dies_at
    with pytest.raises(Killed):
        turned(intake, file, grace_days)
    beside = file.with_name("gjf.key.new")
    assert works(intake, file) or works(intake, beside)
    new = turned(intake, file, grace_days)
    assert works(intake, file)
    assert (new.key_id, intake.graced) == ("gjf-2", {"gjf-1": grace_days})
    assert not beside.exists()


def test_a_new_key_that_never_works_leaves_the_old_one_alone(file: Path) -> None:
    intake = Intake()
    intake.late = 10_000
    with pytest.raises(NotAllowed):
        turned(intake, file)
    assert (Key.parse(file.read_text()), intake.graced) == (OLD, {})


def test_a_name_that_is_taken_is_not_tried_for_ever(file: Path) -> None:
    intake = Intake()
    intake.taken = {"gjf-2"}
    for _ in range(2):
        with pytest.raises(RefusedByHub):
            turned(intake, file)
        assert not file.with_name("gjf.key.new").exists()
    assert turned(intake, file, key_id="gjf-b").key_id == "gjf-b"
    assert works(intake, file)


def test_another_name_takes_the_place_of_one_that_was_never_registered(file: Path) -> None:
    file.with_name("gjf.key.new").write_text(Key.new("gjf-2").token)
    intake = Intake()
    assert turned(intake, file, key_id="gjf-b").key_id == "gjf-b"
    assert intake.held.keys() == {"gjf-1", "gjf-b"}


@pytest.mark.parametrize(("dies_at", "grace_days"), [(1, 7), (2, 0), (3, 0)])
def test_a_key_that_works_is_never_thrown_away_for_another_name(file: Path, dies_at: int, grace_days: int) -> None:
    intake = Intake()
    intake.dies_at = dies_at
    with pytest.raises(Killed):
        turned(intake, file, grace_days)
    with pytest.raises(ValueError, match="gjf-2, which is half done"):
        turned(intake, file, grace_days, "gjf-b")
    assert turned(intake, file, grace_days).key_id == "gjf-2"
    assert works(intake, file)


def test_the_last_day_of_a_key_is_known() -> None:
    intake = Intake()
    assert last_day(intake.hub(OLD)) is None
    intake.until = "2026-12-05"
    assert last_day(intake.hub(OLD)) == "2026-12-05"


@pytest.mark.parametrize(
    ("key_id", "following"),
    [
        ("gjf-1", "gjf-2"),
        ("gjf-09", "gjf-10"),
        ("gjf", "gjf-2"),
        ("gjf2026", "gjf-2027"),
        ("123", "123-2"),
        ("a" * 40, "a" * 33 + "-2"),
    ],
)
def test_names_follow_each_other(key_id: str, following: str) -> None:
    assert next_id(key_id) == following
    Key.new(next_id(key_id))
