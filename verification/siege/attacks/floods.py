"""As much as can be sent: by one key, or by none."""

from __future__ import annotations

import time
from collections.abc import Iterable

from verification.siege.attack import JSON, STRUCTURED, Attack, AttackRequest, RequestAttack, dumped
from verification.siege.attacks.bodies import EVERYBODY

HEALTHY = "127.0.0.2"


class Flood(RequestAttack):
    """The harmless load is as many requests that cost nothing."""

    at_once = 16

    def harmless_request(self, request: AttackRequest, number: int) -> AttackRequest:
        return AttackRequest(request.service, "GET", "/live", part=None)


class WrongKeys(Flood):
    name = "wrong-keys"
    about = "keys that do not exist, some near to one that does"
    services = EVERYBODY
    count = 900

    def requests(self, number: int) -> Iterable[AttackRequest]:
        near = self.target.tokens["insider"][:-4] + f"{number:04x}"[-4:]
        for service, path in (("intake", "/rejections"), ("matching", "/people/x/matches"), ("notifications", "/feed")):
            yield AttackRequest(service, "GET", path, part=near)
            yield AttackRequest(service, "GET", path, part=f"nobody-{number}.{number:064x}")
            yield AttackRequest(service, "GET", path, headers={"authorization": "Bearer " + "a" * 7_000}, part=None)


class WrongKeysBeside(WrongKeys):
    name = "wrong-keys-beside"
    about = "the same from the address of somebody healthy: behind one proxy, all have one"
    address = HEALTHY


class EventFlood(Flood):
    name = "event-flood"
    about = "sound events as fast as one key can send them"
    count = 600

    def requests(self, number: int) -> Iterable[AttackRequest]:
        event = self.target.event | {"id": f"flood-{time.monotonic_ns()}-{number}"}
        yield AttackRequest("intake", "POST", "/events", dumped(event), STRUCTURED)


class LookupFlood(Flood):
    name = "lookup-flood"
    about = "references tried out one after the other, and lists of refused events"
    count = 600

    def requests(self, number: int) -> Iterable[AttackRequest]:
        yield AttackRequest("intake", "POST", "/people/lookup", dumped({"reference": f"HCN-{number:06d}"}), JSON)
        yield AttackRequest("intake", "GET", "/rejections?limit=500")


class ReadFlood(Flood):
    name = "read-flood"
    about = "the dearest reads of matching, as fast as one key can send them"
    services = ("matching",)
    count = 400

    def requests(self, number: int) -> Iterable[AttackRequest]:
        alias, opportunity = self.target.facts["alias"], self.target.facts["opportunity"]
        yield AttackRequest("matching", "GET", f"/opportunities/{opportunity}/matches")
        yield AttackRequest("matching", "GET", f"/people/{alias}/matches")
        yield AttackRequest("matching", "GET", f"/people/{alias}/opportunities/{opportunity}")


class PollFlood(Flood):
    name = "poll-flood"
    about = "hundreds of long polls by one key"
    services = ("notifications",)
    count = 400
    at_once = 200

    def requests(self, number: int) -> Iterable[AttackRequest]:
        yield AttackRequest("notifications", "GET", "/feed?wait=3&after=" + self.target.facts["cursor"], part="reader")


class SubscriptionFlood(Flood):
    name = "subscription-flood"
    about = "webhooks asked for again and again, at addresses that must be refused"
    services = ("notifications",)
    count = 200

    def requests(self, number: int) -> Iterable[AttackRequest]:
        for url in ("http://10.0.0.1/x", "http://[::1]:1/x", f"http://{number}.invalid/x", "ftp://127.0.0.1/x"):
            body = dumped({"channel": "webhook", "url": url})
            yield AttackRequest("notifications", "POST", "/subscriptions", body, JSON, "reader")


ALL: tuple[type[Attack], ...] = (
    WrongKeys,
    WrongKeysBeside,
    EventFlood,
    LookupFlood,
    ReadFlood,
    PollFlood,
    SubscriptionFlood,
)
