"""The client over HTTP: keys, repeating, and what it does not repeat."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from clients.ieum import Away, Key, NotAllowed, RefusedByHub
from clients.ieum.api_client import check_address
from tests.unit.clients.hubs import KEY, Served, accepting, batch

pytestmark = pytest.mark.unit
EVENTS = [{"id": "1"}, {"id": "2"}, {"id": "3"}]


class TestKeys:
    def test_the_hash_is_over_the_bytes_and_not_over_their_digits(self) -> None:
        key = Key.new("gjf-1")
        assert key.secret_sha256 == hashlib.sha256(bytes.fromhex(key.token.partition(".")[2])).hexdigest()
        assert Key.parse(f" {key.token}\n") == key

    @pytest.mark.parametrize("text", ["", "gjf-1", "gjf-1.12", f"gjf-1.{'G' * 64}", f"GJF.{'0' * 64}"])
    def test_what_is_no_key_is_not_said_again(self, text: str) -> None:
        with pytest.raises(ValueError, match="64 small hex digits"):
            Key.parse(text)

    def test_nothing_shows_the_secret(self) -> None:
        assert KEY.secret.hex() not in repr(KEY)

    def test_an_event_id_needs_the_key(self) -> None:
        other = Key("gjf-1", bytes(32))
        assert KEY.event_id(b"x") == KEY.event_id(b"x") != other.event_id(b"x")


class TestAddress:
    @pytest.mark.parametrize("url", ["https://intake.example", "http://127.0.0.1:8101", "http://localhost:1"])
    def test_is_taken(self, url: str) -> None:
        check_address(url)

    @pytest.mark.parametrize(
        "url", ["http://intake.example", "http://10.0.0.1", "ftp://x", "intake.example", "https://"]
    )
    def test_names_do_not_travel_in_clear(self, url: str) -> None:
        with pytest.raises(ValueError, match="https"):
            check_address(url)


class TestCalls:
    def test_shows_its_key_and_gets_one_result_for_each(self) -> None:
        served = Served(accepting)
        assert [one["status"] for one in served.hub().send(EVENTS)] == ["accepted"] * 3
        assert served.asked[0].headers["authorization"] == f"Bearer {KEY.token}"
        assert served.bodies == [EVENTS]

    @pytest.mark.parametrize(
        "first", [httpx.Response(503), httpx.Response(429), httpx.ConnectError("x"), httpx.ReadTimeout("x")]
    )
    def test_repeats_what_may_have_been_lost_on_the_way(self, first: httpx.Response | Exception) -> None:
        served = Served(first, first, accepting)
        assert len(served.hub().send(EVENTS)) == 3
        assert served.bodies == [EVENTS] * 3
        assert len(served.slept) == 2

    def test_waits_as_long_as_it_is_asked_to(self) -> None:
        served = Served(httpx.Response(429, headers={"Retry-After": "7"}), accepting)
        served.hub().send(EVENTS)
        assert served.slept == [7.0]

    def test_gives_up_in_time_and_says_that_again_is_safe(self) -> None:
        served = Served(httpx.Response(503))
        with pytest.raises(Away, match="safe"):
            served.hub(patience=10).send(EVENTS)
        assert served.now <= 10

    def test_sends_again_only_what_failed_there(self) -> None:
        served = Served(batch(["accepted", "failed", "refused"]), batch(["accepted"]))
        assert [one["status"] for one in served.hub().send(EVENTS)] == ["accepted", "accepted", "refused"]
        assert served.bodies == [EVENTS, [EVENTS[1]]]

    def test_what_fails_for_ever_is_said_and_not_waited_for_for_ever(self) -> None:
        served = Served(lambda request: batch(["failed"]))
        assert served.hub(patience=5).send(EVENTS[:1]) == [{"status": "failed"}]

    @pytest.mark.parametrize(
        ("status", "error"), [(401, NotAllowed), (403, NotAllowed), (400, RefusedByHub), (413, RefusedByHub)]
    )
    def test_a_no_is_not_asked_for_twice(self, status: int, error: type[Exception]) -> None:
        served = Served(httpx.Response(status, json={"title": "no"}))
        with pytest.raises(error, match=str(status)):
            served.hub().send(EVENTS)
        assert len(served.asked) == 1

    def test_a_receipt_that_is_none_is_looked_for_as_an_id(self) -> None:
        served = Served(httpx.Response(404), httpx.Response(200, json={"status": "accepted"}))
        assert served.hub().status("a" * 32, "/agencies/gjf") == {"status": "accepted"}
        assert [each.url.path for each in served.asked] == [f"/receipts/{'a' * 32}", f"/events/{'a' * 32}"]

    def test_rejections_are_read_page_by_page(self) -> None:
        pages = [{"rejections": [{"id": str(n)}] * 2, "next": str(n)} for n in range(2)]
        served = Served(
            *(httpx.Response(200, json=page) for page in pages), httpx.Response(200, json={"rejections": []})
        )
        assert len(list(served.hub().rejections(100))) == 4
        assert [asked.get("before") for asked in served.bodies] == [None, "0", "1"]
        assert served.bodies[1]["limit"] == 98
