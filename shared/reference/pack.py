"""A pack: everything about one country and programme that the services ask for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache, partial
from math import ceil
from types import MappingProxyType
from typing import Literal

from shared.reference.codes import CodeLists
from shared.reference.commuting import Commuting, Way
from shared.reference.errors import PackError
from shared.reference.manifest import Manifest
from shared.reference.matching_data import MatchingData
from shared.reference.models import AgeBounds, Benefit, MinimumWage, NeverCollected, Programme, Purpose
from shared.reference.occupations import Occupations
from shared.reference.sentences import Sentences
from shared.reference.spreadsheet_words import FileWords
from shared.reference.successors import Successors
from shared.reference.title_additions import Additions
from shared.reference.title_folding import folded
from shared.reference.title_times import TitleTimes
from shared.reference.title_words import TitleWords
from shared.reference.titles import Found, Titles
from shared.reference.wages import WageTable, paid_hours

_AMOUNTS = frozenset({"minimum", "hourly", "unit"})  # values of remedies that are money
_MOST_REMEMBERED = 1_000  # remedies
_ID = r"^[0-9a-f]{32}$"  # what the contract has as the form of an id
NAMED_FIELDS = {"occupation": ("occupation",), "skill": ("course", "certificate")}
"""Whose titles the words of a title may name, by what is asked (`Pack.named`)."""
_SAID_OF_A_PROBLEM = {"titles": "title", "details": "detail", "remedy": "problem"}  # member, first part of the key


@dataclass(frozen=True, eq=False)
class Pack:
    """Validated, dated data with the few rules that read it. Never changes after loading; safe to share.

    Made by `load_pack`. Codes are written `scheme:code`, the scheme with its version.
    """

    manifest: Manifest
    lists: CodeLists
    titles: Mapping[str, Titles]
    additions: Mapping[str, Additions]
    """What people add to titles, by field, and (`skill`) to what a title names."""
    occupations: Occupations
    commuting: Commuting
    wages: WageTable
    sentences: Sentences
    purposes: Mapping[str, Purpose]
    benefits: tuple[Benefit, ...]
    programmes: tuple[Programme, ...]
    refused: tuple[NeverCollected, ...]
    ages: tuple[AgeBounds, ...]
    residence_weights: Mapping[str, float]
    """Weights of regions for an invented population; not a statistic."""
    stands_for: Mapping[str, frozenset[str]]
    successors: Mapping[str, Successors]
    """What became of codes that are older than their lists."""
    words: FileWords
    """The words of spreadsheets."""
    matching: MatchingData
    """Numbers of the ranking, and what codes mean to matching."""
    coming: MatchingData | None = None
    """The same from a later day on (its `valid_from`)."""

    def on(self, day: date) -> "Pack":
        """The pack by whose numbers matches are made on that day: an input by day, like the wage table."""
        coming = self.coming
        return self if coming is None or coming.valid_from is None or day < coming.valid_from else self._then

    def only_of(self, day: date) -> "Pack":
        """The same, as if these numbers held on every day."""
        of_day = self.on(day)
        return of_day if of_day.coming is None else replace(of_day, coming=None)

    @cached_property
    def _then(self) -> "Pack":
        assert self.coming is not None, "asked for only where something comes"
        return replace(self, matching=self.coming, coming=None)

    @property
    def name(self) -> str:
        """Name of the pack, as given to `load_pack`."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The day the data was last changed, as YYYY-MM-DD."""
        return self.manifest.version.isoformat()

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of all texts; the first is the one people read first."""
        return self.manifest.languages

    @property
    def currency(self) -> str:
        """ISO 4217 code. All amounts are in whole units of it."""
        return self.manifest.currency

    @property
    def timezone(self) -> str:
        """IANA name of the zone in which the programme's days begin."""
        return self.manifest.timezone

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of opportunity."""
        return self.manifest.kinds

    @property
    def clocks(self) -> tuple[int, ...]:
        """Months with one employer after which something is due, rising."""
        return self.manifest.clocks

    @property
    def weights(self) -> Mapping[str, float]:
        """Weight of each factor; they add up to 1."""
        return MappingProxyType(dict(self.matching.weights))

    @property
    def weights_version(self) -> str:
        """Version to keep with every result that used the weights."""
        return self.matching.weights_version

    def known(self, code: str) -> bool:
        """True when the code is in one of the lists."""
        return code in self.lists.entries

    def label(self, code: str, language: str) -> str:
        """Name of the code; where a translation is missing the code's own part before the name in the first language,
        so that it can be looked up; an unknown code as it is."""
        self._spoken(language)
        entry = self.lists.entries.get(code)
        if entry is None:
            return code
        return entry.labels.get(language) or f"{code.partition(':')[2]} {entry.labels[self.languages[0]]}"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that take codes."""
        return self.lists.fields()

    def fields_of(self, scheme: str) -> tuple[str, ...]:
        """The fields that take codes of this list; none for an unknown one."""
        spec = self.manifest.schemes.get(scheme)
        return () if spec is None else spec.fields

    def schemes_for(self, field: str) -> frozenset[str]:
        """Schemes that a field of the contract takes; none when it takes no codes."""
        return self.lists.schemes_for(field)

    def codes(self, field: str) -> tuple[str, ...]:
        """All codes that a field takes, in order."""
        return self.lists.codes(field)

    def any_code_begins(self, field: str, beginning: str) -> bool:
        """True when a code that a field takes begins so (`codes.CodeLists.any_begins`)."""
        return self.lists.any_begins(field, beginning)

    def nearest_codes(self, field: str, code: str) -> tuple[str, ...]:
        """Codes of a field that an unknown one is most like (`codes.CodeLists.nearest`)."""
        return self.lists.nearest(field, code)

    def accepts(self, field: str, code: str) -> bool:
        """True when the field takes this very code (a scheme may serve several fields)."""
        entry = self.lists.entries.get(code)
        return entry is not None and field in entry.field

    def means(self, code: str) -> frozenset[str]:
        """The plain codes of the pack that a foreign code stands for, such as the parts of a day; else the code itself.

        Empty when the foreign code says nothing ('other').
        """
        return self.stands_for.get(code, frozenset({code}))

    def find(self, field: str, title: str) -> str | None:
        """Code of a title or synonym, whatever its spacing, width or composition; None if unknown or unclear."""
        titles = self.titles.get(field)
        return None if titles is None else titles.find(title)

    def certificate(self, title: str) -> str | None:
        """Code of a certificate's title or synonym."""
        return self.find("certificate", title)

    def course(self, title: str) -> str | None:
        """Code of the class of skills that a course's title or synonym belongs to."""
        return self.find("course", title)

    def suggestions(self, field: str, title: str, limit: int = 3) -> tuple[str, ...]:
        """Known titles that look most like an unknown one, for a remedy. Only the pack's own words come back."""
        titles = self.titles.get(field)
        return () if titles is None else titles.nearest(title, limit)

    def look_up(self, field: str, words: str, limit: int = 10) -> tuple[Found, ...]:
        """The codes of a field nearest to words as people say them, or that begin with a code as it is written."""
        if ":" in words:
            begun = [code for code in self.codes(field) if code.startswith(words)]
            became = self.successors[words].codes if words in self.successors else ()
            near = begun or became or self.lists.nearest(field, words, limit)
            return tuple(Found(code, self.label(code, self.languages[0])) for code in near[:limit])
        titles = self.titles.get(field)
        return () if titles is None else titles.search(words, limit)

    def successors_of(self, code: str, on: date) -> tuple[str, ...]:
        """The codes that stand for an older one on that day: none, one, or several when it was split."""
        known = self.successors.get(code)
        return () if known is None or on < known.since else known.codes

    def minimum_wage(self, on: date) -> MinimumWage:
        """The wage floor of a day; PackError when the table does not reach it."""
        return self.wages.on(on)

    def wage_floor(self, on: date) -> int | None:
        """The wage floor per hour of a day; past the table's end the last one known; None before its beginning."""
        return self.wages.floor(on)

    def open_ended_days(self, today: date) -> int | None:
        """After so many days without a word an advert without a last day is over; None: not by the pack of that day."""
        return self.manifest.adverts.open_ended_days if today >= self.manifest.adverts.valid_from else None

    def employer_number_form(self, number: str) -> str | None:
        """How a number of an employer is written, where this one is not, whatever its check digit is; None where it
        is."""
        spec = self.manifest.adverts.employer_number
        return None if re.fullmatch(spec.written, number) is not None else "0" * spec.digits

    def employer_number_fits(self, number: str) -> bool:
        """Whether a number of an employer has the form and the check digit of those."""
        spec = self.manifest.adverts.employer_number
        return _employer_number_fits(number, spec.digits, spec.weights)

    def wage_table_ended(self, today: date) -> bool:
        """True when nobody has told the pack the wage floor of today: then an older one is in use."""
        ends = self.wages.ends
        return ends is None or ends < today

    def hourly(
        self, amount: float, per: str, hours_per_week: float | None = None, hours_per_day: float | None = None
    ) -> float:
        """A wage per hour, day, month or year as one per paid hour. ValueError on nonsense."""
        if amount < 0:
            raise ValueError("a wage is not negative")
        return amount / self.paid_hours(per, hours_per_week, hours_per_day)

    def paid_hours(self, per: str, hours_per_week: float | None, hours_per_day: float | None) -> float:
        """For how many hours the pay of such a period is (rules: `wages.paid_hours`). ValueError on nonsense."""
        return self._paid_hours(per, hours_per_week, hours_per_day)

    @cached_property
    def _paid_hours(self) -> Callable[[str, float | None, float | None], float]:
        """Asked several times for each advert, and there are few."""
        return lru_cache(1_024)(partial(paid_hours, time=self.wages.working_time))

    def least_pay(self, floor: int, per: str, hours_per_week: float | None, hours_per_day: float | None) -> int:
        """The least that such a period may pay where an hour pays the floor."""
        return ceil(floor * self.paid_hours(per, hours_per_week, hours_per_day) - 1e-6)

    def money(self, amount: float, language: str) -> str:
        """An amount as people read it."""
        self._spoken(language)
        return self.manifest.money[language].format(amount=round(amount))

    def purpose(self, name: str) -> Purpose | None:
        """What a consent may be for; None when the pack knows no such purpose."""
        return self.purposes.get(name)

    def age_bounds(self, kind: str, on: date) -> AgeBounds | None:
        """How old people are who take part in this kind, on that day; None: the pack sets no bounds."""
        return next((bounds for bounds in self.ages if bounds.kind == kind and bounds.covers(on)), None)

    @property
    def refused_numbers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Forms of numbers that are refused wherever they stand, and of those in parts (`NeverCollected`)."""
        whole = tuple(number for group in self.refused for number in group.numbers)
        return whole, tuple(number for group in self.refused for number in group.numbers_in_parts)

    @property
    def never_collected(self) -> frozenset[str]:
        """Names of fields that are refused at the door."""
        return frozenset(name for group in self.refused for name in group.fields)

    def never_collected_reason(self, field: str, language: str) -> str | None:
        """Why a field is refused, however it is written (homeTown, home_town); None when it is not refused."""
        self._spoken(language)
        reason = self._reasons.get(folded(field))
        return None if reason is None else reason[language]

    @cached_property
    def _reasons(self) -> Mapping[str, Mapping[str, str]]:
        """Folded name to the reason: asked for every finding of every event."""
        return {folded(name): group.reason for group in reversed(self.refused) for name in group.fields}

    def way(self, home: str, work: str, car: bool = False) -> Way | None:
        """How long a way is by the bands of where somebody lives (`commuting`); None when not known."""
        return self.commuting.way(home, work, car)

    def commute_minutes(self, home: str, work: str, car: bool = False) -> int | None:
        """Its minutes one way."""
        found = self.way(home, work, car)
        return None if found is None else found.minutes

    def province(self, region: str) -> str | None:
        """The topmost region above a region, itself included; None when the region is unknown."""
        chain = self.lists.ancestors(region)
        return chain[-1] if chain else None

    def lies_in(self, region: str, area: str) -> bool:
        """True when the region is the area or lies inside it."""
        return area in self.lists.ancestors(region)

    def occupation_nearness(self, a: str, b: str) -> float:
        """0 to 1: how near two occupations are in the tree (`occupations`)."""
        return self.occupations.nearness(a, b)

    def named(self, field: Literal["occupation", "skill"], title: str) -> tuple[tuple[str, float], ...]:
        """The occupations, or the courses and certificates, that the words of a title name (`title_words`)."""
        return self._title_words[field].named(title)

    def times_named(self, title: str) -> frozenset[str]:
        """The plain shifts that the words of a title name (`title_times`)."""
        return self._title_times.named(title)

    def benefits_named(self, title: str) -> frozenset[str]:
        """The benefits that the words of a title name."""
        return self._title_benefits.named(title)

    @cached_property
    def _title_benefits(self) -> TitleTimes:
        return TitleTimes(self.matching.title_benefits, self.matching.title_shifts_not)

    @cached_property
    def _title_times(self) -> TitleTimes:
        return TitleTimes(self.matching.title_shifts, self.matching.title_shifts_not)

    @cached_property
    def _title_words(self) -> Mapping[str, TitleWords]:
        return {
            name: TitleWords(
                (
                    (code, label)
                    for field in fields
                    for code in self.codes(field)
                    for label in self.lists.entries[code].labels.values()
                ),
                (saying for field in fields for saying in self.titles[field].written()),
                self.additions.get(name),
            )
            for name, fields in NAMED_FIELDS.items()
        }

    def is_elementary(self, occupation: str) -> bool:
        """True for work that needs no training."""
        path = self.occupations.path
        return any(path(occupation).startswith(path(code)) for code in self.matching.elementary)

    def work_strength(self, occupation: str) -> float | None:
        """How hard the work is, 1 to 5; None when not known."""
        return self.occupations.strength(occupation)

    def education_rank(self, code: str) -> int | None:
        """Place of an education code in the order for 'at least'; 0 asks for nothing; None when unknown."""
        entry = self.lists.entries.get(code)
        return None if entry is None else entry.rank

    def sentence(self, key: str, language: str, /, **values: object) -> str:
        """A sentence in a language with its values; PackError for an unknown key, language or a missing value."""
        return self.sentences.say(key, language, values)

    def remedy(self, rule: str, field: str, values: Mapping[str, object]) -> dict[str, str]:
        """What to do about a refusal, by language: the sentence of the rule with its (public) values, or a general one.

        A rule may have further sentences: `..._nearest` for values that name what may have been meant, `..._unit` for
        a unit in which an amount may be written, `..._codes` for codes that may have been meant, `..._<field>` with the
        form of that field, `..._example` for values with an example of it, `..._known` for values with the names that
        are known, `..._id` for what should be an id of ours.
        """
        place = field.rpartition("/")[2]
        if values:
            return self._remedy(rule, place, values)
        if (known := self._remedies.get((rule, place))) is None:
            if len(self._remedies) == _MOST_REMEMBERED:
                self._remedies.clear()
            known = self._remedies[rule, place] = self._remedy(rule, place, values)
        return known

    def problem(self, names: Sequence[str], values: Mapping[str, object]) -> dict[str, dict[str, str]]:
        """What is said of a problem of a request, by member and language: `titles`, `details` and, unless findings say
        it, what to do (`remedy`). `names`: the first that the pack has a sentence for counts; nothing where it has
        none, or a value of that is missing."""
        found = {}
        for member, kind in _SAID_OF_A_PROBLEM.items():
            keys = (f"{kind}.{name.replace('-', '_')}" for name in names)
            key = next((each for each in keys if self.sentences.names.get(each, {""}) <= values.keys()), None)
            if key is not None:
                found[member] = {language: self.sentence(key, language, **values) for language in self.languages}
        return found

    @cached_property
    def _remedies(self) -> dict[tuple[str, str], dict[str, str]]:
        """Those without values, by rule and last part of the field: a sender makes the same few mistakes everywhere."""
        return {}

    def _remedy(self, rule: str, place: str, values: Mapping[str, object]) -> dict[str, str]:
        key = f"remedy.{rule.replace('-', '_')}"
        special = [name for name in ("nearest", "unit", "codes") if name in values]
        special += [place, *(name for name in ("example", "known") if name in values)]
        special += ["id"] if values.get("pattern") == _ID else []
        key = next((own for name in special if (own := f"{key}_{name}") in self.sentences.names), key)
        found = {}
        for language in self.languages:
            try:
                found[language] = self.sentence(key, language, **self._said(values, language, place))
            except PackError:
                found[language] = self.sentence("remedy.wrong_form", language)
        return found

    def _choices(self, expected: str, place: str) -> str:
        """The values that a field may have, each with the word that a table may say for it."""
        words = next((said for path, said in self.words.values.items() if path.rpartition(".")[2] == place), {})
        values = re.findall(r"'([^']*)'", expected) or [expected]
        return ", ".join(f"{one} ({words[one][0]})" if words.get(one) else one for one in values)

    def _said(self, values: Mapping[str, object], language: str, place: str) -> dict[str, object]:
        """The values of a remedy as people read them."""
        said = dict(values)
        for name, value in values.items():
            if name in _AMOUNTS and isinstance(value, int | float):
                said[name] = self.money(value, language)
            elif name in ("per", "kind"):
                said[name] = self.sentence(f"{name}.{value}", language)
            elif name == "codes":
                said[name] = ", ".join(f"{code} ({self.label(code, language)})" for code in str(value).split())
            elif name == "expected":
                said[name] = self._choices(str(value), place)
            elif name == "name":
                said["reason"] = self.never_collected_reason(str(value), language) or ""
        return said

    def _spoken(self, language: str) -> None:
        if language not in self.languages:
            raise PackError(self.name, f"language {language}", f"the pack speaks {list(self.languages)}")


@lru_cache(4_096)  # a portal says the same few thousand employers again and again; their numbers are public
def _employer_number_fits(number: str, count: int, weights: tuple[int, ...]) -> bool:
    plain = number.replace("-", "")
    if len(plain) != count or not (plain.isascii() and plain.isdecimal()):
        return False
    digits = [int(sign) for sign in plain]
    products = [digit * weight for digit, weight in zip(digits, weights, strict=False)]
    return -(sum(products) + products[-1] // 10) % 10 == digits[-1]
