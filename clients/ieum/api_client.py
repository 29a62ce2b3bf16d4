"""Ieum over HTTP as an agency or a partner sees it. Goes on trying while it is away, and no longer than is said."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

BATCH = "application/cloudevents-batch+json"
MOST_EVENTS = 200  # in one request; the door takes 500
MOST_BYTES = 900_000  # of one request: above 1 MB one at a time is worked on
MOST_ACKNOWLEDGED = 500
_AGAIN = frozenset({429, 500, 502, 503, 504})
_KEY = re.compile(r"([a-z0-9-]{3,40})\.([0-9a-f]{64})", re.ASCII)
_LONGEST_PAUSE = 10.0

Json = dict[str, Any]


class Away(Exception):
    """It did not answer for as long as was said. What was sent and not answered is safe to send again."""


class NotAllowed(Exception):
    """The key is not known, or has not this right."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('title', '')}")
        self.problem = problem


class RefusedByHub(Exception):
    """It says no to the request as a whole, and would say so again."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('title', '')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Key:
    """An API key: its public id, and 256 random bits that only its agency has."""

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, key_id: str) -> Self:
        """From this machine's generator of random bits. Raises ValueError for what is no key id."""
        if not re.fullmatch(r"[a-z0-9-]{3,40}", key_id):
            raise ValueError("a key id has 3 to 40 small letters, digits and hyphens")
        return cls(key_id, secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `<key id>.<64 hex digits>`. Raises ValueError, without the text."""
        found = _KEY.fullmatch(text.strip())
        if found is None:
            raise ValueError("a key is <key id>.<64 small hex digits>")
        return cls(found[1], bytes.fromhex(found[2]))

    @property
    def token(self) -> str:
        """What goes behind `Bearer`."""
        return f"{self.key_id}.{self.secret.hex()}"

    @property
    def secret_sha256(self) -> str:
        """What is registered: SHA-256 over the 32 bytes that the hex digits stand for, not over the digits."""
        return hashlib.sha256(self.secret).hexdigest()

    def event_id(self, content: bytes) -> str:
        """The same for the same content; without the key nobody can try which content it is of."""
        return hmac.new(self.secret, b"event-id\0" + content, hashlib.sha256).hexdigest()[:32]


class Hub:
    """A service of Ieum with a key, or without one for what anybody may ask. `patience`: seconds to go on trying while
    it is away or asks to wait."""

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        patience: float = 120.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_address(url)
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        authorization = {} if key is None else {"Authorization": f"Bearer {key.token}"}
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=httpx.Timeout(60, connect=10),
            transport=transport,
            headers={**authorization, "User-Agent": "ieum-client/0.1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(self, events: Sequence[Json]) -> list[Json]:
        """One result for each event, in order; those that met a fault there or were too many are sent again. At most
        `MOST_EVENTS`. The same events again are answered as duplicates."""

        def once(some: Sequence[Json]) -> list[Json]:
            answer = self.call("POST", "/events", content=encoded(some), headers={"Content-Type": BATCH})
            results: list[Json] = answer["results"]
            return results

        return until_taken(events, once, self._patience, self._clock, self._sleep)

    def door_on_kafka(self) -> Json:
        """Whether it is open, its public keys and the names of its topics. Needs no key."""
        return self.call("GET", "/doors/kafka")

    def status(self, id: str, source: str) -> Json:
        """What became of an event, by its id or by its receipt. Raises RefusedByHub (404) when nothing is known."""
        if re.fullmatch(r"[0-9a-f]{32}", id):
            try:
                return self.call("GET", f"/receipts/{id}")
            except RefusedByHub as refused:
                if refused.status != 404:
                    raise
        return self.call("GET", f"/events/{quote(id, safe='')}", params={"source": source})

    def held(self, reference: str, agency: str | None = None) -> Json:
        """What is held under a reference of one's own; for operators under an agency's. Raises RefusedByHub (404)."""
        return self.call("POST", "/held", json={"reference": reference, **({"agency": agency} if agency else {})})

    def rejections(self, most: int, **only: str) -> Iterator[Json]:
        """What was refused, newest first; `only`: of this `id`, `reference`, `day`, for operators `agency`."""
        before: str | None = None
        while most > 0:
            asked: dict[str, str | int] = {**only, "limit": min(most, 500), **({"before": before} if before else {})}
            page = self.call("POST", "/rejections/search", json=asked)
            yield from page["rejections"]
            most -= len(page["rejections"])
            before = page.get("next")
            if before is None or not page["rejections"]:
                return

    def keys(self) -> list[Json]:
        """One's own, without their secrets."""
        found: list[Json] = self.call("GET", "/keys")["keys"]
        return found

    def add_key(self, key: Key) -> None:
        """One more of one's own; only its hash travels. The same again does no harm."""
        self.call("POST", "/keys", json={"key_id": key.key_id, "secret_sha256": key.secret_sha256})

    def end_key(self, key_id: str, grace_days: int) -> list[Json]:
        """Another of one's own ends after so many days; what is left. Raises RefusedByHub (404) for none."""
        found: list[Json] = self.call("DELETE", f"/keys/{quote(key_id, safe='')}", params={"grace_days": grace_days})[
            "keys"
        ]
        return found

    def mappings(self) -> list[str]:
        """The names of one's own that are kept at the door."""
        found: list[str] = self.call("GET", "/mappings")["mappings"]
        return found

    def mapping(self, name: str) -> Json:
        """One of them. Raises RefusedByHub (404)."""
        return self.call("GET", f"/mappings/{quote(name, safe='')}")

    def keep_mapping(self, name: str, mapping: Json) -> None:
        """In place of what was kept under this name. Raises RefusedByHub with what is wrong in it."""
        self.call("PUT", f"/mappings/{quote(name, safe='')}", json=mapping)

    def forget_mapping(self, name: str) -> None:
        """Raises RefusedByHub (404)."""
        self.call("DELETE", f"/mappings/{quote(name, safe='')}")

    def subscribe_to_feed(self) -> None:
        """Take part; once more does no harm."""
        try:
            self.call("POST", "/subscriptions", json={"channel": "feed"})
        except RefusedByHub as refused:
            if refused.status != 409:
                raise

    def feed(self, after: str, wait: float) -> tuple[list[Json], str]:
        """The next notices and recalls after a cursor, and the cursor after them."""
        params: dict[str, str | float] = {"wait": wait, **({"after": after} if after else {})}
        page = self.call("GET", "/feed", params=params)
        return page["events"], page["cursor"]

    def acknowledge(self, notices: Sequence[str]) -> None:
        """Say that these were dealt with. May be said again."""
        for begin in range(0, len(notices), MOST_ACKNOWLEDGED):
            some = list(notices[begin : begin + MOST_ACKNOWLEDGED])
            self.call("POST", "/acknowledgements", json={"notices": some})

    def pause(self, seconds: float) -> None:
        """Let it have some time."""
        self._sleep(seconds)

    def call(self, method: str, path: str, **what: Any) -> Json:
        """One call, tried until it is answered. Raises Away, NotAllowed or RefusedByHub."""
        until = self._clock() + self._patience
        pause = 0.2
        while True:
            wait = jittered(pause)
            try:
                answer = self._http.request(method, path, **what)
                if answer.status_code < 400:
                    found: Json = answer.json() if answer.content else {}
                    return found
                problem = _problem(answer)
                if answer.status_code in (401, 403):
                    raise NotAllowed(answer.status_code, problem)
                if answer.status_code not in _AGAIN:
                    raise RefusedByHub(answer.status_code, problem)
                wait = max(wait, _seconds(answer.headers.get("retry-after")))
            except (httpx.TransportError, json.JSONDecodeError):
                pass
            if self._clock() + wait > until:
                raise Away("no answer in time; what was sent is safe to send again")
            self._sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)


