"""A mapping as data: what can mean nothing is named by its place, never by its words; a preview shows no text."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from shared.events.registry import registry
from shared.files import FileMapping, check_mapping, visible
from shared.files.columns import table_types
from shared.files.mapping import texts_of
from tests.support.files import A_JOB, JOB, PACK, converted, csv_of

pytestmark = pytest.mark.unit
SECRET = "비밀이름"
TODAY = date(2026, 11, 29)


def wrong(**said: Any) -> list[tuple[str, str]]:
    found = check_mapping(FileMapping(**said), PACK)
    told = json.dumps([PACK.remedy(one.rule, one.field, one.values) for one in found], ensure_ascii=False)
    assert SECRET not in told
    return [(one.field, one.rule) for one in found]


class TestMapping:
    def test_fields_and_headings_are_both_taken(self) -> None:
        columns = {"공고 No.": "reference", "급여": "임금", "메모": "", "이수과정": "courses.2.title"}
        assert wrong(columns={"공고 No.": "reference", "급여": "임금", "메모": ""}, type="job-posted") == []
        assert wrong(columns=columns) == []
        assert wrong(type="job-posted", values={"wage.per": {"M급": "month"}}, fixed={"until_filled": "예"}) == []
        assert wrong(type="person-enrolled", values={"identity.sex": {"M": "male"}}) == []

    def test_what_can_mean_nothing_is_named_by_its_place(self) -> None:
        assert wrong(type="job-postd") == [("/type", "unknown-type")]
        assert wrong(type="agency-changed") == [("/type", "not-for-tables")]
        assert wrong(type="job-posted", columns={"a": "title", "b": SECRET, SECRET: "titel"}) == [
            ("/columns/1", "unknown-column"), ("/columns/2", "unknown-column"),
        ]  # fmt: skip
        assert wrong(type="job-posted", values={"wage.pr": {SECRET: "month"}}) == [("/values/0", "unknown-column")]
        assert wrong(type="job-posted", fixed={"title": "x", SECRET: "y"}) == [("/fixed/1", "unknown-column")]

    def test_it_holds_nothing_of_a_person(self) -> None:
        assert wrong(fixed={"identity.name": SECRET}) == [("/fixed/0", "personal-in-mapping")]
        assert wrong(values={"identity.phone": {"x": SECRET}}) == [("/values/0", "personal-in-mapping")]
        assert wrong(columns={"이름(한글)": "identity.name"}) == []

    def test_it_is_bounded(self) -> None:
        for said in ({"columns": {str(n): "" for n in range(301)}}, {"columns": {"x" * 201: ""}}, {"more": 1}):
            with pytest.raises(ValidationError):
                FileMapping(**said)
        assert len(wrong(columns={str(number): SECRET for number in range(300)})) == 50

    def test_every_word_of_it_is_looked_at(self) -> None:
        mapping = FileMapping(columns={"a": "b"}, values={"c": {"d": "e"}}, fixed={"f": "g"})
        assert "".join(sorted(text for _, text in texts_of(mapping))) == "abcdefg"


class TestVisible:
    @pytest.mark.parametrize("type", table_types())
    def test_a_text_is_there_and_not_shown_and_nothing_of_an_identity(self, type: str) -> None:
        def marked(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: marked(each) for name, each in value.items()}
            return [marked(each) for each in value] if isinstance(value, list) else SECRET

        said = marked(registry.find(type).door_example)
        shown = visible({"type": type, "data": {**said, SECRET: 1}}, PACK, TODAY)
        assert SECRET not in json.dumps(shown, ensure_ascii=False)
        assert shown["reference"] == "…"
        assert "identity" not in shown

    def test_codes_amounts_and_days_are_shown(self) -> None:
        (row,) = converted(csv_of(JOB, A_JOB))
        assert row.event is not None
        assert visible(row.event, PACK, TODAY) == {
            "reference": "…", "title": "…",
            "occupation": "work24-2024-occupation:871100", "region": "legal-dong-2026:41110",
            "wage": {"per": "month", "minimum": 2500000, "currency": "…"}, "closes": "2026-12-31",
        }  # fmt: skip

    def test_a_number_that_is_none_of_the_columns_is_not_shown(self) -> None:
        data = {"reference": 1, "places": "9001011234567", "wage": {"minimum": 9001011234567, "per": "홍길동"}}
        shown = visible({"type": "job-posted", "data": data}, PACK, TODAY)
        assert shown == {"reference": "…", "places": "…", "wage": {"minimum": "…", "per": "…"}}

    def test_what_is_no_event_shows_nothing(self) -> None:
        for event in ({}, {"type": "x", "data": {}}, {"type": "job-posted", "data": [SECRET]}, {"type": ["x"]}):
            assert visible(event, PACK, TODAY) == {}
        odd = {"type": "job-posted", "data": {"wage": SECRET, "title": {"name": SECRET}, "benefits": {"x": SECRET}}}
        assert SECRET not in json.dumps(visible(odd, PACK, TODAY), ensure_ascii=False)


@pytest.mark.parametrize(
    "said",
    [
        {"wage": {"minimum": 19910302}},
        {"wage": {"minimum": 910302, "maximum": 9103022}},
        {"wage": {"minimum": 212345678}},
        {"places": 19910302, "hours_per_week": 1012345678, "months": 91030},
        {"closes": "1991-03-02", "starts": "1965-12-31"},
    ],
)
def test_what_looks_like_a_birth_or_a_phone_is_not_shown_in_any_column(said: dict[str, Any]) -> None:
    def texts(value: Any) -> list[Any]:
        return [one for each in value.values() for one in texts(each)] if isinstance(value, dict) else [value]

    assert set(texts(visible({"type": "job-posted", "data": said}, PACK, TODAY))) == {"…"}


def test_amounts_counts_and_days_of_now_are_shown() -> None:
    said = {"wage": {"minimum": 2_600_000, "maximum": 35_000_000}, "places": 3, "closes": f"{TODAY.year + 1}-03-02"}
    assert visible({"type": "job-posted", "data": said}, PACK, TODAY) == said
