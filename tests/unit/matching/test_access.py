"""Whose people an agency may see."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.domain.access import alias_for
from tests.support.matching import TODAY, a_person, numbered

pytestmark = pytest.mark.unit
ALIAS = numbered(0xD1)
ALIASES = [{"agency": "hanawon", "alias": numbered(0xD0)}, {"agency": "gjf", "alias": ALIAS}]


def consent(purpose: str, recipient: str | None, until: str) -> dict[str, Any]:
    return {"purpose": purpose, "recipient": recipient, "until": until}


class TestAliasFor:
    @pytest.mark.parametrize(
        ("consents", "seen"),
        [
            ([consent("notice", "gjf", "2026-11-22")], True),
            ([consent("profile", "gjf", "2026-11-22")], True),
            ([consent("notice", "gjf", "2026-11-21")], False),
            ([consent("notice", "khf", "2027-01-01")], False),
            ([consent("follow-up", "gjf", "2027-01-01")], False),
            ([consent("matching", None, "2027-01-01")], False),
            ([], False),
        ],
    )
    def test_others_need_a_live_consent_that_names_them(self, consents: list[dict[str, Any]], seen: bool) -> None:
        person = a_person(consents=consents, aliases=ALIASES)
        assert alias_for(person, "gjf", TODAY) == (ALIAS if seen else None)

    def test_the_owner_needs_none(self) -> None:
        assert alias_for(a_person(consents=[], aliases=ALIASES, status="left"), "hanawon", TODAY) == numbered(0xD0)

    def test_nobody_else_sees_who_left(self) -> None:
        person = a_person(consents=[consent("notice", "gjf", "2027-01-01")], aliases=ALIASES, status="left")
        assert alias_for(person, "gjf", TODAY) is None

    def test_without_an_alias_there_is_no_way_to_ask(self) -> None:
        person = a_person(consents=[consent("notice", "khf", "2027-01-01")], aliases=ALIASES)
        assert alias_for(person, "khf", TODAY) is None
