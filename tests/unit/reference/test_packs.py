"""Every pack in the folder keeps the same promises, and all its references lead somewhere."""

from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest

from shared.kit.web.quotas import AtOnce, Limiter
from shared.reference import Pack, PackError, available_packs, load_pack
from shared.reference.sentences import placeholders
from shared.reference.tables import read_json
from shared.reference.title_folding import folded

pytestmark = pytest.mark.unit
PROBLEMS = {
    "unauthorised", "wrong-hash", "key-in-address", "right", "not-found", "method-not-allowed", "too-much",
    "unsupported-media-type", "uri-too-long", "head-too-large", "unavailable", "connections", "internal", "no-file",
    "malformed", "too-slow", "json-wanted",
    "bad-request", "round-once", "round-person", "round-opening", "round-opening-once", "round-nobody",
    "round-no-opening", "too-many-rounds", "round-changed", "round-outdated", "range-not-satisfiable", "not-subscribed",
    "unknown-cursor", "url-refused", "url-not-expected", "no-topics-here", "topic-not-ready", "no-mail-here",
    "address-refused", "already-subscribed", "too-many-subscriptions", "too-many-secrets",
    "endpoint-check-failed", "endpoint-not-there", "asked-too-often", "changed-meanwhile", "nothing-to-pause",
    "nothing-to-test", "not-for-this-channel", "headers-refused", "tls-refused", "secret-refused",
    "feed-keeps-itself", "recovery-running", "not-to-be-sent", "filter-refused", "not-what-was-read",
    "needs-order", "url-form", "url-port", "no-etag", "nothing-is-signed", "subscription-disabled",
}  # fmt: skip

PACKS = Path("shared/reference/packs")
CONTRACT_FIELDS = [
    "region",
    "education",
    "course",
    "interest",
    "strength",
    "need",
    "certificate",
    "occupation",
    "employment",
    "shift",
    "industry",
    "licence",
    "benefit",
]
CONDITIONS = [
    "kind",
    "consent",
    "dates",
    "wage_floor",
    "minimum_wage",
    "shifts",
    "hours",
    "commute",
    "region",
    "certificate",
    "licence",
    "age",
    "sex",
    "income",
    "education",
    "places",
    "excluded_employer",
    "jobless",
]


@pytest.fixture(params=available_packs())
def pack(request: pytest.FixtureRequest) -> Pack:
    return load_pack(request.param)


class TestAvailable:
    def test_the_first_pack_and_an_invented_one_are_there(self) -> None:
        assert {"kr-gyeonggi", "xx-island"} <= set(available_packs())

    def test_a_pack_is_loaded_once(self, pack: Pack) -> None:
        assert load_pack(pack.name) is pack

    def test_an_unknown_pack_is_named_with_those_that_exist(self) -> None:
        with pytest.raises(PackError, match="xx-island"):
            load_pack("../xx-island")


class TestCodes:
    def test_every_field_of_the_contract_has_codes(self, pack: Pack) -> None:
        assert [field for field in CONTRACT_FIELDS if not pack.codes(field)] == []

    def test_every_code_of_a_field_is_known_labelled_and_of_a_scheme_the_field_takes(self, pack: Pack) -> None:
        for field in CONTRACT_FIELDS:
            schemes = pack.schemes_for(field)
            for code in pack.codes(field):
                assert pack.known(code)
                assert pack.accepts(field, code)
                assert code.partition(":")[0] in schemes
                assert all(pack.label(code, language) for language in pack.languages)

    def test_no_code_is_listed_twice_in_a_field(self, pack: Pack) -> None:
        for field in CONTRACT_FIELDS:
            assert len(set(pack.codes(field))) == len(pack.codes(field))

    def test_an_unknown_code_is_not_known_and_shown_as_it_is(self, pack: Pack) -> None:
        assert not pack.known("nowhere-1:x")
        assert not pack.accepts("region", "nowhere-1:x")
        assert pack.label("nowhere-1:x", pack.languages[0]) == "nowhere-1:x"
        assert pack.province("nowhere-1:x") is None

    def test_a_language_the_pack_does_not_speak_is_an_error(self, pack: Pack) -> None:
        with pytest.raises(PackError, match="speaks"):
            pack.label(pack.codes("region")[0], "tlh")

    def test_a_field_without_codes_takes_no_scheme(self, pack: Pack) -> None:
        assert pack.schemes_for("wage") == frozenset()
        assert pack.codes("wage") == ()

    def test_every_region_lies_in_a_topmost_region(self, pack: Pack) -> None:
        for region in pack.codes("region"):
            top = pack.province(region)
            assert top is not None
            assert pack.lies_in(region, top)
            assert pack.province(top) == top

    def test_what_a_code_means_are_codes_of_the_same_field(self, pack: Pack) -> None:
        for code, plain in pack.stands_for.items():
            assert all(pack.lists.entries[one].field == pack.lists.entries[code].field for one in plain) or not plain
        assert pack.means(pack.codes("strength")[0]) == {pack.codes("strength")[0]}

    def test_every_education_has_a_rank_and_none_is_shared(self, pack: Pack) -> None:
        ranks = [pack.education_rank(code) for code in pack.codes("education")]
        assert None not in ranks
        assert len(set(ranks)) == len(ranks)
        assert pack.education_rank("nowhere-1:x") is None


