"""Bodies that are packed or in another encoding: read where the request says so, bounded once they are unpacked."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest

from services.intake.request_admission import Admitted
from services.intake.request_body import Received
from shared.events.http_binding import BATCH, STRUCTURED
from shared.events.refusal import Refused
from shared.kit.web import quotas as limits
from shared.kit.web.edge_settings import SMALL_BODY, EdgeSettings
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import Quotas
from tests.unit.intake.memory import House, admission, example

pytestmark = pytest.mark.unit
MOST_BYTES = 1_000_000
GZIP = (("content-encoding", "gzip"),)


@pytest.fixture
def house() -> House:
    return House()


async def admitted(
    house: House, body: bytes, *headers: tuple[str, str], media: str = BATCH, quotas: Quotas | None = None
) -> Admitted:
    known = Quotas(EdgeSettings()) if quotas is None else quotas
    received = Received(media, headers, body)
    async with admission(most_bytes=MOST_BYTES).admit(received, house.callers["gjf"], known) as found:
        return found


async def rule(house: House, body: bytes, *headers: tuple[str, str], media: str = BATCH) -> str:
    with pytest.raises(Refused) as error:
        await admitted(house, body, *headers, media=media)
    return error.value.refusals[0].rule


def batch(house: House, count: int = 3) -> bytes:
    adverts = [example("job-posted", reference=f"J-{number}") for number in range(count)]
    return json.dumps([house.event("job-posted", data, "gjf") for data in adverts], ensure_ascii=False).encode()


async def test_a_packed_batch_is_taken_as_a_plain_one(house: House) -> None:
    body = batch(house)
    receipts = await house.door.take(await admitted(house, gzip.compress(body), *GZIP), house.callers["gjf"])
    assert [receipt.status for receipt in receipts] == ["accepted"] * 3
    again = await house.door.take(await admitted(house, body), house.callers["gjf"])
    assert [receipt.status for receipt in again] == ["duplicate"] * 3


async def test_a_bomb_is_refused_and_unpacked_no_further_than_a_body_may_be(house: House) -> None:
    bomb = gzip.compress(b" " * 50 * MOST_BYTES)
    assert len(bomb) < MOST_BYTES
    assert await rule(house, bomb, *GZIP) == "too-much"
    assert (await admitted(house, gzip.compress(b"[" + b" " * (MOST_BYTES - 2) + b"]"), *GZIP)).count == 0


BROKEN = {
    "nothing": b"",
    "plain": b"[]",
    "cut off": gzip.compress(b"[]")[:-1],
    "more behind it": gzip.compress(b"[]") + b"x",
    "zlib": zlib.compress(b"[]"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_no_gzip_or_not_all_of_it_is_refused(house: House, broken: str) -> None:
    assert await rule(house, BROKEN[broken], *GZIP) == "broken-gzip"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd", "?"])
async def test_another_coding_is_named_as_what_it_is(house: House, coding: str) -> None:
    assert await rule(house, b"[]", ("content-encoding", coding)) == "unsupported-encoding"


async def test_what_is_unpacked_is_charged_like_what_comes_plain(house: House) -> None:
    quotas = Quotas(EdgeSettings(limit_bytes="1000/200000"))
    packed = gzip.compress(b"[" + b" " * 150_000 + b"]")
    assert (await admitted(house, packed, *GZIP, quotas=quotas)).count == 0
    with pytest.raises(Problem) as raised:
        await admitted(house, packed, *GZIP, quotas=quotas)
    assert (raised.value.status, raised.value.details.rule) == (429, "bytes")


@pytest.mark.parametrize("charset", ["euc-kr", "EUC-KR", '"cp949"', "ks_c_5601-1987"])
async def test_korean_encodings_are_read_where_the_charset_says_so(house: House, charset: str) -> None:
    event = house.event("job-posted", example("job-posted", certificates_wanted=["제과기능사"]), "gjf")
    body = json.dumps(event, ensure_ascii=False).encode("cp949")
    media = f"{STRUCTURED}; charset={charset}"
    (receipt,) = await house.door.take(await admitted(house, body, media=media), house.callers["gjf"])
    assert receipt.status == "accepted"
    assert await rule(house, body, media=STRUCTURED) == "not-utf-8"


async def test_another_charset_and_one_that_is_not_true_are_refused(house: House) -> None:
    assert await rule(house, b"[]", media=f"{BATCH}; charset=utf-16") == "unsupported-encoding"
    assert await rule(house, b'["\xff"]', media=f"{BATCH}; charset=euc-kr") == "not-utf-8"
    assert (await admitted(house, b"[]", media=f"{BATCH}; charset=UTF-8")).count == 0


def withdrawal(house: House) -> bytes:
    event = house.event("consent-withdrawn", example("consent-withdrawn"), "gjf")
    return json.dumps({**event, "subject": "철회"}, ensure_ascii=False).encode()


@pytest.mark.parametrize("form", ["plain", "packed", "EUC-KR", "both"])
async def test_a_withdrawal_in_any_form_waits_behind_no_batch_and_counts_no_bytes(house: House, form: str) -> None:
    body, media = withdrawal(house), STRUCTURED
    headers: Any = ()
    if form in ("EUC-KR", "both"):
        body, media = body.decode().encode("cp949"), f"{STRUCTURED}; charset=euc-kr"
    if form in ("packed", "both"):
        body, headers = gzip.compress(body), GZIP
    quotas, caller = Quotas(EdgeSettings(limit_bytes="1/1", at_once_bodies=1)), house.callers["gjf"]
    known, received = admission(most_bytes=MOST_BYTES), Received(media, headers, body)
    large = Received(BATCH, GZIP, gzip.compress(b"[" + b" " * SMALL_BODY + b"]"))
    async with (
        known.turn(large, caller, quotas),
        asyncio.timeout(1),
        known.turn(received, caller, quotas),
        known.admit(received, caller, quotas) as found,
    ):
        assert found.ahead


async def test_what_unpacks_to_more_than_one_event_is_a_body_among_bodies(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LONGEST_TURN", 0.01)
    known, caller = admission(most_bytes=MOST_BYTES), house.callers["gjf"]
    large = Received(BATCH, GZIP, gzip.compress(b"[" + b" " * SMALL_BODY + b"]"))
    for most in (1, 2):  # too many at once; and one that waits for its turn, but not for ever
        quotas = Quotas(EdgeSettings(at_once_bodies=most))
        async with known.turn(large, caller, quotas):
            with pytest.raises(Problem) as raised:
                async with known.turn(large, caller, quotas):
                    raise AssertionError("two at a time")
            assert (raised.value.status, raised.value.details.rule) == (429, "bodies-at-once")
        async with known.turn(large, caller, quotas):
            pass
        assert not quotas._held, "nothing is left behind"
        assert not quotas._working, "nothing is left behind"


async def test_of_what_is_unpacked_only_what_exceeds_one_event_is_charged(house: House) -> None:
    quotas = Quotas(EdgeSettings(limit_bytes="1/10"))
    for spaces in (SMALL_BODY - 2, SMALL_BODY + 8):
        body = gzip.compress(b"[" + b" " * spaces + b"]")
        assert (await admitted(house, body, *GZIP, quotas=quotas)).count == 0
    with pytest.raises(Problem):
        await admitted(house, gzip.compress(b"[" + b" " * (SMALL_BODY + 8) + b"]"), *GZIP, quotas=quotas)


async def test_cp949_is_decoded_a_piece_at_a_time_also_where_a_piece_ends_within_a_letter(house: House) -> None:
    """The codec holds the interpreter's lock: 5 MB in one go would hold the event loop for 15 ms."""
    korean = "; charset=euc-kr"
    for before in ("", " "):
        text = before + json.dumps(["가" * 500] * 150, ensure_ascii=False)
        received = Received(BATCH + korean, (), text.encode("cp949"))
        assert received.unpacked(MOST_BYTES).decode() == text
    for broken in (text.encode("cp949"), b"\xff" * 70_000):
        with pytest.raises(Refused, match="not-utf-8"):
            Received(BATCH + korean, (), broken + b"\xb0").unpacked(MOST_BYTES)
