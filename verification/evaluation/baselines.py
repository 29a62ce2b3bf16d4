"""Other ways to rank, inside the service's own conditions: by lot, by the words of titles, and by learning.

What learns is fitted on worlds of its own (other seeds, all families) on the truth that no service knows; so it says
what could be reached with outcomes, not what to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from lindera import TokenizerBuilder
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import ASK, NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.factors import FACTORS
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from shared.reference import Pack
from verification.evaluation.measures import LONG, Lists, gains
from verification.evaluation.truth import TODAY, World

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

# scikit-learn is imported where it is used: it takes two seconds, and every worker of the tests imports this module.
Numbers = NDArray[np.float64]
GOOD = 0.5  # a gain from here on is what the logistic model calls good


class Admitted(NamedTuple):
    """What the service's conditions let through: by worker the numbers of adverts."""

    people: Sequence[PersonFacts]
    openings: Sequence[OpeningFacts]
    by_worker: Sequence[Sequence[int]]


def admitted(market: World, context: AssessmentContext) -> Admitted:
    """Every pair without a no."""
    people = [person_facts(worker.shown, market.pack) for worker in market.workers]
    openings = [opening_facts(advert.shown, market.pack) for advert in market.adverts]
    by_worker = [
        [n for n, opening in enumerate(openings) if all(c.answer(one, opening, context) is not NO for c in CONDITIONS)]
        for one in people
    ]
    return Admitted(people, openings, by_worker)


def by_lot(market: World, allowed: Admitted) -> Lists:
    """Some at random."""
    return [
        Random(worker.whim).sample(numbers, min(LONG, len(numbers)))
        for worker, numbers in zip(market.workers, allowed.by_worker, strict=True)
    ]


def best_by(scores: Sequence[Sequence[float]], allowed: Admitted) -> Lists:
    """Those with the highest scores; ``scores`` are by worker, one for each advert that is allowed."""
    return [
        [numbers[place] for place in sorted(range(len(own)), key=lambda place: (-own[place], numbers[place]))[:LONG]]
        for own, numbers in zip(scores, allowed.by_worker, strict=True)
    ]


# --- words

MEANING = ("NNG", "NNP", "NR", "XR", "VV", "VA", "MAG", "SL", "SN")
"""Parts of speech that carry meaning: nouns, roots, verbs, adjectives, adverbs, foreign letters, numbers. Endings,
particles and signs are left out, as search engines do."""


@cache
def _tokenizer() -> Any:
    builder = TokenizerBuilder()
    builder.set_mode("normal")
    builder.set_dictionary("embedded://ko-dic")
    return builder.build()


def korean_words(text: str) -> list[str]:
    """The words of a text that carry meaning, by the dictionary mecab-ko-dic."""
    found = _tokenizer().tokenize(text.lower())
    return [one.surface for one in found if one.details[0].split("+")[0] in MEANING]


def _texts(market: World) -> tuple[list[str], list[str]]:
    pack = market.pack

    def words(codes: Sequence[str]) -> str:
        return " ".join(pack.label(code, "ko") for code in codes)

    asked = []
    for worker in market.workers:
        shown = worker.shown
        wished = [known.code for known in shown.occupations if known.interest >= GOOD]
        wished += [*shown.counselling.interests, *(course.code for course in shown.courses), *shown.certificates]
        asked.append(words(wished))
    told = []
    for advert in market.adverts:
        one = advert.shown
        codes = [*([one.occupation] if one.occupation else []), *one.certificates, *one.certificates_wanted]
        told.append(f"{one.title} {words([*codes, *one.courses_wanted])}")
    return asked, told


def by_ngrams(market: World, allowed: Admitted) -> Lists:
    """Cosine of character n-grams (2 and 3, within words), weighted by how rare they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    asked, told = _texts(market)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True)
    adverts = vectors.fit_transform(told)
    likeness = (vectors.transform(asked) @ adverts.T).toarray()
    return best_by([likeness[n][list(own)] for n, own in enumerate(allowed.by_worker)], allowed)


def by_bm25(market: World, allowed: Admitted) -> Lists:
    """BM25 over Korean words: what a search engine with a dictionary gives."""
    from sklearn.feature_extraction.text import CountVectorizer

    return _bm25(market, allowed, CountVectorizer(analyzer=korean_words))


def by_bm25_of_syllables(market: World, allowed: Admitted) -> Lists:
    """BM25 over pairs of syllables within words, as search engines index Korean without a dictionary."""
    from sklearn.feature_extraction.text import CountVectorizer

    return _bm25(market, allowed, CountVectorizer(analyzer="char_wb", ngram_range=(2, 2)))


def _bm25(market: World, allowed: Admitted, counts: CountVectorizer) -> Lists:
    """With k1 1.2 and b 0.75."""
    asked, told = _texts(market)
    seen = counts.fit_transform(told).toarray().astype(float)
    lengths = seen.sum(axis=1, keepdims=True)
    often = (seen > 0).sum(axis=0)
    rare = np.log1p((len(told) - often + 0.5) / (often + 0.5))
    weighed = rare * seen * 2.2 / (seen + 1.2 * (0.25 + 0.75 * lengths / lengths.mean()))
    likeness = (counts.transform(asked).toarray() > 0).astype(float) @ weighed.T
    return best_by([likeness[n][list(own)] for n, own in enumerate(allowed.by_worker)], allowed)


# --- learning


def factor_values(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> list[float]:
    """The service's own factors."""
    return [0.5 if (v := one.value(person, opening, context)) is None else v for one in FACTORS]


