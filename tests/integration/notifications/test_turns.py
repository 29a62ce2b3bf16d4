"""A partner comes back to a long backlog while new notices come: these take turns with it, each in its order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from services.notifications.delivery.held_deliveries import HELD_LIMIT
from services.notifications.domain.retry_schedule import OUTAGE
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
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration
PER_SECOND = 20.0
OLD = [f"p{number}" for number in range(50)]
NEW = [f"q{number}" for number in range(15)]
AHEAD = 3 * int(PER_SECOND)  # held by the worker, left within a second, and at the moment of looking


@pytest.mark.parametrize(
    ("openings", "tried", "order"),
    [(10, False, None), (4, True, None), (4, False, "alias")],
    ids=["500, most held back from the first", "all tried before", "in order"],
)
async def test_new_notices_wait_for_seconds_and_not_for_all_that_waits(
    setup: Setup, openings: int, tried: bool, order: str | None
) -> None:
    down = True

    async def answers(request: Request) -> bytes:
        return answer_of(503) if down else OK

    backlog = len(OLD) * openings
    options: dict[str, Any] = {"per_second": PER_SECOND} | ({"order": order} if order else {})
    async with Partner(answers) as partner, setup.running(retry_schedule=(0.0, 3600.0, 3600.0)) as app:
        deliveries = app.state.database.deliveries
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in (*OLD, *NEW)))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url, **options)
            await setup.publish(*(match(name, f"o{number}") for name in OLD for number in range(openings)))
            await eventually(lambda: stored(app, backlog))
            await eventually(lambda: stored(app, 1, "subscriptions", failures={"$gte": OUTAGE}))
            if tried:  # as after days: nobody waits for that here
                once = {"$set": {"attempts": 1, "waits": "retry"}}
                await deliveries.update_many({"state": "due", "attempts": 0}, once)
            down, back = False, len(partner.requests)
            await eventually(lambda: _more(partner, back + AHEAD))
            await setup.publish(*(match(name, "x") for name in NEW))
            await eventually(lambda: stored(app, backlog + len(NEW)))
            came = len(partner.told)
            await eventually(lambda: _none_open(app), 120)
    told = partner.told[back:]
    aliases = {hexid("alias", name, "gjf") for name in NEW}
    places = [back + place for place, each in enumerate(told) if each["data"]["alias"] in aliases]
    assert len(places) == len(NEW)
    assert places[-1] - came <= 2 * len(NEW) + AHEAD
    assert places[-1] - back < backlog - 2 * len(NEW), "the backlog was not over"
    between = places[-1] - places[0] + 1 - len(NEW)
    # every second one, but for moments in which the worker holds none of it: it claims some while it sends
    assert between >= len(NEW) // 2, "and had its turns, too"
    versions: dict[Any, list[int]] = defaultdict(list)
    for each in told:
        versions[each["data"]["alias"] if order else (each["data"]["alias"], each["data"]["opportunity"])].append(
            each["data"]["version"]
        )
    assert all(of_one == sorted(of_one) for of_one in versions.values())
    assert len(told) - len({each["id"] for each in told}) <= HELD_LIMIT, "but for a probe that was refused meanwhile"


async def _more(partner: Partner, than: int) -> bool:
    return len(partner.requests) > than


async def _none_open(app: Any) -> bool:
    return not await stored(app, 1, state={"$in": ["due", "sending", "waiting"]})
