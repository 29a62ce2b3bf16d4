"""Headers of a partner's own: none changes the request, none is two (situation 43)."""

from __future__ import annotations

import pytest

from services.notifications.domain.custom_headers import checked_headers
from services.notifications.domain.refused_option import OptionRefused

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
    with pytest.raises(OptionRefused, match="header-name"):
        checked_headers({"X-Key": "1", "x-key": "2"})


def test_no_more_than_so_many_and_so_long() -> None:
    assert len(checked_headers({f"x-{n}": "v" for n in range(10)})) == 10
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" for n in range(11)})
    with pytest.raises(OptionRefused, match="headers-size"):
        checked_headers({f"x-{n}": "v" * 512 for n in range(4)})
