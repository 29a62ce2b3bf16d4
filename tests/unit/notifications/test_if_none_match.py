"""`If-None-Match`: all of its lines are one list, weak tags and strong ones are the same, a star is any."""

from __future__ import annotations

import pytest

from services.notifications.feed_api import known, named

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "lines",
    [['"b"'], ['W/"b"'], ['"a", "b"'], ['"a",W/"b" ,"c"'], ['"a"', '"b"'], ['"a", "c"', 'W/"b"'], ["*"], ['"a"', "*"]],
)
@pytest.mark.parametrize("etag", ['"b"', 'W/"b"'])
def test_names_it(lines: list[str], etag: str) -> None:
    assert known(lines, etag)


def test_a_star_is_any_and_names_none() -> None:
    assert not named(["*"], '"b"')
    assert named(["*", 'W/"b"'], '"b"')


@pytest.mark.parametrize("lines", [None, [], [""], ['"a"'], ["b"], ['"B"'], ['"a', 'b"']])
def test_names_another_or_none(lines: list[str] | None) -> None:
    assert not known(lines, '"b"')