def all_values(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> list[float]:
    """All that the bus shows of a pair, as numbers; nan is not known."""
    unknown = float("nan")

    def number(value: float | None) -> float:
        return unknown if value is None else float(value)

    work, near = opening.occupation or "", context.nearness
    wished = [near(code, work) * pull for code, pull in person.occupations]
    groups = [near(code, work) for code, _ in person.interests]
    shifts = frozenset[str]().union(*opening.shifts)
    return [
        *factor_values(person, opening, context),
        *(float(one.answer(person, opening, context) is ASK) for one in CONDITIONS),
        max(wished, default=unknown),
        max((near(code, work) for code, _ in person.experience), default=unknown),
        max(groups, default=unknown),
        sum(one > 0 for one in groups),
        number(context.minutes_of(person, opening.region)),
        number(context.minutes(person.residence, opening.region, True)),
        number(person.commute_wish),
        number(person.floor_hourly),
        number(opening.hourly_min),
        number(opening.strength),
        number(opening.secure),
        number(person.car),
        number(person.driving),
        float(opening.needs_driving),
        float(opening.lodging),
        float(opening.commuter_bus),
        number(person.year_of_birth),
        float(person.sex == "female"),
        number(person.education),
        float(opening.education),
        float(len(person.certificates)),
        float(len(person.courses)),
        float(len(opening.certificates)),
        float(len(person.needs)),
        float(any(code.endswith("night") for code in shifts)),
        float(any(code.endswith("evening") for code in shifts)),
        float(len(shifts)),
        float(len(person.shifts)),
        float(int(work.split(":")[1][:2])) if work else unknown,
    ]


def said_at_all(rows: Numbers) -> Numbers:
    """What no pair of a world has (nan in every row) is 0 in all: trees find no border in it, instead of failing."""
    rows[:, np.isnan(rows).all(axis=0)] = 0.0
    return rows


class Learned:
    """A logistic model on the service's factors, and gradient boosting on all that the bus shows: on how good a pair
    is, and on nothing but whether it can be, which says how few of a list could be impossible by what the bus shows."""

    def __init__(self) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._logistic: Any = make_pipeline(StandardScaler(), LogisticRegression())
        self._boosting = HistGradientBoostingRegressor(
            learning_rate=0.06, max_iter=300, max_leaf_nodes=24, min_samples_leaf=40, l2_regularization=1.0,
            early_stopping=False, random_state=1,
        )  # fmt: skip
        self._possible = HistGradientBoostingClassifier(
            learning_rate=0.06, max_iter=200, max_leaf_nodes=24, min_samples_leaf=40, l2_regularization=1.0,
            early_stopping=False, random_state=1,
        )  # fmt: skip

    def fit(self, pack: Pack, markets: Sequence[World], most: int = 150) -> None:
        """On the truth of these worlds; of a worker's pairs at most so many, the best and others by lot."""
        context = AssessmentContext(pack, TODAY)
        few, all_, right, able = [], [], [], []
        for market in markets:
            allowed = admitted(market, context)
            of_all = zip(market.workers, allowed.people, allowed.by_worker, market.truth(), strict=True)
            for worker, person, numbers, utilities in of_all:
                truth = gains(utilities)
                chosen = sorted(numbers, key=lambda n: -truth[n])[: most // 3]
                rest = sorted(set(numbers) - set(chosen))
                chosen += Random(worker.whim).sample(rest, min(len(rest), most - len(chosen)))
                for n in chosen:
                    few.append(factor_values(person, allowed.openings[n], context))
                    all_.append(all_values(person, allowed.openings[n], context))
                    right.append(truth[n])
                    able.append(utilities[n] > 0)
        target = np.array(right)
        self._logistic.fit(np.array(few), target >= GOOD)
        told = said_at_all(np.array(all_))
        self._boosting.fit(told, target)
        self._possible.fit(told, np.array(able))

    def lists(self, allowed: Admitted, context: AssessmentContext) -> tuple[Lists, Lists, Lists]:
        """Of the logistic model, of boosting, and of boosting on what can be."""
        logistic: list[list[float]] = []
        boosting: list[list[float]] = []
        surest: list[list[float]] = []
        for person, numbers in zip(allowed.people, allowed.by_worker, strict=True):
            openings = [allowed.openings[n] for n in numbers]
            if not openings:
                logistic.append([])
                boosting.append([])
                surest.append([])
                continue
            few = np.array([factor_values(person, one, context) for one in openings])
            all_ = np.array([all_values(person, one, context) for one in openings])
            logistic.append(list(self._logistic.predict_proba(few)[:, 1]))
            boosting.append(list(self._boosting.predict(all_)))
            surest.append(list(self._possible.predict_proba(all_)[:, 1]))
        return best_by(logistic, allowed), best_by(boosting, allowed), best_by(surest, allowed)
