"""Requests that must be refused, with identity in every place where it does not belong."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from samples.world.envelope import Json
from verification.leaks.encodings import as_an_id, romanised

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
TOO_LARGE = 6_000_000  # bytes; the door takes five million


@dataclass(frozen=True)
class Hostile:
    """One request; ``service`` names whom it goes to. ``by``: ``administrator`` or ``partner``, else the agency of the
    event; ``token`` replaces theirs."""

    service: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    by: str = ""


def requests_about(event: Json) -> Iterator[Hostile]:
    """Everything that can be done wrong with one event that brings a person."""
    yield from _envelopes(event)
    yield from _data(event)
    yield from _withdrawals(event)
    yield from _bodies(event)
    yield from _doors(event["data"]["identity"], event["data"]["reference"], event)


def _post(body: bytes, headers: dict[str, str] = STRUCTURED, token: str | None = None) -> Hostile:
    return Hostile("intake", "POST", "/events", body, headers, token)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _envelopes(event: Json) -> Iterator[Hostile]:
    """Identity in the attributes of the envelope, structured and binary, and beside good events in a batch."""
    identity = event["data"]["identity"]
    for number, (value, kind) in enumerate((value, kind) for kind, value in identity.items() if kind != "sex"):
        for attribute in ("type", "source", "time", "dataschema", "subject", "traceparent", "actor", "sequence", kind):
            wrong = event | {"id": f"{event['id']}-{number}-{attribute}", attribute: value}
            if attribute == "subject":
                wrong |= {"specversion": value}
            if attribute == "traceparent":
                wrong |= {"testrun": value}
            yield _post(_json(wrong))
        binary = {f"ce-{name}": quote(str(given)) for name, given in event.items() if name != "data"}
        binary |= {"ce-type": quote(value), f"ce-x{number}": quote(value), "content-type": "application/json"}
        yield _post(_json(event["data"]), binary)
    yield _post(_json([event | {"type": identity["name"]}, identity["phone"], event | {identity["name"]: 1}]), BATCH)


def _data(event: Json) -> Iterator[Hostile]:
    """Identity in the names and in the values of fields, known and unknown, at every depth."""
    data, identity = event["data"], event["data"]["identity"]
    name, phone, address = identity["name"], identity["phone"], identity["address"]
    wrong: list[Json] = [
        {name: name},
        {"memo": f"{name} {phone} {address}"},
        {"identity": identity | {name: phone}},
        {"identity": identity | {"birth_date": f"{name} {identity['birth_date']}"}},
        {"identity": identity | {"phone": name}},
        {"identity": identity | {"email": f"{name} {phone}"}},
        {"identity": identity | {"name": [name]}},
        {"identity": {**identity, "sex": name}},
        {"identity": name},
        {"reference": f"{name} {phone}"},
        {"residence": name},
        {"residence": f"legal-dong-2026:{phone.replace('+', '')}"},
        {"education": address},
        {"certificates": [name, phone]},
        {"courses": [{"title": f"{name} {phone}", "hours": name}]},
        {"occupations": [{"code": name, "months": phone, name: 1}]},
        {"wants": {"kinds": [name], "not_to": [name], phone: address}},
        {"wants": data["wants"] | {"wage_min": {"per": name, "amount": phone, "currency": address}}},
        {"has": {name: True, "car": phone}},
        {"consents": [{"purpose": name, "recipient": phone, "until": address}]},
        {"consents": [{"purpose": "notice", "recipient": phone.replace("+", ""), "until": "2026-12-31"}]},
        {"counselling": {"interests": [name], "strengths": {name: phone}}},
    ]
    for number, change in enumerate(wrong):
        yield _post(_json(event | {"id": f"{event['id']}-d{number}", "data": data | change}))


def _withdrawals(event: Json) -> Iterator[Hostile]:
    """Identity that has the form of an agency's id as recipient of what is taken back, of nobody who is registered and
    of somebody who is: what is forbidden is kept for years."""
    data, identity = event["data"], event["data"]["identity"]
    said = (identity["phone"].lstrip("+"), as_an_id(identity["name"]))
    consents = [{"purpose": "notice", "recipient": recipient} for recipient in said]
    for number, reference in enumerate((f"{data['reference']}-n", data["reference"])):
        wrong = event | {"id": f"{event['id']}-w{number}", "type": "consent-withdrawn", "sequence": "1"}
        yield _post(_json(wrong | {"data": {"reference": reference, "consents": consents}}))


def _bodies(event: Json) -> Iterator[Hostile]:
    """Bodies that cannot be read, or are too much."""
    body, name = _json(event), event["data"]["identity"]["name"]
    yield _post(body[:-2])
    yield _post(body.replace(b'"data"', b'"data", "data"', 1))
    yield _post(b"[" * 20_000 + body)
    yield _post(body + b"\xff\xfe" + body)
    yield _post(name.encode("utf-16"))
    yield _post(body.decode().encode("euc-kr", "replace"))
    yield _post(body.replace(b'"reference"', b'"residence": NaN, "reference"', 1))
    yield _post(gzip.compress(body), STRUCTURED | {"content-encoding": "gzip"})
    yield _post(body + b" " * TOO_LARGE)
    yield _post(_json([event] * 501), BATCH)
    yield _post(_json({"events": [event]}), BATCH)
    for media in ("text/plain", f"application/{quote(name)}", "multipart/form-data; boundary=" + quote(name), ""):
        yield _post(body, {"content-type": media})


def _doors(identity: Json, reference: str, event: Json) -> Iterator[Hostile]:
    """Identity in paths, queries, headers, keys and bodies of every other route."""
    name, phone = quote(identity["name"]), quote(identity["phone"])
    words = {"traceparent": phone, "tracestate": f"who={phone}", "baggage": f"name={name}", "x-request-id": phone}
    words |= {"user-agent": name, "referer": f"http://{phone}.invalid/", "cookie": f"who={name}", "accept": name}
    for token in (f"{phone}.{'00' * 32}", name, f"{reference}.{phone}", ""):
        yield _post(_json(event), STRUCTURED, token)
    yield _post(_json(event | {"type": "person-removed"}), STRUCTURED | words)
    for method in ("PUT", "DELETE", "PATCH"):
        yield Hostile("intake", method, f"/events?name={name}", _json(identity))
    get, post, media = "GET", "POST", {"content-type": "application/json"}
    lookup = _json({"reference": identity["phone"], identity["name"]: 1})
    yield Hostile("intake", post, "/people/lookup", lookup, media)
    yield Hostile("intake", post, "/people/lookup", _json({"reference": f"{reference}-0"}), media)
    yield Hostile("intake", post, "/people/lookup", _json(identity["name"]), media)
    cursor = base64.urlsafe_b64encode(f"2026-11-22T00:00:00+00:00 {identity['email']}".encode()).decode()
    for path in (f"/events/{name}?source={phone}", f"/receipts/{phone}", f"/rejections?before={name}&limit={phone}"):
        yield Hostile("intake", get, path, headers=words)
        yield Hostile("intake", get, path, headers=words, by="administrator")
    yield Hostile("intake", get, f"/rejections?before={cursor}")
    for service in ("intake", "matching", "notifications"):
        ids = _json({"ids": [identity["name"], f"people/{identity['phone']}/0/1"]})
        yield Hostile(service, post, "/quarantine/replay", ids, media, by="administrator")
        yield Hostile(service, get, f"/quarantine?limit={phone}&who={name}", by="administrator")
        yield Hostile(service, get, f"/schemas/{name}/1?of={phone}")
    pair = f"/people/{name}/opportunities/{phone}"
    for path in (f"/people/{name}/matches", f"/people/{reference}/matches", f"/opportunities/{phone}/matches", pair):
        yield Hostile("matching", get, path, headers=words)
        yield Hostile("matching", get, path, headers=words, by="partner")
    for path in (f"/feed?after={name}", f"/feed?wait={phone}", f"/deliveries?state={name}&after={phone}", f"/{name}"):
        yield Hostile("notifications", get, path, headers=words, by="partner")
    for url in (f"file:///{name}", f"http://{phone}@127.0.0.1:27017/{name}"):
        body = _json({"channel": "webhook", "url": url})
        yield Hostile("notifications", post, "/subscriptions", body, media, by="partner")
    told = {identity["name"]: identity["phone"]}
    latin = min(romanised(identity["name"]), default=identity["name"]).replace(" ", "").replace("-", "").title()
    for headers in ({latin: "누구"}, {"X-Key": "1", latin: "1", latin.upper(): "2"}):
        body = _json({"channel": "webhook", "url": "http://127.0.0.1/", "headers": headers})
        yield Hostile("notifications", post, "/subscriptions", body, media, by="partner")
    for service, path in (("intake", "/rejections"), ("matching", "/rounds"), ("notifications", "/deliveries")):
        yield Hostile(service, get, f"{path}?{latin}=1&{latin}=2", by="partner")
    for wanted in ({"channel": "webhook", "headers": told}, {"channel": "feed", "secret": f"whsec_{phone}"}):
        yield Hostile("notifications", post, "/subscriptions", _json(wanted), media, by="partner")
    yield Hostile("notifications", "PATCH", f"/subscriptions/{phone}", _json({"headers": told}), media, by="partner")
    yield Hostile("notifications", post, "/filters/trial", _json({"filter": {"exact": told}}), media, by="partner")
    yield Hostile("notifications", get, f"/deliveries/{name}", by="partner")
    said = {"notices": [identity["name"], identity["phone"]], identity["name"]: reference}
    yield Hostile("notifications", post, "/acknowledgements", _json(said), media, by="partner")
    yield Hostile("notifications", "DELETE", f"/subscriptions/{name}", by="partner")
    yield Hostile("notifications", post, f"/deliveries/{phone}/retry", by="partner")


async def send(
    session: aiohttp.ClientSession, request: Hostile, url_of: Callable[[str], str], token: str
) -> tuple[int, Any]:
    """Send it once; the status and the body. 0: the connection was cut off, as for what is far too large."""
    headers = {"authorization": f"Bearer {token if request.token is None else request.token}", **request.headers}
    url = url_of(request.service) + request.path
    try:
        async with session.request(request.method, url, data=request.body, headers=headers) as answer:
            return answer.status, await answer.read()
    except aiohttp.ClientError:
        return 0, b""
