"""Bodies and headers that cost far more than their size."""

from __future__ import annotations

from collections.abc import Iterable

from verification.siege.attack import BATCH, JSON, STRUCTURED, Attack, AttackRequest, RequestAttack, dumped

MARKS = "\u0301\u0316\u0327\u0345\u05b0\u0651\u093c\u3099"  # of classes 230, 220, 202, 240, 10, 33, 7, 8
VALUES = (b"1", b"-0.5e3", b'""', b'"a"', b'"\\ud55c"', b"null", b"true", b"[]", b"{}", b"[1,2]", b'{"a":[{}]}')
SIXTEEN_MB = 15_900_000  # a little less than what was once taken without a look
EVERYBODY = ("intake", "matching", "notifications")


class BodyWithoutKey(RequestAttack):
    name = "body-without-key"
    about = "16 MB of JSON and no key, to every service"
    services = EVERYBODY
    count = 12

    def requests(self, number: int) -> Iterable[AttackRequest]:
        body = b'{"a":[' + self._filled(SIXTEEN_MB) + b"1]}"
        yield AttackRequest("intake", "POST", "/events", body, STRUCTURED, None)
        yield AttackRequest("matching", "POST", "/quarantine/replay", body, JSON, None)
        yield AttackRequest("notifications", "POST", "/acknowledgements", body, JSON, None)
        yield AttackRequest("intake", "POST", "/people/lookup", body, JSON, None)

    def _filled(self, size: int) -> bytes:
        """Some small values over and over, until there is enough."""
        some = b"".join(self.random.choice(VALUES) + b"," for _ in range(self.random.randint(1, 60)))
        return some * (size // len(some))


class BodyTooLarge(BodyWithoutKey):
    name = "body-too-large"
    about = "16 MB of JSON with a key, to routes that take a few kB"

    def requests(self, number: int) -> Iterable[AttackRequest]:
        body = b'{"notices":[' + self._filled(SIXTEEN_MB) + b'"a"]}'
        yield AttackRequest("intake", "POST", "/people/lookup", body, JSON)
        yield AttackRequest("notifications", "POST", "/acknowledgements", body, JSON, "reader")
        yield AttackRequest("notifications", "POST", "/subscriptions", body, JSON, "reader")
        yield AttackRequest("matching", "POST", "/quarantine/replay", body, JSON)


class CombiningMarks(RequestAttack):
    name = "combining-marks"
    about = "64,000 combining marks as a field's name, a title, a reference, a query"
    services = EVERYBODY
    count = 12

    def requests(self, number: int) -> Iterable[AttackRequest]:
        """Marks of several classes out of their order: sorting them is quadratic, 128 kB cost seconds."""
        some = "".join(self.random.choices(MARKS, k=self.random.choice((2, 3, 7, 500))))
        marks = self.random.choice("aㄱ한é") + some * (64_000 // len(some))
        event, advert = self.target.event, self.target.advert
        yield _event(event | {"data": event["data"] | {marks: 1}}, f"marks-{number}-a")
        yield _event(event | {marks: 1}, f"marks-{number}-b")
        yield _event(advert | {"data": advert["data"] | {"title": marks}}, f"marks-{number}-c")
        yield _event(advert | {"data": advert["data"] | {"certificates": [marks] * 8}}, f"marks-{number}-d")
        yield AttackRequest("intake", "POST", "/people/lookup", dumped({"reference": marks, marks: 1}), JSON)
        wanted = dumped({"channel": marks, marks: 1})
        yield AttackRequest("notifications", "POST", "/subscriptions", wanted, JSON, "reader")
        yield AttackRequest("notifications", "POST", "/acknowledgements", dumped({"notices": [marks]}), JSON, "reader")
        yield AttackRequest("matching", "POST", "/quarantine/replay", dumped({"ids": [marks], marks: 1}), JSON)


class ManyNames(RequestAttack):
    name = "many-names"
    about = "480,000 short field names in one object"
    services = ("intake", "notifications")
    count = 6
    at_once = 2

    def requests(self, number: int) -> Iterable[AttackRequest]:
        first, value = self.random.randrange(2**20), self.random.choice(VALUES)
        names = b",".join(b'"%x":%b' % (first + one, value) for one in range(480_000 // len(value)))
        head = dumped(self.target.event | {"id": f"names-{number}"})
        yield AttackRequest("intake", "POST", "/events", head[:-1] + b',"more":{' + names + b"}}", STRUCTURED)
        yield AttackRequest("notifications", "POST", "/acknowledgements", b"{" + names + b"}", JSON, "reader")
        whole = head.removesuffix(b"}}") + b"," + names + b"}}"
        yield AttackRequest("intake", "POST", "/events", whole, STRUCTURED)


class DeepNesting(RequestAttack):
    name = "deep-nesting"
    about = "arrays and objects a hundred thousand deep"
    services = EVERYBODY
    count = 40

    def requests(self, number: int) -> Iterable[AttackRequest]:
        for depth in (self.random.randint(100, 2_000), self.random.randint(50_000, 100_000)):
            head = dumped(self.target.event | {"id": f"deep-{number}-{depth}"})[:-1] + b',"deep":'
            for levels in (1, self.random.randint(2, 9)):
                level = self.random.choices(((b"[", b"]"), (b'{"a":', b"}"), (b"[0,", b"]")), k=levels)
                opening, closing = b"".join(each for each, _ in level), b"".join(each for _, each in level[::-1])
                deep = opening * (depth // levels) + b"1" + closing * (depth // levels)
                yield AttackRequest("intake", "POST", "/events", head + deep + b"}", STRUCTURED)
                body = b'{"notices":' + deep + b"}"
                yield AttackRequest("notifications", "POST", "/acknowledgements", body, JSON, "reader")
                yield AttackRequest("matching", "POST", "/quarantine/replay", body, JSON)


class HugeNumbers(RequestAttack):
    name = "huge-numbers"
    about = "integers of 4 MB, exponents out of reach"
    services = ("intake", "notifications")
    count = 10

    def requests(self, number: int) -> Iterable[AttackRequest]:
        head = dumped(self.target.event | {"id": f"numbers-{number}"})[:-1] + b',"sequence":'
        digit, exponent = b"%d" % self.random.randint(1, 9), b"%d" % self.random.randint(309, 10**9)
        digits = self.random.choice((b"", b"-")) + digit * self.random.randint(3_000_000, 4_000_000)
        edge = b"1" + b"0" * self.random.randint(4_200, 4_400)  # Python refuses to read more than 4,300 digits
        sign = self.random.choice((b"", b"+", b"-"))
        for value in (digits, edge, digit + b"e" + sign + exponent, b"[" + b"1e308," * 200_000 + b"1]"):
            yield AttackRequest("intake", "POST", "/events", head + value + b"}", STRUCTURED)
        body = b'{"notices":[' + digits + b"]}"
        yield AttackRequest("notifications", "POST", "/acknowledgements", body, JSON, "reader")


class NamesTwice(RequestAttack):
    name = "names-twice"
    about = "the same field four hundred thousand times"
    count = 8

    def requests(self, number: int) -> Iterable[AttackRequest]:
        head = dumped(self.target.event | {"id": f"twice-{number}"})[:-1]
        name = self.random.choice((b"subject", b"id", b"type", b"data", b"x"))
        again = b',"%b":%b' % (name, self.random.choice(VALUES))
        yield AttackRequest("intake", "POST", "/events", head + again * (4_900_000 // len(again)) + b"}", STRUCTURED)


class GreatestBatch(RequestAttack):
    name = "greatest-batch"
    about = "batches of 500 events, each as large as the contract lets it be"
    count = 4
    at_once = 2

    def requests(self, number: int) -> Iterable[AttackRequest]:
        data = self.target.event["data"]
        large = data | {
            "occupations": [data["occupations"][0] | {"months": month} for month in range(30)],
            "certificates": data["certificates"] * 50 or ["x"] * 50,
            "courses": [{"title": "가" * 80}] * 50,
        }
        events = [self.target.event | {"id": f"batch-{number}-{one}", "data": large} for one in range(500)]
        body = dumped(events)
        while len(body) > 5_000_000:
            events = events[: len(events) * 9 // 10]
            body = dumped(events)
        yield AttackRequest("intake", "POST", "/events", body, BATCH)


class ManyFindings(RequestAttack):
    name = "many-findings"
    about = "an event that is wrong in a hundred thousand places"
    services = ("intake", "notifications")
    count = 9

    def requests(self, number: int) -> Iterable[AttackRequest]:
        event, data = self.target.event, self.target.event["data"]
        wrong = data | {"occupations": [{"code": "?", "months": -1}] * 60_000}
        yield _event(event | {"data": wrong}, f"findings-{number}-a")
        wrong = data | {f"unknown{one}": one for one in range(60_000)}
        yield _event(event | {"data": wrong}, f"findings-{number}-b")
        yield AttackRequest(
            "notifications", "POST", "/acknowledgements", dumped({"notices": [1] * 500_000}), JSON, "reader"
        )


class LongHeaders(RequestAttack):
    name = "long-headers"
    about = "64 kB of one header, a hundred headers, queries of 60 kB"
    services = EVERYBODY
    count = 120

    def requests(self, number: int) -> Iterable[AttackRequest]:
        long, many = {"x-long": "a" * 64_000}, {f"x-{one}": "a" * 600 for one in range(100)}
        for service, path in (
            ("intake", "/rejections?before="),
            ("matching", "/people/"),
            ("notifications", "/feed?after="),
        ):
            yield AttackRequest(service, "GET", "/live", headers=long, part=None)
            yield AttackRequest(service, "GET", "/live", headers=many, part=None)
            yield AttackRequest(service, "GET", path + "a" * 60_000, part="reader")
            yield AttackRequest(service, "GET", path + "%F0%9F%92%A9" * 600, part="reader")

    def harmless_request(self, request: AttackRequest, number: int) -> AttackRequest:
        return AttackRequest(request.service, "GET", "/live", part=None)


class BadPercents(RequestAttack):
    name = "bad-percents"
    about = "binary events whose attributes are badly percent-encoded"
    count = 100

    def requests(self, number: int) -> Iterable[AttackRequest]:
        event = self.target.event
        sound = {f"ce-{name}": str(value) for name, value in event.items() if isinstance(value, str)}
        for known in ("%E0%A4%A", "%", "%00", "%FF%FE", "%C0%80", "%" * 4_000, "%F0%9F" * 600, "%0d%0ax: y"):
            drawn = "".join(self.random.choices(("%F0", "%9F", "%ED%A0%80", "%zz", "%", "%4", "a", "%2525"), k=40))
            bad = known + drawn if number else known
            headers = sound | {"ce-id": bad, **JSON}
            yield AttackRequest("intake", "POST", "/events", dumped(event["data"]), headers)


def _event(event: dict[str, object], id: str) -> AttackRequest:
    return AttackRequest("intake", "POST", "/events", dumped(event | {"id": id}), STRUCTURED)


ALL: tuple[type[Attack], ...] = (
    BodyWithoutKey, BodyTooLarge, CombiningMarks, ManyNames, DeepNesting, HugeNumbers, NamesTwice, GreatestBatch,
    ManyFindings, LongHeaders, BadPercents,
)  # fmt: skip
