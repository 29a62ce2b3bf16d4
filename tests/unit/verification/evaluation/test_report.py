"""The page of one run: who is behind, and what lists are made of; and the words that BM25 searches by."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shared.reference import load_pack
from verification.evaluation import plots
from verification.evaluation.__main__ import in_one, measured
from verification.evaluation.baselines import korean_words
from verification.evaluation.families import FAMILIES
from verification.evaluation.measures import Served
from verification.evaluation.mix import mix
from verification.evaluation.report import Someone, compared, write
from verification.evaluation.ways import NOW, matched
from verification.evaluation.world import Market

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")


def served(ndcg10: float) -> Served:
    return Served(ndcg10, 0.0, 0.0, 0.0)


class TestCompared:
    def test_says_who_is_behind_whom_and_whether_chance_explains_it(self) -> None:
        women = [Someone({"sex": "women"}, {NOW: served(0.4), "boosting": served(0.5 + n / 1_000)}) for n in range(12)]
        men = [
            Someone({"sex": "men"}, {NOW: served(0.5), "boosting": served(1.02 if n % 2 else 0.0)}) for n in range(12)
        ]
        [of_men, of_women] = compared([*women, *men], "sex", lambda one: one.ndcg10)
        assert (of_women.name, of_women.people, of_women.clearly) == ("women", 12, ["boosting"])
        assert of_women.behind["boosting"][0] == pytest.approx(0.1055)
        assert (list(of_men.behind), of_men.clearly) == (["boosting"], [])

    def test_is_silent_about_few_people(self) -> None:
        few = [Someone({"sex": "men"}, {NOW: served(0.4)}) for _ in range(9)]
        assert compared(few, "sex", lambda one: one.ndcg10) == []


class TestPage:
    def test_holds_tables_plots_and_figures(self, tmp_path: Path) -> None:
        world = measured("balanced", 7, Market(PACK, FAMILIES[0], 7, 25, 60), PACK, None)
        write(tmp_path, [world, world._replace(name="elsewhere")], {"seeds": "7"}, in_one(world))
        page = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert page.index("## The families that numbers were chosen on") < page.index("## `elsewhere`")
        assert "- seeds: 7" in page
        assert "| sex: women |" in page
        assert "| who works (survey) | 0.205 | 0.137 |" in page
        kept = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
        assert kept["worlds"][0]["ways"][NOW]["ndcg10"] == round(world.figures[NOW]["ndcg10"], 4)
        for name in ("groups.svg", "utility.svg", "exposure.svg"):
            assert f"]({name})" in page
            ElementTree.fromstring((tmp_path / name).read_text(encoding="utf-8"))

    def test_a_full_list_goes_on_with_the_pool_and_a_short_one_ends(self) -> None:
        lists = matched(Market(PACK, FAMILIES[2], 7, 25, 120), PACK)
        assert max(map(len, lists)) == 20
        assert any(len(found) < 10 for found in lists)
        assert all(len(set(found)) == len(found) for found in lists)


def test_what_the_first_five_are_made_of() -> None:
    market = Market(PACK, FAMILIES[0], 7, 2, 60)
    jobs = [n for n, one in enumerate(market.adverts) if one.kind == "job"]
    making = [n for n in jobs if (market.adverts[n].shown.occupation or "").split(":")[1].startswith("8")]
    other = [n for n in jobs if n not in making]
    found = mix(market, [[*making[:1], *other[:3]], []])
    assert found["manufacturing"] == 0.25
    pay = [market.adverts[n].shown.wage.minimum for n in [*making[:1], *other[:3]]]
    assert found["hourly_pay"] == pytest.approx(sum(pay) / 4 / 209, rel=0.01)
    assert set(mix(market, [[]]).values()) == {0.0}


def test_plots_say_what_they_are_of_and_break_at_nothing() -> None:
    page = plots.points("a < b", [("women & men", {"now": 0.2, "other": 3.0})], 1.0)
    assert "a &lt; b" in page
    assert "women &amp; men" in page
    assert plots.shares("nothing", {"now": [0, 0]}).endswith("</svg>\n")


def test_korean_words_are_searched_without_endings_and_signs() -> None:
    assert korean_words("[수원시] 요양보호사 모집!!") == ["수원시", "요양", "보호사", "모집"]
    assert korean_words("CNC 가공을 및 용접") == ["cnc", "가공", "용접"]
