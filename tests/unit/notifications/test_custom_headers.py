"""Headers of a partner's own: none changes the request, none is two (situation 43)."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.domain.custom_headers import checked_headers
from services.notifications.domain.refused_option import OptionRefused
from services.notifications.subscriptions.schemas import SubscriptionChanges, SubscriptionWanted
from shared.kit.web.problems import Problem
from shared.reference import load_pack

pytestmark = pytest.mark.unit


def test_names_are_lower_case_and_values_as_they_came() -> None:
    given = {"X-Api-Key": "a b=c;d", "Authorization": "Bearer abc.def"}
    assert checked_headers(given) == {"x-api-key": "a b=c;d", "authorization": "Bearer abc.def"}


@pytest.mark.parametrize(
    "value", ["a\r\nx: y", "a\nb", "a\rb", "a\x00b", "a\tb", " a", "a ", "", "열쇠", "a\x7f", "a\u2028b", "x" * 513]
)
def test_a_value_that_could_end_a_line_or_is_read_differently_is_refused(value: str) -> None:
    with pytest.raises(OptionRefused, match="header-value"):
        checked_headers({"x-key": value})


@pytest.mark.parametrize("name", ["x key", "x:key", "x\r\ny", "", "-x", "x_key", "エ", "x" * 65, "ſ-key"])
def test_a_name_that_is_no_plain_token_is_refused(name: str) -> None:
    with pytest.raises(OptionRefused, match="header-name"):
        checked_headers({name: "value"})


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "TE", "Trailer", "Connection", "Keep-Alive", "Upgrade"),
        *("Expect", "Proxy-Authorization", "Cookie", "Content-Type", "content-encoding", "User-Agent"),
        *("webhook-id", "Webhook-Signature", "ce-type", "X-Forwarded-For", "x-http-method-override", "Forwarded"),
    ],
)
def test_what_frames_routes_or_signs_the_request_is_ours(name: str) -> None:
    with pytest.raises(OptionRefused, match="header-reserved"):
        checked_headers({name: "1"})


def test_the_same_name_twice_in_two_spellings_is_refused() -> None:
    with pytest.raises(OptionRefused, match="header-twice"):
        checked_headers({"X-Key": "1", "x-key": "2"})


@pytest.mark.parametrize(
    ("wrong", "number", "rule"),
    [
        ({"X-Good": "1", "X-Evil": "a\r\nb"}, 2, "header-value"),
        ({"X-Evil": None, "X-Good": "1"}, 1, "header-value"),
        ({"X-Evil": 5}, 1, "header-value"),
        ({"X-Good": "1", "evil key": "1"}, 2, "header-name"),
        ({"x-a\r\nx-evil": "1"}, 1, "header-name"),
        ({"X-Good": "1", "X-Also": "1", "evil열쇠": "1"}, 3, "header-name"),
        ({"X-Evil": "1", "x-eVIL": "2"}, 2, "header-twice"),
        ({"X-Good": "1", "X-Forwarded-Evil": "1"}, 2, "header-reserved"),
    ],
)
def test_the_one_that_is_wrong_is_said_by_its_number_for_its_name_may_be_anybodys(
    wrong: dict[str, Any], number: int, rule: str
) -> None:
    told = refusal_of(wrong)
    assert (told["status"], told["rule"], told["field"], told["number"]) == (422, rule, "/headers", number)
    assert "evil" not in str(told).lower()


def test_a_reserved_one_is_named_in_our_spelling() -> None:
    told = refusal_of({"X-Good": "1", "HOST": "1"})
    assert (told["rule"], told["field"], told["header"], told["number"]) == (
        "header-reserved", "/headers/host", "host", 2,
    )  # fmt: skip


def test_of_all_together_none_is_said() -> None:
    told = refusal_of({f"x-{n}": "v" for n in range(11)})
    assert (told["rule"], told["field"]) == ("headers-size", "/headers")
    assert "number" not in told


def refusal_of(headers: dict[str, Any]) -> dict[str, Any]:
    """What a new subscription and a change are both told."""
    pack = load_pack("kr-gyeonggi")
    with pytest.raises(Problem) as new:
        SubscriptionWanted.model_validate({"channel": "webhook", "headers": headers}).wishes(pack)
    with pytest.raises(Problem) as changed:
        SubscriptionChanges.model_validate({"headers": headers}).wishes(pack)
    told = new.value.details.model_dump(exclude_none=True)
    assert told == changed.value.details.model_dump(exclude_none=True)
    return told


def test_no_more_than_so_many_and_so_long() -> None:
    assert len(checked_headers({f"x-{n}": "v" for n in range(10)})) == 10
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" for n in range(11)})
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" * 512 for n in range(4)})
