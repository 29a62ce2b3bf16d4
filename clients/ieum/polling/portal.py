"""The portal over HTTP: its list page by page, one advert on its own page. One request at a time, with a rest after
each; what hangs, fails, answers too much or says no with a good status is tried again for as long as was said."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from clients.ieum.api_client import Away, NotAllowed, check_address, jittered, whole_number
from shared.files import Unreadable
from shared.files.rows import Broken
from shared.files.xml_adverts import Advert, Around, adverts

WORK24 = "https://www.work24.go.kr/cm/openApi/call/wk"
LIST, DETAIL = "/callOpenApiSvcInfo210L01.do", "/callOpenApiSvcInfo210D01.do"
LIST_ROOT = "wantedRoot"
PER_PAGE = 100  # the most that the portal gives at once
NO_SUCH = "K" + "0" * 15  # in the form of a number of an advert, and of none
MOST_PAGES = 1_000  # the portal counts no further
MOST_BYTES = 10_000_000  # of one answer, unpacked
LONGEST_ANSWER = 120.0  # seconds, however slowly it comes
_LONGEST_PAUSE = 60.0
_Found = TypeVar("_Found")
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_CODE = re.compile(r"[0-9A-Za-z_-]{1,12}")
# what may be asked of the list; the rest is ours to say
QUESTIONS = frozenset(
    (
        "region", "occupation", "education", "salTp", "minPay", "maxPay", "career", "minCareerM", "maxCareerM", "pref",
        "subway", "empTp", "termContractMmcnt", "holidayTp", "coTp", "busino", "workerCnt", "welfare", "certLic",
        "keyword", "untilEmpWantedYn", "empTpGb", "major", "foreignLanguage", "comPreferential", "pfPreferential",
        "workHrCd",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PortalKey:
    """The key of the portal's user. It stands in every address, so no address is ever shown."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[!-~]{1,200}", self.text, re.ASCII):
            raise ValueError("the portal's key is up to 200 letters, digits and signs, without spaces")


@dataclass(frozen=True, slots=True)
class Page:
    """Of the list. `total`: how many there are as the portal says, which may be wrong."""

    adverts: list[tuple[int, Advert] | Broken]
    total: int | None


@dataclass(frozen=True, slots=True)
class OwnPage:
    """The page of one advert. `silence`: in which words it says that it shows none; None where it shows one, or where
    it is no such page at all. They are compared and never shown."""

    advert: Advert | None
    silence: tuple[str, ...] | None


