"""A filter says which notices a subscription wants; it is bounded before it is looked into."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.notifications.domain.notice_threads import MatchSummary
from services.notifications.domain.subscription_filters import FilterRefused, checked, compiled
from services.notifications.subscriptions.subscription_options import filter_of
from shared.events.refusal import Refusal, Refused
from shared.kit.web.problems import Problem
from shared.reference import Pack, load_pack
from shared.reference.codes import CodeLists

pytestmark = pytest.mark.unit
PACK, ISLAND = load_pack("kr-gyeonggi"), load_pack("xx-island")
HIGH_JOB = MatchSummary("o1", "job", "high", "legal-dong-2026:41270")
LOW_JOB = MatchSummary("o2", "job", "low", "legal-dong-2026:11110")
HIGH_INTERNSHIP = MatchSummary("o3", "internship", "high")
ALL = (HIGH_JOB, LOW_JOB, HIGH_INTERNSHIP)
LONG = {"exact": {"kind": "startup-support", "band": "medium", "region": "legal-dong-2026:41270"}}
JOB, HIGH, LOW = {"exact": {"kind": "job"}}, {"exact": {"band": "high"}}, {"exact": {"band": "low"}}
GOYANG, GYEONGGI = {"exact": {"region": "legal-dong-2026:41270"}}, {"prefix": {"region": "legal-dong-2026:41"}}


def deep(levels: int) -> dict[str, Any]:
    """A filter with so many levels."""
    return JOB if levels == 1 else {"not": deep(levels - 1)}


@pytest.mark.parametrize(
    ("wanted", "passing"),
    [
        (JOB, {"o1", "o2"}),
        ({"exact": {"kind": "job", "band": "high"}}, {"o1"}),
        ({"all": [JOB, HIGH]}, {"o1"}),
        ({"any": [LOW, {"exact": {"kind": "internship"}}]}, {"o2", "o3"}),
        ({"not": LOW}, {"o1", "o3"}),
        ({"all": [{"not": {"any": [LOW, JOB]}}, HIGH]}, {"o3"}),
        ({"exact": {"kind": "training"}}, set()),
        ({"exact": {"region": "legal-dong-2026:41270"}}, {"o1"}),
        ({"prefix": {"region": "legal-dong-2026:41"}}, {"o1"}),
        ({"prefix": {"region": "legal-dong-2026:50"}}, set()),
        ({"not": {"prefix": {"region": "legal-dong-2026:41"}}}, {"o2", "o3"}),
    ],
)
def test_what_it_lets_pass(wanted: dict[str, Any], passing: set[str]) -> None:
    wants = compiled(checked(wanted, PACK))
    assert {told.opportunity for told in ALL if wants(told)} == passing


def test_none_lets_everything_pass() -> None:
    assert all(compiled(None)(told) for told in ALL)


@pytest.mark.parametrize(
    ("wanted", "place", "rule"),
    [
        ({}, "", "filter-form"),
        ([], "", "filter-form"),
        ("job", "", "filter-form"),
        ({"exact": {"kind": "job"}, "not": LOW}, "", "filter-form"),
        ({"all": []}, "", "filter-form"),
        ({"any": {"exact": {}}}, "", "filter-form"),
        ({"sql": "1=1"}, "", "filter-form"),
        ({"all": [JOB, {"not": []}]}, "/all/1/not", "filter-form"),
        ({"exact": {"person": "x"}}, "/exact", "filter-field"),
        ({"exact": {"band": "best"}}, "/exact/band", "unknown-value"),
        ({"prefix": {"kind": "jo"}}, "/prefix", "filter-field"),
        ({"prefix": {}}, "/prefix", "filter-form"),
        ({"exact": {"region": "41270"}}, "/exact/region", "unknown-code"),
        ({"exact": {"region": "legal-dong-2026:01012345678"}}, "/exact/region", "unknown-code"),
        ({"exact": {"band": "high\n"}}, "/exact/band", "unknown-value"),
        ({"exact": {"kind": 1}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "j" * 61}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "채용"}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"kind": "010-1234-5678"}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"kind": "Job"}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"kind": "job\n"}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"kind": ""}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"kind": "jobs"}}, "/exact/kind", "unknown-kind"),
        ({"exact": {"region": "legal-dong-2027:41270"}}, "/exact/region", "unknown-code"),
        ({"any": [JOB, {"exact": {"region": "legal-dong-2026:41"}}]}, "/any/1/exact/region", "whole-code"),
        ({"exact": {"region": "legal-dong-2026:"}}, "/exact/region", "whole-code"),
        ({"exact": {"region": "keco-2018:5301"}}, "/exact/region", "unknown-code"),
        ({"prefix": {"region": "legal-dong-2026:412700"}}, "/prefix/region", "unknown-code"),
        ({"prefix": {"region": "legal-dong-20"}}, "/prefix/region", "unknown-code"),
        ({"prefix": {"region": ""}}, "/prefix/region", "unknown-code"),
        (deep(7), "/not/not/not/not/not/not", "filter-size"),
        ({"any": [JOB] * 60}, "/any/59", "filter-size"),
        ({"any": [LONG] * 59}, "", "filter-size"),
        ({"all": [JOB, {"exact": {"kind": "internship"}}]}, "", "filter-never-matches"),
        ({"all": [JOB, {"not": JOB}]}, "", "filter-never-matches"),
        ({"not": {"any": [HIGH, {"exact": {"band": "medium"}}, LOW]}}, "", "filter-never-matches"),
        ({"not": {"any": [JOB, {"not": JOB}]}}, "", "filter-never-matches"),
        ({"all": [GOYANG, {"prefix": {"region": "legal-dong-2026:11"}}]}, "", "filter-never-matches"),
        ({"all": [GOYANG, {"exact": {"region": "legal-dong-2026:11110"}}]}, "", "filter-never-matches"),
        ({"all": [GYEONGGI, {"prefix": {"region": "legal-dong-2026:11"}}]}, "", "filter-never-matches"),
        ({"all": [{"prefix": {"region": "legal-dong-2026:4127"}}, {"not": GYEONGGI}]}, "", "filter-never-matches"),
        (
            {"all": [{"any": [{"all": [JOB, HIGH]}, {"all": [LOW, GOYANG]}]}, {"not": JOB}, HIGH]},
            "",
            "filter-never-matches",
        ),
    ],
)
def test_what_is_refused_and_where(wanted: object, place: str, rule: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        checked(wanted, PACK)
    assert (refused.value.place, refused.value.rule) == (place, rule)


@pytest.mark.parametrize(
    "wanted",
    [
        {"any": [JOB, {"all": [HIGH, LOW]}]},  # some of it never matches
        {"not": {"any": [{"exact": {"kind": kind}} for kind in PACK.kinds]}},  # kinds that come later
        {"all": [{"not": {"exact": {"region": code}}} for code in PACK.codes("region")[:29]]},  # and without a region
        {"all": [GYEONGGI, {"not": GOYANG}]},
        {"all": [{"prefix": {"region": GOYANG["exact"]["region"]}}, {"not": GOYANG}]},  # codes that come later
        {"all": [GYEONGGI, {"prefix": {"region": "legal-dong-2026:4127"}}, GOYANG]},
        {"not": {"prefix": {"region": "legal-dong-2026:"}}},
    ],
    ids=range(7),
)
def test_what_could_match_some_day_is_taken(wanted: dict[str, Any]) -> None:
    assert json.loads(checked(wanted, PACK)) == wanted


def test_what_can_never_match_is_told_in_words_of_its_own() -> None:
    with pytest.raises(Refused) as refused:
        filter_of({"all": [HIGH, LOW]}, PACK)
    (refusal,) = refused.value.refusals
    assert (refusal.rule, refusal.field) == ("filter-never-matches", "/filter")
    for pack in (PACK, ISLAND):
        told = pack.remedy(refusal.rule, refusal.field, refusal.values)
        assert set(told) == set(pack.languages)


def test_as_deep_and_as_wide_as_is_allowed() -> None:
    assert json.loads(checked(deep(6), PACK)) == deep(6)
    assert json.loads(checked({"any": [JOB] * 59}, PACK)) == {"any": [JOB] * 59}


def test_for_a_prefix_no_list_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request may name nearly sixty, and a list of a whole country has tens of thousands of codes."""

    def gone_through(*_: object) -> Any:
        raise AssertionError

    regions = PACK.codes("region")
    monkeypatch.setattr(CodeLists, "codes", gone_through)
    checked({"any": [{"prefix": {"region": code[:-1]}} for code in regions[-59:]]}, PACK)
    for code in regions:
        assert PACK.any_code_begins("region", code)
        assert not PACK.any_code_begins("region", code + "0")
    assert not PACK.any_code_begins("region", "zone:1")
    assert not PACK.any_code_begins("nothing", "")


