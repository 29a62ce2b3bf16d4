"""Whose people an agency may see, and how much of them."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.domain.visibility import Visibility, visibility_of
from tests.support.matching import TODAY, a_person, numbered

pytestmark = pytest.mark.unit
ALIAS = numbered(0xD1)
ALIASES = [{"agency": "hanawon", "alias": numbered(0xD0)}, {"agency": "gjf", "alias": ALIAS}]


def consent(purpose: str, recipient: str | None, until: str) -> dict[str, Any]:
    return {"purpose": purpose, "recipient": recipient, "until": until}


class TestSightOf:
    @pytest.mark.parametrize(
        ("consents", "seen"),
        [
            ([consent("notice", "gjf", "2026-11-22")], Visibility(ALIAS, why=False)),
            ([consent("profile", "gjf", "2026-11-22")], Visibility(ALIAS, why=True)),
            (
                [consent("notice", "gjf", "2027-01-01"), consent("profile", "gjf", "2027-01-01")],
                Visibility(ALIAS, why=True),
            ),
            (
                [consent("notice", "gjf", "2027-01-01"), consent("profile", "gjf", "2026-11-21")],
                Visibility(ALIAS, why=False),
            ),
            (
                [consent("notice", "gjf", "2027-01-01"), consent("profile", "khf", "2027-01-01")],
                Visibility(ALIAS, why=False),
            ),
            (
                [consent("notice", "gjf", "2027-01-01"), consent("profile", None, "2027-01-01")],
                Visibility(ALIAS, why=False),
            ),
            ([consent("notice", "gjf", "2026-11-21")], None),
            ([consent("notice", "khf", "2027-01-01")], None),
            ([consent("follow-up", "gjf", "2027-01-01")], None),
            ([consent("matching", None, "2027-01-01")], None),
            ([], None),
        ],
    )
    def test_others_see_what_a_live_consent_that_names_them_allows(
        self, consents: list[dict[str, Any]], seen: Visibility | None
    ) -> None:
        person = a_person(consents=consents, aliases=ALIASES)
        assert visibility_of(person, "gjf", TODAY) == seen

    def test_the_owner_needs_none(self) -> None:
        person = a_person(consents=[], aliases=ALIASES, status="left")
        assert visibility_of(person, "hanawon", TODAY) == Visibility(numbered(0xD0), why=True)

    def test_nobody_else_sees_who_left(self) -> None:
        person = a_person(consents=[consent("profile", "gjf", "2027-01-01")], aliases=ALIASES, status="left")
        assert visibility_of(person, "gjf", TODAY) is None

    def test_without_an_alias_there_is_no_way_to_ask(self) -> None:
        person = a_person(consents=[consent("notice", "khf", "2027-01-01")], aliases=ALIASES)
        assert visibility_of(person, "khf", TODAY) is None
