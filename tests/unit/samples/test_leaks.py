"""The search for leaks finds what is planted, in every disguise, and nothing else."""

from __future__ import annotations

import base64
import json
import unicodedata
from datetime import date
from urllib.parse import quote

import pytest

from samples.leaks.needles import Finder, Planted, dates, phones, planted_by
from samples.leaks.search import BlindSearch, check
from samples.world import World, load_setting

pytestmark = pytest.mark.unit
NAME = "됿뇱삓"
FINDER = Finder.of([Planted("name", NAME), Planted("birth date", "19910302"), Planted("reference", "HW-BVQ5XV4Z")])


class TestFind:
    @pytest.mark.parametrize(
        "text",
        [
            NAME,
            unicodedata.normalize("NFD", NAME),
            json.dumps(NAME),
            json.dumps(NAME).upper().replace("\\U", "\\u"),
            quote(NAME),
            quote(NAME).lower(),
            NAME.encode().hex(),
            NAME.encode().hex().upper(),
            *(base64.b64encode(f"{'x' * n}{NAME}; and more".encode()).decode() for n in range(6)),
            *(base64.urlsafe_b64encode(f"{'x' * n}{NAME}; and more".encode()).decode() for n in range(6)),
        ],
    )
    def test_a_name_in_every_disguise(self, text: str) -> None:
        assert "name" in {kind for kind, _ in FINDER.find(f'{{"note": "before {text} after"}}'.encode())}

    def test_nothing_where_nothing_is(self) -> None:
        assert FINDER.find("김 and 1991-03 and HW-8841 되뇌".encode()) == set()

    def test_a_short_needle_only_where_it_stands_alone(self) -> None:
        assert FINDER.find(b"born 19910302.") == {("birth date", "plain")}
        assert FINDER.find(b"ab19910302ff") == set()

    def test_at_the_very_beginning_and_end(self) -> None:
        assert FINDER.find(b"HW-BVQ5XV4Z") == {("reference", "plain")}


class TestPlanted:
    def test_every_identity_of_a_day_in_every_way_of_writing_it(self) -> None:
        world = World(load_setting(), seed=1, people=20, today=date(2026, 11, 22))
        items = [item for chapter in world.day(1) for item in chapter.items]
        found = planted_by(world, items)
        for person in world.people:
            identity = person.data["identity"]
            assert Planted("name", identity["name"]) in found
            assert {Planted("phone", written) for written in phones(identity["phone"])} <= found
            assert {Planted("birth date", written) for written in dates(identity["birth_date"])} <= found
            assert Planted("reference", person.reference) in found
        assert {Planted("reference", opening.reference) for opening in world.openings} <= found

    def test_phones_are_looked_for_as_people_write_them_at_home(self) -> None:
        assert phones("+82-10-0674-9407") == {"+82-10-0674-9407", "821006749407", "010-0674-9407", "01006749407"}

    def test_dates_are_looked_for_with_other_signs(self) -> None:
        assert dates("1991-03-02") == {"1991-03-02", "19910302", "1991.03.02", "1991/03/02", "1991년 3월 2일"}


class TestCheck:
    def test_passes_a_search_that_sees(self) -> None:
        check(FINDER, [Planted("name", NAME)])

    def test_stops_a_search_that_is_blind(self) -> None:
        with pytest.raises(BlindSearch):
            check(Finder.of([Planted("name", "됿뇱뇱")]), [Planted("name", NAME)])
