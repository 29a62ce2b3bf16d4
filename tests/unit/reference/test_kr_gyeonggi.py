"""What the first pack knows: titles as agencies write them, wages by date, ways to work, occupations."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.reference import PackError, load_pack

pytestmark = pytest.mark.unit

PACK = load_pack("kr-gyeonggi")
OCCUPATIONS = st.sampled_from(PACK.codes("occupation"))


def place(code: str) -> str:
    return f"legal-dong-2026:{code}"


class TestTitles:
    @pytest.mark.parametrize(
        ("title", "code"),
        [
            ("제과기능사", "7892"),
            ("제과 기능사", "7892"),
            (" 제과\u3000기능사 ", "7892"),
            (unicodedata.normalize("NFD", "제과기능사"), "7892"),
            ("지게차", "7875"),
            ("지게차운전기능사", "7875"),
            ("굴착기운전기능사", "7862"),
            ("굴삭기운전기능사", "7862"),
            ("한식조리기능사", "7910"),
            ("요양보호사", "care-worker"),
            ("미용사 일반", "7937"),
            ("ＩＴＱ", "itq"),
            ("Care worker licence", "care-worker"),
        ],
    )
    def test_a_certificate_is_found_however_it_is_written(self, title: str, code: str) -> None:
        assert PACK.certificate(title) == f"kr-certificate-2020:{code}"

    @pytest.mark.parametrize("title", ["", "   ", "!!", "없는 자격증", "제과기능사 2급 과정"])
    def test_an_unknown_title_is_none_and_not_a_guess(self, title: str) -> None:
        assert PACK.certificate(title) is None

    @pytest.mark.parametrize(
        ("title", "code"),
        [("제과제빵", "21"), ("바리스타", "13"), ("봉제", "18"), ("기초 전자", "19"), ("네일아트", "12")],
    )
    def test_a_taster_course_leads_to_its_class(self, title: str, code: str) -> None:
        assert PACK.course(title) == f"ncs-2026:{code}"

    @pytest.mark.parametrize(
        "title",
        [
            "hairdressing",
            "nail care",
            "make-up",
            "skin care",
            "tourism",
            "hotel service",
            "nursing care",
            "home care",
            "cooking",
            "baking",
            "basic electronics",
            "machine assembly",
            "sewing",
            "clothing repair",
            "laundry",
            "barista",
        ],
    )
    def test_each_named_taster_resolves(self, title: str) -> None:
        assert PACK.course(title) in PACK.codes("course")

    def test_a_slip_of_the_pen_gets_the_right_title_first(self) -> None:
        assert PACK.suggestions("certificate", "한식조리기느사")[0] == "한식조리기능사"
        assert PACK.suggestions("course", "바리스터") == ("바리스타",)

    def test_suggestions_are_limited_and_one_per_code(self) -> None:
        found = PACK.suggestions("certificate", "조리기능사", limit=2)
        assert len(found) == 2
        assert len({PACK.certificate(title) for title in found}) == 2
        assert PACK.suggestions("certificate", "조리기능사", limit=0) == ()
        assert PACK.suggestions("wage", "조리기능사") == ()

    @settings(max_examples=30)
    @given(st.text(max_size=40))
    def test_suggestions_only_say_words_of_the_pack(self, title: str) -> None:
        for found in PACK.suggestions("course", title):
            assert PACK.course(found) is not None

    @given(st.sampled_from(sorted(PACK.codes("certificate"))))
    def test_every_certificate_is_found_by_its_own_name(self, code: str) -> None:
        assert PACK.certificate(PACK.label(code, "ko")) == code


class TestMinimumWage:
    @pytest.mark.parametrize(
        ("on", "per_hour"),
        [
            (date(2024, 1, 1), 9860),
            (date(2024, 12, 31), 9860),
            (date(2025, 1, 1), 10030),
            (date(2025, 12, 31), 10030),
            (date(2026, 1, 1), 10320),
            (date(2026, 12, 31), 10320),
        ],
    )
    def test_the_floor_changes_on_new_years_day(self, on: date, per_hour: int) -> None:
        wage = PACK.minimum_wage(on)
        assert (wage.per_hour, wage.hours_per_month, wage.currency) == (per_hour, 209, "KRW")

    @pytest.mark.parametrize("on", [date(2023, 12, 31), date(2027, 1, 1)])
    def test_a_day_outside_the_table_is_an_error_and_not_a_guess(self, on: date) -> None:
        with pytest.raises(PackError, match=on.isoformat()):
            PACK.minimum_wage(on)


class TestHourly:
    def test_the_published_monthly_floor_is_exactly_the_hourly_one(self) -> None:
        assert PACK.hourly(2_156_880, "month", 40) == pytest.approx(10_320)
        assert PACK.hourly(2_156_880, "month", None) == pytest.approx(10_320)
        assert PACK.hourly(2_156_880 * 12, "year", 40) == pytest.approx(10_320)

    def test_a_day_is_eight_hours_or_what_is_said(self) -> None:
        assert PACK.hourly(80_000, "day") == 10_000
        assert PACK.hourly(80_000, "day", 40, 5) == 16_000
        assert PACK.hourly(10_320, "hour", 5) == 10_320

    @pytest.mark.parametrize(("amount", "per", "week"), [(-1, "hour", 40), (1, "week", 40), (1, "month", 0)])
    def test_nonsense_is_refused(self, amount: int, per: str, week: float) -> None:
        with pytest.raises(ValueError, match=r"negative|per must|positive"):
            PACK.hourly(amount, per, week)

    @given(st.floats(1, 80), st.sampled_from(["day", "month", "year"]))
    def test_more_money_is_never_less_per_hour(self, week: float, per: str) -> None:
        assert PACK.hourly(2_000_000, per, week) < PACK.hourly(2_000_001, per, week)


class TestCommute:
    def test_the_survey_bands(self) -> None:
        assert PACK.commute_minutes(place("41270"), place("41270")) == 24
        """Ways grow with the distance and meet the survey's averages, 48 and 67 minutes, at 15 and 20 kilometres."""
        assert PACK.commute_minutes(place("41270"), place("41390")) == 36
        assert PACK.commute_minutes(place("41110"), place("41130")) == 53  # Suwon to Seongnam, 17 km
        assert PACK.commute_minutes(place("41290"), place("11680")) == 54  # Gwacheon to Seoul, 13 km

    def test_two_districts_of_one_city_are_one_commuting_area(self) -> None:
        assert PACK.commute_minutes(place("41271"), place("41273")) == 24
        assert PACK.commute_minutes(place("41597"), place("41591")) == 24

    def test_inside_an_area_and_to_one_that_is_near_only_a_mean_is_known(self) -> None:
        assert PACK.way(place("41270"), place("41270")) == (24, 5)
        assert PACK.way(place("11110"), place("11680")) == (40, 5)
        assert PACK.way(place("41270"), place("41390")) == (36, 15)
        assert PACK.way(place("41270"), place("41390"), car=True) == (27, 11)
        assert PACK.way(place("41110"), place("41130")) == (53, 53)  # 17 km: the distance counts
        assert PACK.way(place("41290"), place("11680")) == (54, 54)

    def test_every_si_and_gun_has_a_neighbour_near_enough(self) -> None:
        homes = tuple(PACK.residence_weights)
        assert len(homes) == 31
        for home in homes:
            assert min(PACK.commute_minutes(home, work) or 999 for work in homes if work != home) < 70

    def test_the_far_ends_of_the_province_are_no_neighbours(self) -> None:
        minutes = PACK.commute_minutes(place("41550"), place("41800"))
        assert minutes is not None
        assert minutes > 120

    def test_a_car_shortens_ways_out_of_town_only(self) -> None:
        assert PACK.commute_minutes(place("41270"), place("41390"), car=True) == 27
        assert PACK.commute_minutes(place("41270"), place("41270"), car=True) == 24

    @pytest.mark.parametrize(
        ("home", "work"),
        [("51000", "41270"), ("41270", "51000"), ("41270", "99999"), ("99999", "41270"), ("41000", "41270")],
    )
    def test_a_way_from_or_to_a_wide_area_is_unknown(self, home: str, work: str) -> None:
        assert PACK.commute_minutes(place(home), place(work)) is None

    def test_every_si_gun_and_large_city_of_the_country_has_its_ways(self) -> None:
        assert PACK.commute_minutes(place("51110"), place("51110")) == 24  # Chuncheon
        assert PACK.commute_minutes(place("11110"), place("11680")) == 40  # two gu of Seoul
        assert PACK.commute_minutes(place("11110"), place("41270")) == 87  # Seoul to Ansan, 31 km
        assert PACK.commute_minutes(place("52111"), place("52113")) == 24  # two gu of Jeonju
        assert (PACK.commute_minutes(place("51110"), place("52110")) or 0) > 240  # Chuncheon to Jeonju
        unknown = [region for region in PACK.codes("region") if PACK.commute_minutes(region, region) is None]
        assert sorted(unknown) == sorted(place(f"{province}000") for province in (41, 43, 44, 46, 47, 48, 50, 51, 52))

    @given(st.sampled_from(sorted(PACK.residence_weights)), st.sampled_from(sorted(PACK.residence_weights)))
    def test_inside_the_province_there_and_back_take_as_long(self, home: str, work: str) -> None:
        there = PACK.commute_minutes(home, work)
        assert there is not None
        assert there == PACK.commute_minutes(work, home)
        assert there >= 24