def jittered(pause: float) -> float:
    """So long, give or take a half: who failed in the same moment does not come again in the same one."""
    return pause * random.uniform(0.5, 1.5)  # noqa: S311  jitter is no secret


def until_taken(
    events: Sequence[Json],
    once: Callable[[Sequence[Json]], Sequence[Json]],
    patience: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> list[Json]:
    """One answer for each event, in order. `once` sends some and brings an answer for each; what met a fault there
    (`failed`), or has an empty answer, is sent again for so many seconds."""
    answers: list[Json] = [{}] * len(events)
    waiting = list(range(len(events)))
    until = clock() + patience
    pause = 0.2
    while waiting:
        for at, answer in zip(waiting, once([events[at] for at in waiting]), strict=True):
            answers[at] = answer
        waiting = [at for at in waiting if answers[at].get("status", "failed") == "failed"]
        if not waiting or clock() > until:
            break
        sleep(jittered(pause))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return answers


def encoded(value: Any) -> bytes:
    """As JSON in UTF-8; half a character, which JSON can say and UTF-8 cannot, stays escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def check_address(url: str) -> None:
    """People's names travel there: only over TLS, but for this machine itself. Raises ValueError."""
    parts = urlsplit(url)
    if "@" in parts.netloc or "?" in url or "#" in url:  # it is shown and kept, so nothing secret may be in it
        raise ValueError("an address is https://host/path, without a user, ? or #")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and this_machine(parts.hostname):
        return
    raise ValueError("an address begins with https:// (http:// only on this machine)")


def this_machine(host: str) -> bool:
    """Whether it is called so that nobody else can be meant."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(answer: httpx.Response) -> Json:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str | None) -> float:
    return min(float(whole_number(text or "", 9) or 0), 60.0)


def whole_number(text: str, most_digits: int) -> int | None:
    """A number in plain digits, no more of them than that; None for everything else (`²` is a digit to `isdigit`)."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= most_digits else None
