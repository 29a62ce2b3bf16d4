"""The figures of recommendation lists, by hand."""

from __future__ import annotations

import math

import pytest

from shared.reference import load_pack
from verification.evaluation.families import FAMILIES
from verification.evaluation.measures import exposure, figures, gini, ndcg, recall, served
from verification.evaluation.programmes import KINDS
from verification.evaluation.world import Market

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")


class TestNdcg:
    def test_is_one_for_the_best_first_and_nothing_for_what_brings_nothing(self) -> None:
        utilities = [0.9, 0.5, 0.1, *[0.0] * 60]
        assert ndcg(utilities, [0, 1, 2]) == 1.0
        assert ndcg(utilities, [10, 11]) == 0.0

    def test_a_later_place_counts_less(self) -> None:
        utilities = [1.0, *[0.0] * 60]
        assert ndcg(utilities, [5, 0]) == pytest.approx(1 / math.log2(3))

    def test_who_can_do_nothing_is_not_asked_for_more(self) -> None:
        assert ndcg([0.0] * 60, [1]) == 0.0


class TestRecall:
    def test_is_how_many_of_the_twenty_best_are_among_the_first_twenty(self) -> None:
        utilities = [float(100 - n) for n in range(60)]
        assert recall(utilities, list(range(20))) == 1.0
        assert recall(utilities, [*range(10), *range(30, 40)]) == 0.5
        assert recall(utilities, [*range(30, 50), *range(20)]) == 0.0  # what comes later is not looked at

    def test_asks_for_no_more_than_is_possible(self) -> None:
        assert recall([1.0, 0.5, *[0.0] * 50], [1, 7, 8]) == 0.5
        assert recall([0.0] * 50, [1]) == 0.0


class TestGini:
    def test_is_nothing_where_all_have_the_same_and_near_one_where_one_has_all(self) -> None:
        assert gini([3, 3, 3, 3]) == 0.0
        assert gini([0, 0, 0, 8]) == 0.75
        assert gini([1, 3]) == 0.25
        assert gini([0, 0]) == 0.0

    def test_counts_on_how_many_lists_an_opening_is_shown(self) -> None:
        assert exposure(4, [[0, 1], [1], [*[2] * 10, 3]]) == [1, 2, 10, 0]  # the eleventh is not shown


class TestServed:
    def test_an_empty_place_brings_nothing_and_is_not_impossible(self) -> None:
        found = served([1.0, 0.5, 0.0], [0, 2])
        assert (found.utility5, found.impossible5) == (0.2, 0.5)
        assert served([1.0], []).impossible5 is None


class TestMarket:
    def test_follows_from_its_seed(self) -> None:
        one, same, other = (Market(PACK, FAMILIES[0], seed, 5, 20) for seed in (7, 7, 8))
        assert [w.shown for w in one.workers] == [w.shown for w in same.workers] != [w.shown for w in other.workers]
        assert [a.shown for a in one.adverts] == [a.shown for a in same.adverts]

    def test_what_cannot_be_is_worth_nothing_and_counts_as_impossible(self) -> None:
        market = Market(PACK, FAMILIES[0], 7, 20, 60)
        truth = market.truth()
        for worker, utilities in zip(market.workers, truth, strict=True):
            for advert, utility in zip(market.adverts, utilities, strict=True):
                if not advert.parts <= worker.parts:
                    assert utility == 0.0
        best = [sorted(range(len(utilities)), key=utilities.__getitem__, reverse=True)[:10] for utilities in truth]
        found = figures(market, truth, best)
        assert found["ndcg10"] == pytest.approx(1.0)
        assert found["impossible5"] < 0.5

    def test_holds_all_kinds_and_a_kind_that_somebody_does_not_want_cannot_be(self) -> None:
        market = Market(PACK, FAMILIES[0], 7, 40, 200)
        assert {advert.kind for advert in market.adverts} == {"job", *KINDS}
        for worker in market.workers:
            assert worker.shown.wants is not None
            assert set(worker.shown.wants.kinds) == worker.kinds
            values = [market.utility(worker, one) for one in market.adverts if one.kind not in worker.kinds]
            assert not any(values)
        jobs = Market(PACK, FAMILIES[0], 7, 40, 200, programmes_share=0.0).adverts
        assert [one.shown for one in jobs] == [one.shown for one in market.adverts[: len(jobs)]]
