"""Input that is made to cost: what reaches the expensive functions is counted, whatever is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import request_admission
from services.intake.event_validation import Validation
from services.intake.receipts import MOST_ANSWERED
from services.intake.request_body import Received
from services.intake.request_scheduler import RequestScheduler
from services.intake.schemas import BatchAnswer
from services.intake.service import Door
from shared.events import Refused
from shared.events.http_binding import BATCH
from shared.events.limits import LONGEST_NAME, MOST_VALUES
from shared.events.refusal import MOST
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.quotas import Quotas
from shared.reference import title_folding, titles
from shared.screening.findings import MOST_SUGGESTED, MOST_SUGGESTED_AT_ONCE, Budget
from tests.unit.intake.memory import House, admission, example

pytestmark = pytest.mark.unit
MARKS = "\u0315\u0300\u0323\u05ae"  # of different classes: sorting them takes the square of their number


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def normalised(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all that was normalised."""
    lengths: list[int] = []
    true: Callable[[Any, str], str] = title_folding.unicodedata.normalize

    def counted(form: Any, given: str) -> str:
        lengths.append(len(given))
        return true(form, given)

    monkeypatch.setattr(title_folding.unicodedata, "normalize", counted)
    return lengths


NAMES = st.tuples(st.sampled_from([*MARKS, MARKS, "가", "ﷺ", "a", "family"]), st.integers(1, 30_000)).map(
    lambda drawn: drawn[0] * drawn[1]
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    NAMES,
    st.integers(1, 5_000).map(lambda n: {f"n{i}": i for i in range(n)}),
    st.integers(1, 5_000).map(lambda n: [{"family": 1}] * n),
    st.integers(1, 5_000).map(lambda n: [[]] * n),
)


class TestNames:
    def test_what_is_normalised_is_as_long_as_a_name_may_be(self, house: House, normalised: list[int]) -> None:
        validation = Validation(house.dependencies)

        @settings(max_examples=100, deadline=None, database=None, derandomize=True)
        @given(st.dictionaries(NAMES, VALUES, max_size=4))
        def try_one(hostile: dict[str, Any]) -> None:
            normalised.clear()
            event = house.event("trainee-graduated", {**hostile, "reference": "HW-1"})
            validated = validation.validate(event, "hanawon", house.store.now, Budget())
            assert all(length <= LONGEST_NAME for length in normalised)
            assert len(normalised) <= MOST_VALUES
            assert len(validated.refusals) <= MOST

        try_one()

    async def test_a_long_name_is_refused_before_anybody_folds_it(self, house: House, normalised: list[int]) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated", **{MARKS * 16_000: 1}))
        assert receipt.problem is not None
        assert receipt.problem.rule == "name-too-long"
        assert "64" in receipt.problem.remedy["ko"]
        assert not normalised

    def test_a_title_that_is_longer_than_any_is_equal_to_none(self, house: House, normalised: list[int]) -> None:
        for kind in ("certificate", "course"):
            assert house.dependencies.pack.find(kind, MARKS * 100_000) is None
            house.dependencies.pack.suggestions(kind, MARKS * 100_000)
        assert max(normalised, default=0) <= title_folding.LONGEST


class TestRequests:
    async def test_likeness_is_looked_for_a_few_times_however_many_titles_are_unknown(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked = 0

        class Counted(title_folding.Likeness):
            def __init__(self, asked: str, threshold: float) -> None:
                nonlocal looked
                looked += 1
                super().__init__(asked, threshold)

        monkeypatch.setattr(titles, "Likeness", Counted)
        data = example("job-posted", certificates_wanted=[f"모르는 이름 {n}" for n in range(20)])
        await house.send_all([house.event("job-posted", data, by="gjf")], by="gjf")
        assert looked == MOST_SUGGESTED
        receipts = await house.send_all([house.event("job-posted", data, by="gjf") for _ in range(50)], by="gjf")
        assert looked == MOST_SUGGESTED + MOST_SUGGESTED_AT_ONCE
        assert {receipt.status for receipt in receipts} == {"refused"}

    async def test_a_batch_of_mistakes_is_not_answered_with_many_times_its_size(self, house: House) -> None:
        data = example("job-posted", benefits=["a:b"] * 20, shifts=["a:b"] * 20, strengths=["a:b"] * 20)
        events = [house.event("job-posted", data, by="gjf") for _ in range(100)]
        receipts = await house.send_all(events, by="gjf")
        told = [len(receipt.problem.errors or ()) for receipt in receipts if receipt.problem is not None]
        assert len(told) == 100
        assert told[0] == MOST
        assert sum(told) == MOST_ANSWERED + 100
        assert len(BatchAnswer(results=receipts).model_dump_json()) < 4 * len(json.dumps(events))

    async def test_too_many_events_are_found_out_without_reading_them_all(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = 0

        def endless() -> Any:
            nonlocal asked
            while True:
                asked += 1
                yield house.event("person-left", example("person-left"))

        monkeypatch.setattr(request_admission, "split", lambda *_: endless())
        received = Received(BATCH, (), b"")
        with pytest.raises(Refused) as error:
            async with admission(most=20).admit(received, house.callers["hanawon"], Quotas(EdgeSettings())):
                raise AssertionError("admitted")
        assert error.value.refusals[0].rule == "too-many-events"
        assert asked == 21

    async def test_a_large_batch_lets_the_loop_go_on(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        every_piece = replace(house.dependencies, slices=RequestScheduler(0.0))
        monkeypatch.setattr(house, "door", Door(cast(Any, house.store), every_piece))
        beats = 0
        done = asyncio.Event()

        async def heartbeat() -> None:
            nonlocal beats
            while not done.is_set():
                beats += 1
                await asyncio.sleep(0)

        beating = asyncio.create_task(heartbeat())
        await house.send_all([house.event("person-left", example("person-left")) for _ in range(50)])
        done.set()
        await beating
        assert beats >= 50