class TestRegions:
    def test_a_district_lies_in_its_city_and_province(self) -> None:
        assert PACK.province(place("41597")) == place("41000")
        assert PACK.lies_in(place("41597"), place("41590"))
        assert not PACK.lies_in(place("41590"), place("41597"))
        assert PACK.province(place("11110")) == place("11000")

    def test_two_towns_of_one_name_stay_apart(self) -> None:
        assert PACK.province(place("41610")) == place("41000")
        assert PACK.province(place("29110")) == place("29000")

    def test_a_label_is_in_the_language_asked(self) -> None:
        assert PACK.label(place("41270"), "ko") == "안산시"
        assert PACK.label(place("41270"), "en") == "Ansan-si"

    def test_a_missing_translation_falls_back_to_the_first_language(self) -> None:
        assert PACK.label("kr-certificate-2020:2142", "ko") == "가구제작산업기사"
        assert PACK.label("kr-certificate-2020:2142", "en") == "2142 가구제작산업기사"

    def test_every_occupation_has_an_english_name(self) -> None:
        assert PACK.label("keco-2018:3040", "en") == "Nurse"
        assert PACK.label("work24-2024-occupation:813201", "en") == "CNC lathe operator"
        assert PACK.label("work24-2024-occupation:304000", "en") == PACK.label("keco-2018:3040", "en")
        assert all(PACK.label(code, "en").isascii() for code in PACK.codes("occupation"))

    def test_every_region_has_an_english_name(self) -> None:
        assert PACK.label(place("51110"), "en") == "Chuncheon-si, Gangwon State"
        assert PACK.label(place("28237"), "en") == "Bupyeong-gu, Incheon"
        names = {PACK.label(code, "en") for code in PACK.codes("region")}
        assert all(name.isascii() for name in names)
        assert len(names) == len(set(PACK.codes("region"))) - 1  # the province and the one city of Sejong


