"""What somebody wrote in the place of an id never reaches the database: it would stand in the log of slow queries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.matching.people_access import PeopleAccess
from services.matching.queries import MatchQueries
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem

pytestmark = pytest.mark.unit
CALLER: Any = SimpleNamespace(
    agency=SimpleNamespace(agency="hanawon", recipient_class="case"), must_read=lambda _: None, must=lambda *_: None
)


class Unasked:
    """A repository that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


PEOPLE = PeopleAccess(cast(Any, Unasked()), lambda: date(2026, 11, 22), Clock())
QUERIES = MatchQueries(cast(Any, Unasked()), cast(Any, None), PEOPLE)


class TestAnAliasOrOpeningThatIsNone:
    @pytest.mark.parametrize("name", ["홍길동", "+82-10-0674-9407", "HW-8841"])
    @pytest.mark.parametrize(
        "ask",
        [
            lambda name: QUERIES.of_person(CALLER, name),
            lambda name: QUERIES.of_opportunity(CALLER, name),
            lambda name: QUERIES.why(CALLER, name, name),
        ],
    )
    async def test_is_not_found_without_asking(self, ask: Callable[[str], Awaitable[Any]], name: str) -> None:
        with pytest.raises(Problem) as problem:
            await ask(name)
        assert problem.value.status == 404
