"""A webhook is registered only when its host leads outside, and the refusal does not tell why not."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.domain.webhook_url_rules import UrlRules
from services.notifications.subscriptions.management import Subscriptions
from services.notifications.subscriptions.subscription_options import Wishes
from shared.events.refusal import Refusal, Refused
from shared.kit.base.sealing import Sealer
from shared.kit.web.problems import Problem
from shared.reference import load_pack

pytestmark = pytest.mark.unit


class Store:
    """Keeps what is submitted."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    async def submit(self, task: Any) -> None:
        self.tasks.append(task)


class Names(AbstractResolver):
    """Knows these names; counts how many are asked at once."""

    def __init__(self, **known: list[str]) -> None:
        self.known, self.asking, self.most = known, 0, 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(0)
        self.asking -= 1
        name = host.partition(".")[0]
        if name not in self.known:
            raise socket.gaierror
        return [
            ResolveResult(hostname=host, host=at, port=port, family=family, proto=0, flags=0) for at in self.known[name]
        ]

    async def close(self) -> None:
        """Nothing to close."""


NAMES = {"public": ["8.8.8.8", "2606:4700::1111"], "inner": ["10.0.0.1"], "mixed": ["8.8.8.8", "10.0.0.1"], "none": []}


def subscriptions(names: Names) -> tuple[Subscriptions, Store]:
    store, credentials = Store(), Credentials(Sealer(b"s" * 32))
    webhook = Webhook(credentials, lambda *_: None, Limits(), UrlRules(), registering=names)
    nothing: Any = None  # a store and no repository are enough
    anything: Any = store
    made = Subscriptions(
        anything, nothing, {"webhook": webhook}, credentials, nothing, nothing, timedelta(0), lambda: None, lambda: None
    )
    return made, store


async def test_a_host_with_public_addresses_only_is_registered() -> None:
    made, store = subscriptions(Names(**NAMES))
    assert (await made.subscribe("gjf", "webhook", Wishes("https://public.example.org/hook"))).secret
    assert len(store.tasks) == 1


async def test_inner_mixed_unknown_and_empty_are_refused_in_the_same_words() -> None:
    made, store = subscriptions(Names(**NAMES))
    told = set()
    for name in ("inner", "mixed", "none", "unknown"):
        with pytest.raises(Problem) as refused:
            await made.subscribe("gjf", "webhook", Wishes(f"https://{name}.example.org/hook"))
        told.add(str(sorted(vars(refused.value).items(), key=lambda item: item[0])))
    assert len(told) == 1
    assert store.tasks == []


async def test_what_nothing_could_ever_call_is_refused_although_its_host_reads_like_an_address() -> None:
    names = Names(**NAMES)
    made, store = subscriptions(names)
    with pytest.raises(Problem) as refused:
        await made.subscribe("gjf", "webhook", Wishes("https://public.example.org[2606:4700::1111]/hook"))
    assert refused.value.details.rule == "url-form"
    assert (names.most, store.tasks) == (0, [])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://예시.kr/hook", "xn--"),
        ("https://public.example.org/훅", "xn--"),
        ("https://public.example.org:8080/hook", "443, 8443"),
        ("http://public.example.org/hook", "https"),
    ],
)
async def test_one_that_cannot_be_called_is_told_what_would_be_right(url: str, told: str) -> None:
    made, _ = subscriptions(Names(**NAMES))
    with pytest.raises(Problem) as refused:
        await made.subscribe("gjf", "webhook", Wishes(url))
    app = SimpleNamespace(state=SimpleNamespace(sayings=load_pack("kr-gyeonggi").problem))
    remedy = json.loads(bytes(refused.value.response(app).body))["remedy"]
    assert all(told in sentence for sentence in remedy.values())


async def test_a_webhook_without_a_url_is_told_that_it_is_missing_and_not_what_is_wrong_with_it() -> None:
    made, store = subscriptions(Names(**NAMES))
    with pytest.raises(Refused) as refused:
        await made.subscribe("gjf", "webhook", Wishes())
    assert refused.value.refusals == (Refusal("missing-field", "/url"),)
    assert store.tasks == []


async def test_an_agency_has_one_name_looked_up_at_a_time() -> None:
    names = Names(**NAMES)
    made, _ = subscriptions(names)
    many = [made.subscribe("gjf", "webhook", Wishes(f"https://public.n{n}.example.org/hook")) for n in range(20)]
    await asyncio.gather(*many)
    assert names.most == 1
    await asyncio.gather(
        *(made.subscribe(f"a{n}", "webhook", Wishes("https://public.example.org/hook")) for n in range(3))
    )
    assert names.most == 3