class TestShifts:
    def test_foreign_hours_become_plain_words(self) -> None:
        assert PACK.means("work24-2024-shift:6") == {"kr-gyeonggi-1:day", "kr-gyeonggi-1:evening"}
        assert PACK.means("kr-gyeonggi-1:night") == {"kr-gyeonggi-1:night"}

    def test_other_hours_say_nothing(self) -> None:
        assert PACK.means("work24-2024-shift:99") == frozenset()

    def test_a_strength_is_not_a_shift_although_they_share_a_scheme(self) -> None:
        assert PACK.accepts("strength", "kr-gyeonggi-1:precision")
        assert not PACK.accepts("shift", "kr-gyeonggi-1:precision")


class TestNearness:
    @pytest.mark.parametrize(
        ("one", "other", "nearness"),
        [
            ("work24-2024-occupation:531201", "work24-2024-occupation:531201", 1.0),
            ("work24-2024-occupation:531201", "work24-2024-occupation:531202", 0.85),
            ("work24-2024-occupation:531201", "work24-2024-occupation:531300", 0.65),
            ("work24-2024-occupation:531201", "work24-2024-occupation:532201", 0.5),
            ("work24-2024-occupation:531201", "work24-2024-occupation:550104", 0.05),
            ("work24-2024-occupation:531201", "work24-2024-occupation:871100", 0.0),
            ("keco-2018:53", "work24-2024-occupation:531201", 0.5),
            ("keco-2018:5312", "work24-2024-occupation:531200", 1.0),
            ("keco-2018:5312", "legal-dong-2026:53120", 0.0),
        ],
    )
    def test_it_grows_with_what_two_codes_share(self, one: str, other: str, nearness: float) -> None:
        assert PACK.occupation_nearness(one, other) == nearness

    @given(OCCUPATIONS, OCCUPATIONS)
    def test_it_is_the_same_both_ways_and_between_nought_and_one(self, one: str, other: str) -> None:
        nearness = PACK.occupation_nearness(one, other)
        assert 0.0 <= nearness <= 1.0
        assert nearness == PACK.occupation_nearness(other, one)

    @given(OCCUPATIONS)
    def test_an_occupation_is_nearest_to_itself(self, one: str) -> None:
        assert PACK.occupation_nearness(one, one) == 1.0

    @given(OCCUPATIONS, OCCUPATIONS, OCCUPATIONS)
    def test_two_that_are_near_a_third_are_near_each_other(self, one: str, two: str, three: str) -> None:
        through = min(PACK.occupation_nearness(one, two), PACK.occupation_nearness(two, three))
        assert PACK.occupation_nearness(one, three) >= through


