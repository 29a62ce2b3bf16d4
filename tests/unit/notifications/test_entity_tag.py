"""An ETag for what can be changed: a change that was not read is refused, and how deliveries go changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import SUBSCRIPTIONS
from services.notifications.subscriptions.entity_tag import check_if_match, etag_of
from services.notifications.subscriptions.schemas import SubscriptionChanges
from shared.kit.web.problems import Problem
from shared.reference import load_pack
from tests.unit.notifications.subscription_desk import Desk

pytestmark = pytest.mark.unit

CHANGES: list[dict[str, Any]] = [
    {"filter": {"exact": {"kind": "job"}}},
    {"recalls_only": True},
    {"per_second": 2.5},
    {"order": "alias"},
    {"order": "alias", "blocked_head_seconds": 60},
    {"retry_schedule": (1.0, 2.0)},
    {"headers": {"x-key": "a"}},
    {"url": "https://partner.example.org/other"},
]


def changes(**named: Any) -> tuple[Any, set[str]]:
    wanted = SubscriptionChanges(**named)
    return wanted.wishes(load_pack("kr-gyeonggi")), wanted.model_fields_set


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    made.endpoints.allow |= {"https://partner.example.org/other", "https://partner.example.org/hook"}
    return made


@pytest.mark.parametrize("named", CHANGES, ids=lambda named: next(iter(named)))
async def test_every_change_makes_another_and_the_answer_has_the_one_that_stands(
    desk: Desk, named: dict[str, Any]
) -> None:
    subscription = await desk.webhook()
    before = etag_of(desk.kept(subscription))
    wishes, names = changes(**named)
    changed = await desk.made.change("gjf", subscription, wishes, names, [before])
    assert etag_of(changed) == etag_of(desk.kept(subscription)) != before
    with pytest.raises(Problem) as refused:
        await desk.made.change("gjf", subscription, wishes, names, [before])
    assert (refused.value.status, refused.value.details.rule) == (412, "changed")
    assert etag_of(desk.kept(subscription)) == etag_of(changed)


async def test_so_do_a_pause_and_a_new_secret(desk: Desk) -> None:
    subscription = await desk.webhook()
    tags = {etag_of(desk.kept(subscription))}
    await desk.made.pause("gjf", subscription)
    tags.add(etag_of(desk.kept(subscription)))
    await desk.made.replace_secret("gjf", subscription, new_secret())
    tags.add(etag_of(desk.kept(subscription)))
    assert len(tags) == 3


@pytest.mark.parametrize(
    "delivery_state",
    [
        {"failures": 7, "failing_since": "now", "held_until": "now"},
        {"recall_at": "now", "asked_until": "now"},
        {"bounced_at": "now", "alerts_bounced_at": "now"},
    ],
)
async def test_how_deliveries_go_changes_nothing(desk: Desk, delivery_state: dict[str, Any]) -> None:
    subscription = await desk.webhook()
    kept = desk.kept(subscription)
    now = {name: desk.world.now if value == "now" else value for name, value in delivery_state.items()}
    assert etag_of({**kept, **now}) == etag_of(kept)


async def test_one_without_its_quotation_marks_is_no_tag_and_not_said_to_be_out_of_date(desk: Desk) -> None:
    kept = desk.kept(await desk.webhook())
    tag = etag_of(kept)
    for lines in ([tag.strip('"')], [""], [f"{tag}, nothing"], ['"'], ["W/"], []):
        with pytest.raises(Problem) as refused:
            check_if_match(lines, kept)
        assert (refused.value.status, refused.value.details.rule) == (422, "etag"), lines
    for lines in ([tag], [f'"a,b", {tag}'], ['"a"', f"W/{tag}"], ["*"], [f" {tag} ,"]):
        check_if_match(lines, kept)


async def test_without_it_the_last_one_wins(desk: Desk) -> None:
    subscription = await desk.webhook()
    for per_second in (1.0, 2.0):
        wishes, names = changes(per_second=per_second)
        await desk.made.change("gjf", subscription, wishes, names)
    assert desk.kept(subscription)["per_second"] == 2.0


async def test_nobody_is_asked_for_a_change_that_is_refused(desk: Desk) -> None:
    subscription = await desk.webhook()
    wishes, names = changes(url="https://partner.example.org/other")
    with pytest.raises(Problem):
        await desk.made.change("gjf", subscription, wishes, names, ['"another"'])
    assert desk.endpoints.asked == []


async def test_a_change_while_the_endpoint_was_asked_counts_too(desk: Desk) -> None:
    subscription = await desk.webhook()
    before, permitted = etag_of(desk.kept(subscription)), desk.endpoints.permitted

    async def meanwhile(endpoint: Any) -> bool:
        await desk.made.change("gjf", subscription, *changes(per_second=3.0))
        return await permitted(endpoint)

    desk.endpoints.permitted = meanwhile  # type: ignore[method-assign]  # somebody else is quicker
    wishes, names = changes(url="https://partner.example.org/other")
    with pytest.raises(Problem) as refused:
        await desk.made.change("gjf", subscription, wishes, names, [before])
    assert refused.value.status == 412


async def test_an_end_too(desk: Desk) -> None:
    subscription = await desk.webhook()
    with pytest.raises(Problem) as refused:
        await desk.made.unsubscribe("gjf", subscription, ['"another"'])
    assert refused.value.status == 412
    await desk.made.unsubscribe("gjf", subscription, [etag_of(desk.kept(subscription))])
    assert desk.world.all(SUBSCRIPTIONS, _id=subscription) == []


@pytest.mark.parametrize("state", ["active", "paused", "disabled"])
@pytest.mark.parametrize("what", ["pause", "resume", "replace_secret"])
async def test_so_do_pause_resume_and_a_new_secret(desk: Desk, what: str, state: str) -> None:
    subscription = await desk.webhook()
    before: Any = {**desk.kept(subscription), "state": state}
    desk.world.store.put(SUBSCRIPTIONS.name, before)
    act, secret = getattr(desk.made, what), (new_secret(),) if what == "replace_secret" else ()
    with pytest.raises(Problem) as refused:
        await act("gjf", subscription, *secret, if_match=['"another"'])
    assert refused.value.status == 412
    assert (desk.kept(subscription), desk.endpoints.asked) == (before, [])
    with pytest.raises(Problem) as refused:
        await act("hana", subscription, *secret, if_match=['"another"'])
    assert refused.value.status == 404
    if (what, state) in (("pause", "disabled"), ("resume", "disabled")):
        return  # whose endpoint would be asked, or which cannot be
    await act("gjf", subscription, *secret, if_match=[etag_of(before)])
    assert desk.kept(subscription) != before or (what, state) in (("resume", "active"), ("pause", "paused"))


async def test_a_change_while_the_endpoint_is_asked_before_it_goes_on_counts_too(desk: Desk) -> None:
    subscription = await desk.webhook()
    desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(subscription), "state": "disabled"})
    before, permitted = etag_of(desk.kept(subscription)), desk.endpoints.permitted

    async def meanwhile(endpoint: Any) -> bool:
        await desk.made.change("gjf", subscription, *changes(per_second=3.0))
        return await permitted(endpoint)

    desk.endpoints.permitted = meanwhile  # type: ignore[method-assign]  # somebody else is quicker
    with pytest.raises(Problem) as refused:
        await desk.made.resume("gjf", subscription, [before])
    assert refused.value.status == 412
    assert desk.kept(subscription)["state"] == "disabled"


async def test_of_another_agency_it_is_not_there_whatever_the_tag(desk: Desk) -> None:
    subscription = await desk.webhook()
    for tag in (etag_of(desk.kept(subscription)), '"another"', "*"):
        with pytest.raises(Problem) as refused:
            await desk.made.change("hana", subscription, *changes(per_second=1.0), [tag])
        assert refused.value.status == 404


async def test_lists_stars_and_tags_that_a_proxy_made_weak(desk: Desk) -> None:
    kept = desk.kept(await desk.webhook())
    tag = etag_of(kept)
    for lines in ([tag], ["*"], [f'"a", {tag}'], ['"a"', f'"b",{tag}'], [f"W/{tag}"], None):
        check_if_match(lines, kept)
    for lines in ([""], ['"a"'], [tag.upper()], [tag[:-1]], [tag.strip('"')], []):
        with pytest.raises(Problem):
            check_if_match(lines, kept)


async def test_the_same_said_twice_is_another_so_that_nobody_finds_it_by_trying() -> None:
    tags = set[str]()
    for _ in range(2):
        desk = Desk()
        subscription = await desk.webhook(headers={"authorization": "Bearer 1234"})
        kept = desk.kept(subscription)
        tags.add(etag_of({**kept, "_id": "0" * 32}))
        assert "1234" not in json.dumps(etag_of(kept))
    assert len(tags) == 2


async def test_grace_that_ends_changes_nothing(desk: Desk) -> None:
    subscription = await desk.webhook()
    await desk.made.replace_secret("gjf", subscription, new_secret())
    before = etag_of(desk.kept(subscription))
    desk.world.now += timedelta(days=30)
    assert etag_of(desk.kept(subscription)) == before
