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
    ("wrong", "name", "rule"),
    [
        ({"X-Good": "1", "X-Bad": "a\r\nb"}, "X-Bad", "header-value"),
        ({"X-Bad": None, "X-Good": "1"}, "X-Bad", "header-value"),
        ({"X-Bad": 5}, "X-Bad", "header-value"),
        ({"X-Good": "1", "x key": "1"}, "x key", "header-name"),
        ({"x/~key": "1"}, "x/~key", "header-name"),
        ({"X-Good": "1", "Host": "1"}, "Host", "header-reserved"),
        ({"X-Key": "1", "x-kEY": "2"}, "x-kEY", "header-twice"),
    ],
)
def test_the_one_that_is_wrong_is_named_and_its_value_is_not(wrong: dict[str, Any], name: str, rule: str) -> None:
    with pytest.raises(Problem) as found:
        SubscriptionWanted.model_validate({"channel": "webhook", "headers": wrong}).wishes(load_pack("kr-gyeonggi"))
    told = found.value.details.model_dump(exclude_none=True)
    pointer = "/headers/" + name.replace("~", "~0").replace("/", "~1")
    assert (told["status"], told["rule"], told["field"], told["header"]) == (422, rule, pointer, name)


@pytest.mark.parametrize("name", ["x-a\r\nx-evil", "evil\x00", "evil열쇠", "evil" * 20])
def test_what_no_header_is_called_is_not_repeated(name: str) -> None:
    with pytest.raises(Problem) as found:
        SubscriptionChanges(headers={name: "1"}).wishes(load_pack("kr-gyeonggi"))
    told = found.value.details.model_dump(exclude_none=True)
    assert (told["rule"], told["field"]) == ("header-name", "/headers")
    assert "evil" not in str(told)


def test_no_more_than_so_many_and_so_long() -> None:
    assert len(checked_headers({f"x-{n}": "v" for n in range(10)})) == 10
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" for n in range(11)})
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" * 512 for n in range(4)})