class TestRules:
    def test_weights_add_up_and_are_for_the_same_factors_in_every_pack(self, pack: Pack) -> None:
        # that these are the factors there are is for matching to say: tests/unit/matching/test_factors.py
        assert set(pack.weights) == set(load_pack("xx-island").weights)
        assert sum(pack.weights.values()) == pytest.approx(1.0)
        assert pack.weights_version

    def test_the_seven_purposes_are_there_in_every_language(self, pack: Pack) -> None:
        for name in ("intake", "matching", "notice", "profile", "follow-up", "statistics", "safeguarding"):
            purpose = pack.purpose(name)
            assert purpose is not None
            assert set(purpose.text) == set(pack.languages)
        assert pack.purpose("marketing") is None

    def test_short_purposes_stay_short_and_those_to_a_recipient_need_one(self, pack: Pack) -> None:
        for name, needs in (("matching", False), ("notice", True), ("profile", True)):
            purpose = pack.purpose(name)
            assert purpose is not None
            assert purpose.longest_days <= 180
            assert purpose.recipient_required is needs

    def test_a_follow_up_consent_lasts_as_long_as_the_last_clock(self, pack: Pack) -> None:
        purpose = pack.purpose("follow-up")
        assert purpose is not None
        assert purpose.longest_days >= pack.clocks[-1] * 30

    def test_programmes_are_of_a_kind_of_the_pack(self, pack: Pack) -> None:
        assert pack.programmes
        assert {programme.kind for programme in pack.programmes} <= set(pack.kinds)

    def test_benefits_after_a_time_with_one_employer_fall_on_a_clock(self, pack: Pack) -> None:
        steps = {step.after_months for benefit in pack.benefits if benefit.same_employer for step in benefit.payments}
        assert steps
        assert steps <= set(pack.clocks)

    def test_people_live_in_known_regions_from_which_the_way_to_work_is_known(self, pack: Pack) -> None:
        assert pack.residence_weights
        for region in pack.residence_weights:
            assert pack.commute_minutes(region, region) is not None

    def test_the_whole_wage_table_answers_and_the_days_around_it_do_not(self, pack: Pack) -> None:
        day = date(2026, 11, 22)
        first = last = pack.minimum_wage(day)
        while True:
            try:
                first = pack.minimum_wage(first.valid_from - timedelta(days=1))
            except PackError:
                break
        while last.valid_to is not None:
            try:
                last = pack.minimum_wage(last.valid_to + timedelta(days=1))
            except PackError:
                break
        assert first.valid_from <= day
        assert last.valid_to is not None
        assert day <= last.valid_to

    def test_past_the_end_of_the_wage_table_the_last_floor_holds_and_before_it_none_is_known(self, pack: Pack) -> None:
        last = pack.minimum_wage(date(2026, 11, 22))
        while last.valid_to is not None and not pack.wage_table_ended(last.valid_to + timedelta(days=1)):
            last = pack.minimum_wage(last.valid_to + timedelta(days=1))
        assert last.valid_to is not None
        for days in (0, 1, 400, 4_000):
            assert pack.wage_floor(last.valid_to + timedelta(days=days)) == last.per_hour
        assert not pack.wage_table_ended(last.valid_to)
        assert pack.wage_floor(date(2010, 1, 1)) is None

    def test_within_the_wage_table_the_floor_is_the_days_own(self, pack: Pack) -> None:
        for day in (date(2026, 6, 30), date(2026, 7, 1), date(2026, 11, 22)):
            assert pack.wage_floor(day) == pack.minimum_wage(day).per_hour


