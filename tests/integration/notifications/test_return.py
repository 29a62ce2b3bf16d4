"""A partner was away for minutes, hours, days: its return brings the recall first, then the rest, in order and as fast
as it wants (20, C2).

Nobody waits for days: what the service keeps is made to look as after so long (`aged`), while it runs.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest

from services.notifications.domain.circuit_breaker import MOST_COUNTED, Breaker
from services.notifications.domain.rate_limiter import BURST_SECONDS
from services.notifications.domain.retry_schedule import OUTAGE, STANDARD_SCHEDULE
from services.notifications.subscriptions.half_open_probe import LOOK_SECONDS
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    answer_of,
    eventually,
    match,
    person,
    stored,
)
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
PEOPLE = [f"p{number}" for number in range(OUTAGE + 1)]
LATER = "q"  # somebody whose first notice comes while the partner is away: it is due by itself
PER_SECOND = 10.0
RECALL_WITHIN = timedelta(seconds=5)
BREAKER = Breaker()


def kept_waiting(away: timedelta) -> tuple[int, timedelta]:
    """By the standard schedule: attempts made in this time, and how long until the next."""
    longest = timedelta(seconds=STANDARD_SCHEDULE[-1])
    moments = [timedelta(seconds=at) for at in accumulate(STANDARD_SCHEDULE)]
    while moments[-1] <= away:
        moments.append(moments[-1] + longest)
    made = sum(moment <= away for moment in moments)
    return made, moments[made] - away


@pytest.mark.parametrize(
    "away",
    [timedelta(minutes=2), timedelta(hours=6), timedelta(days=5) - timedelta(minutes=1)],
    ids=["2 minutes", "6 hours", "nearly 5 days"],
)
async def test_the_recall_comes_soon_and_the_rest_in_order_at_its_rate(setup: Setup, away: timedelta) -> None:
    down = True

    async def answers(request: Request) -> bytes:
        return answer_of(503) if down else OK

    standard: dict[str, Any] = {
        "retry_schedule": STANDARD_SCHEDULE,
        "breaker_seconds": BREAKER.first.total_seconds(),
        "breaker_longest_seconds": BREAKER.longest.total_seconds(),
    }
    async with Partner(answers) as partner, setup.running(**standard) as app:
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in (*PEOPLE, LATER)))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url, order="alias", per_second=PER_SECOND)
            await setup.publish(*(match(name, opening) for name in PEOPLE for opening in "xyz"))
            await eventually(lambda: _down(app))
            await setup.publish(person(PEOPLE[0], sequence=2), match(LATER, "x"))
            await eventually(lambda: stored(app, 1, about="recall", attempts={"$gte": 1}))
            await eventually(lambda: _aged(app, away))
            asked = len(partner.requests)
            await eventually(lambda: _more(partner, asked))
            down, before = False, len(partner.requests)
            (endpoint,) = await app.state.database.subscriptions.find({}).to_list(None)
            told_at_most = 1 + 3 * (len(PEOPLE) - 1) + 1
            await eventually(lambda: _more(partner, before + told_at_most - 1))
            await eventually(lambda: _nothing_is_open(app))
    assert endpoint["state"] == "active"
    # what it waits, not how quick this machine is
    assert endpoint["recall_at"] - datetime.now(UTC) + timedelta(seconds=LOOK_SECONDS) <= RECALL_WITHIN
    assert BREAKER.open_for(MOST_COUNTED, "recall") == BREAKER.first
    told, requests = partner.told[before:], partner.requests[before:]
    assert "recall" in [each["type"] for each in told[:2]], "before it at most one that was due by itself"
    assert len(told) == len({each["id"] for each in told}) == told_at_most
    versions: dict[str, list[int]] = defaultdict(list)
    for each in told:
        versions[each["data"]["alias"]].append(each["data"]["version"])
    assert all(of_one == sorted(of_one) for of_one in versions.values())
    held = {(hexid("alias", name, "gjf"), hexid("opportunity", opening)) for name in PEOPLE[1:] for opening in "xyz"}
    assert holding(told) == held | {(hexid("alias", LATER, "gjf"), hexid("opportunity", "x"))}
    at_least = (len(requests) - PER_SECOND * BURST_SECONDS) / PER_SECOND
    assert requests[-1].at - requests[0].at >= 0.5 * at_least  # the first may have been late


async def test_a_recall_comes_soon_also_where_it_is_the_only_thing_to_tell(setup: Setup) -> None:
    """Its own bad answers are all that the endpoint can be found down by: by the waits of a notice the third would come
    after an hour."""
    down = False

    async def answers(request: Request) -> bytes:
        return answer_of(503) if down else OK

    waits = (0.0, 0.2, *(3600.0,) * 8)
    async with Partner(answers) as partner, setup.running(retry_schedule=waits) as app:
        await setup.publish(setup.agency("gjf"), person("p", "gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url)
            await setup.publish(match("p", "x"))
            await eventually(lambda: stored(app, 1, state="delivered"))
            down = True
            await setup.publish(person("p", sequence=2))
            await eventually(lambda: _down(app))
            down, before = False, len(partner.requests)
            await eventually(lambda: _more(partner, before))
            await eventually(lambda: _nothing_is_open(app))
    assert [each["type"] for each in partner.told[before:]] == ["recall"]


async def _down(app: Any) -> bool:
    return await stored(app, 1, "subscriptions", failures={"$gte": OUTAGE})


async def _more(partner: Partner, than: int) -> bool:
    return len(partner.requests) > than


async def _nothing_is_open(app: Any) -> bool:
    return not await stored(app, 1, state={"$in": ["due", "sending", "waiting"]})


async def _aged(app: Any, away: timedelta) -> bool:
    """As if it had been away for so long, and been tried by the schedule. Again until nothing was under way just then;
    what has not been tried is left as it is."""
    database, now = app.state.database, datetime.now(UTC)
    made, until_next = kept_waiting(away)
    tried: dict[str, Any] = {"state": "due", "attempts": {"$gt": 0, "$lt": made}}
    change = {"attempts": made, "due": now + until_next, "waits": "retry"}
    await database.deliveries.update_many(tried, {"$set": change, "$unset": {"planned": "", "probe": ""}})
    await database.subscriptions.update_many({}, {"$set": {"failures": MOST_COUNTED, "failing_since": now - away}})
    return not await stored(app, 1, state="sending") and not await stored(app, 1, **tried)


def test_what_the_standard_schedule_keeps_waiting() -> None:
    assert kept_waiting(timedelta(minutes=2)) == (2, timedelta(seconds=185))
    assert kept_waiting(timedelta(hours=6)) == (5, timedelta(seconds=5_705))
    made, until_next = kept_waiting(timedelta(days=5))
    assert (made, until_next) == (11, timedelta(seconds=12_905))