class TestWorkStrength:
    def test_it_comes_from_the_unit_group(self) -> None:
        assert PACK.work_strength("work24-2024-occupation:871100") == PACK.work_strength("keco-2018:8711") == 2.83

    def test_it_is_unknown_for_a_wide_group_and_for_anything_else(self) -> None:
        assert PACK.work_strength("keco-2018:8") is None
        assert PACK.work_strength("legal-dong-2026:87110") is None

    def test_it_stays_between_one_and_five(self) -> None:
        known = [strength for code in PACK.codes("occupation") if (strength := PACK.work_strength(code)) is not None]
        assert known
        assert all(1 <= strength <= 5 for strength in known)


class TestProgrammesAndBenefits:
    def test_a_published_programme_has_its_real_rules(self) -> None:
        women = next(one for one in PACK.programmes if one.name == "women-employment-support-2025")
        assert (women.sex, women.age_min, women.age_max, women.residence_months_min) == ("female", 35, 59, 12)
        assert (women.seats, women.income_max_percent_of_median, women.jobless) == (1700, 150, True)
        assert women.covers(date(2025, 12, 31))
        assert not women.covers(date(2026, 1, 1))

    def test_the_incentive_adds_up_to_the_published_highest_amount(self) -> None:
        incentive = next(one for one in PACK.benefits if one.name == "employment-incentive")
        elsewhere = [step for step in incentive.payments if not step.where]
        assert [step.after_months for step in elsewhere] == list(PACK.clocks)
        assert sum(step.amount for step in elsewhere) - 2_500_000 == 21_000_000

    def test_money_is_written_as_people_read_it(self) -> None:
        assert PACK.money(2_400_000, "ko") == "2,400,000원"
        assert PACK.money(10_320.4, "en") == "KRW 10,320"


class TestNearestCodes:
    """A18"""

    @pytest.mark.parametrize(
        ("field", "code", "first"),
        [
            ("occupation", "work24-2024-occupation:871109", "work24-2024-occupation:871100"),
            ("region", "legal-dong-2026:4127000000", "legal-dong-2026:41270"),
            ("benefit", "work24-2024-welfare:2", "work24-2024-welfare:02"),
            ("education", "work24-education:02", "work24-2024-education:02"),
        ],
    )
    def test_begin_as_it_does_or_lost_their_zeros(self, field: str, code: str, first: str) -> None:
        assert PACK.nearest_codes(field, code)[0] == first

    @pytest.mark.parametrize("code", ["legal-dong-2026:99999", "legal-dong-2026:", "x:y", ":"])
    def test_are_none_where_nothing_is_like_it(self, code: str) -> None:
        assert PACK.nearest_codes("region", code) == ()