def test_one_text_is_compiled_once() -> None:
    text = checked({"all": [JOB, HIGH]}, PACK)
    assert compiled(text) is compiled(checked({"all": [JOB, HIGH]}, PACK))


@pytest.mark.parametrize(
    ("wanted", "rule", "values"),
    [
        (
            {"exact": {"kind": "jobs"}},
            "unknown-kind",
            {"kinds": ", ".join(PACK.kinds)},
        ),
        ({"exact": {"band": "top"}}, "unknown-value", {"expected": "'high' or 'medium' or 'low'"}),
        # what an older code became
        (
            {"exact": {"region": "legal-dong-2026:42110"}},
            "unknown-code",
            {"schemes": "legal-dong-2026", "codes": "legal-dong-2026:51110"},
        ),
        ({"exact": {"region": "x:y"}}, "unknown-code", {"schemes": "legal-dong-2026"}),
    ],
)
def test_what_the_pack_does_not_know_is_refused_in_the_words_of_the_door(
    wanted: dict[str, Any], rule: str, values: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        filter_of(wanted, PACK)
    ((field, name),) = next(iter(wanted.items()))[1].items()
    assert refused.value.refusals == (Refusal(rule, f"/filter/{next(iter(wanted))}/{field}", values),), name
    remedy = PACK.remedy(rule, field, values)
    assert all(value.split()[0] in remedy["en"] for value in values.values() if rule != "unknown-value")


@pytest.mark.parametrize("pack", [PACK, ISLAND])
def test_the_beginning_of_codes_in_the_place_of_one_is_told_how_to_say_it(pack: Pack) -> None:
    code = next(iter(pack.codes("region")))
    with pytest.raises(Refused) as refused:
        filter_of({"exact": {"region": code[:-1]}}, pack)
    (refusal,) = refused.value.refusals
    told = pack.remedy(refusal.rule, refusal.field, refusal.values)
    assert (refusal.rule, set(told)) == ("whole-code", set(pack.languages))
    assert all("prefix" in each for each in told.values())


def test_a_code_that_is_nearly_right_is_told_the_nearest() -> None:
    with pytest.raises(Refused) as refused:
        filter_of({"exact": {"region": "legal-dong-2026:41279"}}, PACK)
    assert "legal-dong-2026:41270" in str(refused.value.refusals[0].values["codes"])


def test_what_is_kept_may_be_said_again_and_nothing_else_of_it() -> None:
    wanted = {"exact": {"region": "isle-region-1:W1"}}
    kept = checked(wanted, ISLAND)
    assert filter_of(wanted, PACK, kept) == kept
    for other in (deep(500), {"not": wanted}, {"exact": {"region": "isle-region-1:W2"}}):
        with pytest.raises((Refused, Problem)):
            filter_of(other, PACK, kept)


def test_each_pack_has_its_own_codes_and_a_filter_that_is_kept_stays() -> None:
    wanted = {"any": [{"exact": {"region": "isle-region-1:W1"}}, {"prefix": {"region": "isle-region-1:W"}}]}
    text = checked(wanted, ISLAND)
    with pytest.raises(FilterRefused):
        checked(wanted, PACK)
    assert compiled(text)(MatchSummary("o1", "job", "high", "isle-region-1:W2")), "whatever became of the list since"