class _Again(Exception):
    """This answer is none; the next may be one. `wait`: how long it asks to wait."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class Portal:
    """`rest`: seconds after every request; `patience`: to go on trying while it fails or asks to wait."""

    def __init__(
        self,
        url: str,
        key: PortalKey,
        query: Mapping[str, str],
        *,
        rest: float = 1.0,
        patience: float = 120.0,
        per_page: int = PER_PAGE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_address(url)
        if unknown := query.keys() - QUESTIONS:
            raise ValueError(f"the list cannot be asked for {', '.join(sorted(unknown))[:100]}")
        self.per_page = per_page
        self._query = dict(query)
        self._url, self._key = url.rstrip("/"), key
        self._rest, self._patience = rest, patience
        self._sleep, self._clock = sleep, clock
        for name in ("httpx", "httpcore"):  # they log whole addresses, and the key is in them
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = httpx.Client(
            timeout=httpx.Timeout(30, connect=10),
            follow_redirects=False,  # wherever that leads, the key would go there
            headers={"User-Agent": "ieum-client/0.1", "Accept": "application/xml, text/xml", "Accept-Encoding": "gzip"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def page(self, number: int, since: str | None) -> Page:
        """Of the list, from 1 on. `since`: of adverts registered in the last days (`D-3`, `W-1`, ...). Raises Away,
        NotAllowed, and ValueError for what is no portal."""
        asked = {"callTp": "L", "startPage": str(number), "display": str(self.per_page), **self._query}
        return self._asked(LIST, {**asked, **({"regDate": since} if since else {})}, _page)

    def own_page(self, reference: str) -> OwnPage:
        """The advert's own page. Raises as `page`."""
        asked = {"callTp": "D", "wantedAuthNo": reference, "infoSvc": "VALIDATION"}
        return self._asked(DETAIL, asked, lambda content: _own_page(content, reference))

    def _asked(self, path: str, asked: Mapping[str, str], read: Callable[[bytes], _Found]) -> _Found:
        until = self._clock() + self._patience
        pause = 1.0
        while True:
            try:
                found = read(self._answer(path, {"authKey": self._key.text, "returnType": "XML", **asked}))
                self._sleep(self._rest)
                return found
            except _Again as again:
                why, wait = str(again), max(again.wait, jittered(pause))
            except httpx.RequestError as error:  # its words may hold the address
                why, wait = type(error).__name__, jittered(pause)
            if self._clock() + wait > until:
                raise Away(f"the portal does not answer as it should ({why}); begin again later, it goes on from there")
            self._sleep(max(wait, self._rest))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _answer(self, path: str, asked: Mapping[str, str]) -> bytes:
        until = self._clock() + LONGEST_ANSWER
        with self._http.stream("GET", self._url + path, params=asked) as answer:
            status = answer.status_code
            if status in (401, 403):
                raise NotAllowed(status, {"detail": "the portal does not take this key"})
            if status in _TRANSIENT:
                raise _Again(f"status {status}", _seconds(answer.headers.get("retry-after")))
            if status != 200:
                raise ValueError(f"the portal answers with status {status}: is this its address?")
            if answer.headers.get("content-encoding", "identity") not in ("identity", "gzip"):
                raise _Again("packed in a way that was not asked for")
            parts, size = [], 0
            for part in answer.iter_bytes():
                size += len(part)
                if size > MOST_BYTES:
                    raise _Again("too long an answer")
                if self._clock() > until:
                    raise _Again("too slow an answer")
                parts.append(part)
        return b"".join(parts)


def _page(content: bytes) -> Page:
    found, around = _read(content)
    if around.root != LIST_ROOT or "messageCd" in around.texts:
        raise _Again(_said_no(around))
    return Page(found, whole_number(around.texts.get("total", ""), 9))


def _own_page(content: bytes, reference: str) -> OwnPage:
    found, around = _read(content)
    if any(isinstance(one, Broken) for one in found):
        raise _Again("no XML")
    shown = [one[1] for one in found if not isinstance(one, Broken)]
    advert = next((one for one in shown if one.get("wantedAuthNo") == reference), None)
    if advert is not None or any("wantedAuthNo" in one for one in shown) or (around.root or "html").lower() == "html":
        return OwnPage(advert, None)
    texts = {**(shown[0] if shown else {}), **around.texts}
    words = tuple(texts.get(name, "").replace(reference, "") for name in ("messageCd", "message"))
    return OwnPage(None, (around.root or "", *words))


def _read(content: bytes) -> tuple[list[tuple[int, Advert] | Broken], Around]:
    around = Around()
    try:
        return list(adverts(io.BytesIO(content), around)), around
    except Unreadable as unreadable:
        if unreadable.refusal.rule == "no-adverts":
            return [], around
        raise _Again("no XML") from None


def _said_no(around: Around) -> str:
    """The code that came instead of a list; never its words, which may hold what was asked."""
    code = around.texts.get("messageCd", "")
    return f"an error instead of a list{f', code {code}' if _CODE.fullmatch(code) else ''}"


def _seconds(text: str | None) -> float:
    """Of `Retry-After`: seconds, or a moment."""
    if not text:
        return 0.0
    if (seconds := whole_number(text.strip(), 12)) is not None:
        return float(min(seconds, 86_400))
    try:
        moment = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else 0.0