class TestNeverCollected:
    @pytest.mark.parametrize("field", ["kin", "home_town", "route", "year_of_leaving", "cohort", "health", "free_text"])
    def test_what_endangers_people_is_refused_with_a_reason_in_every_language(self, pack: Pack, field: str) -> None:
        assert field in pack.never_collected
        reasons = {pack.never_collected_reason(field, language) for language in pack.languages}
        assert None not in reasons
        assert len(reasons) == len(pack.languages)

    @pytest.mark.parametrize("written", ["homeTown", "HOME-TOWN", "home town", "ｈome_town"])
    def test_another_spelling_is_refused_too(self, pack: Pack, written: str) -> None:
        assert pack.never_collected_reason(written, pack.languages[0]) is not None

    @pytest.mark.parametrize("field", ["residence", "courses", "wants", "identity", "certificates", "occupations"])
    def test_what_the_door_takes_is_not_refused(self, pack: Pack, field: str) -> None:
        assert pack.never_collected_reason(field, pack.languages[0]) is None

    def test_no_name_stands_in_two_groups(self, pack: Pack) -> None:
        names = [folded(name) for group in pack.refused for name in group.fields]
        twice = {name for name in names if names.count(name) > 1} - {"hometown"}
        assert twice == set()


class TestSentences:
    def test_all_packs_have_the_same_sentences_with_the_same_values(self) -> None:
        first, *others = (load_pack(name).sentences.names for name in available_packs())
        assert all(other == first for other in others)

    def test_every_problem_of_a_request_can_be_told_in_every_language(self, pack: Pack) -> None:
        names = {*get_args(Limiter), *get_args(AtOnce), *PROBLEMS}
        for name in names:
            said = pack.problem((name,), {"bytes": 5, "fields": "kind", "ports": "443"})["remedy"]
            assert tuple(said) == pack.languages, name
        told = {
            key.removeprefix("problem.").replace("_", "-") for key in pack.sentences.names if key.startswith("problem.")
        }
        assert told == names
        assert pack.problem(("too-much",), {}) == pack.problem(("weather",), {}) == {}, "nothing that cannot be said"

    def test_of_the_names_of_a_problem_the_first_that_can_be_told_counts(self, pack: Pack) -> None:
        said = pack.problem(("requests", "too-many"), {})
        assert list(said) == ["titles", "details", "remedy"]
        assert said["titles"]["en"] == "Too much at a time"
        assert said["remedy"]["en"].startswith("Wait as long as Retry-After says")

    def test_every_condition_has_its_three_answers(self, pack: Pack) -> None:
        wanted = {f"condition.{name}.{answer}" for name in CONDITIONS for answer in ("yes", "no", "ask")}
        assert wanted <= set(pack.sentences.names)

    def test_every_factor_of_the_weights_can_be_told(self, pack: Pack) -> None:
        wanted = {f"factor.{name}.{degree}" for name in pack.weights for degree in ("strong", "some", "unknown")}
        wanted |= {"factor.title.by_code", "factor.title.no_wishes", "factor.skills.no_hits"}
        assert wanted <= set(pack.sentences.names)

    def test_every_kind_has_a_name(self, pack: Pack) -> None:
        assert {f"kind.{kind}" for kind in pack.kinds} <= set(pack.sentences.names)

    def test_every_sentence_can_be_said_in_every_language_with_its_values(self, pack: Pack) -> None:
        for key, names in pack.sentences.names.items():
            for language in pack.languages:
                said = pack.sentence(key, language, **dict.fromkeys(names, "#value#"))
                assert said.strip() == said
                assert said.count("#value#") >= len(names)
                assert "{" not in said

    def test_every_line_of_the_file_has_every_language_and_the_same_values(self, pack: Pack) -> None:
        files = sorted((PACKS / pack.name.replace("-", "_") / "sentences").iterdir())
        assert len(files) == 9
        for by_language in chain(*(read_json(file, dict[str, dict[str, str]]).values() for file in files)):
            assert tuple(by_language) == pack.languages
            assert len({placeholders(text) for text in by_language.values()}) == 1

    def test_an_unknown_key_or_language_or_a_missing_value_is_an_error(self, pack: Pack) -> None:
        with pytest.raises(PackError, match="no such sentence"):
            pack.sentence("condition.weather.no", pack.languages[0])
        with pytest.raises(PackError, match="does not speak"):
            pack.sentence("condition.places.no", "tlh")
        with pytest.raises(PackError, match="minutes"):
            pack.sentence("condition.commute.yes", pack.languages[0])

    def test_brackets_are_not_blamed_for_a_name_that_stands_twice(self, pack: Pack) -> None:
        assert "twice" in pack.sentence("remedy.named_twice", "en")
        assert "twice" not in pack.sentence("remedy.not_json", "en")
