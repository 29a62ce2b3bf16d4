"""The body of a request to the door: how it is packed and written, whether it is small, and which events are in it."""

from __future__ import annotations

import codecs
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.events import registry
from shared.events.http_binding import BATCH, Item
from shared.events.refusal import Refusal, Refused
from shared.kit.web.edge_settings import SMALL_BODY

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.ASCII | re.IGNORECASE)
_PIECE = 65_536  # bytes that are decoded in one go: some 0.2 ms
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
_KOREAN = frozenset({"euc-kr", "cp949", "ms949", "uhc", "windows-949", "ks_c_5601-1987"})


@dataclass(frozen=True, slots=True)
class Received:
    """The body of a request to the door, with what says how to read it."""

    content_type: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def batch(self) -> bool:
        """Whether it is an array of events."""
        return self.content_type.partition(";")[0].strip().lower() == BATCH

    @property
    def coding(self) -> str:
        """How the body is packed."""
        return dict(self.headers).get("content-encoding", "identity").strip().lower()

    @property
    def small(self) -> bool:
        """Whether it is an event on its own also when it is unpacked, which is tried no further than that; or cannot be
        read, which is found out soon."""
        if len(self.body) > SMALL_BODY:
            return False
        try:
            return len(self.unpacked(SMALL_BODY)) <= SMALL_BODY
        except Refused as refused:
            return refused.refusals[0].rule != "too-much"

    def unpacked(self, most: int) -> bytes:
        """The body as UTF-8 that is not compressed, of at most so many bytes. Raises Refused."""
        body = self.body
        if self.coding == "gzip":
            body = _inflated(body, most)
        elif self.coding != "identity":
            raise Refused(Refusal("unsupported-encoding", ""))
        charset = _CHARSET.search(self.content_type)
        if charset is None or (name := charset[1].lower()) in _UTF_8:
            return body
        if name not in _KOREAN:
            raise Refused(Refusal("unsupported-encoding", ""))
        return _from_korean(body)


def read_types(items: Iterable[Item], most: int, types: list[str | None]) -> Iterator[None]:
    """Go through the events and note the type of each, a step for each. Raises Refused, on the way."""
    for item in items:
        types.append(None if isinstance(item, Refused) else registry.known_name(item.get("type")))
        if len(types) > most:
            raise Refused(Refusal("too-many-events", "", {"most": most}))
        yield


def _from_korean(body: bytes) -> bytes:
    """UTF-8 of CP949, a piece at a time: the codec lets go of the interpreter's lock only between two of them."""
    decoder, pieces = codecs.getincrementaldecoder("cp949")(), []
    try:
        for place in range(0, len(body), _PIECE):
            pieces.append(decoder.decode(body[place : place + _PIECE]).encode())
            time.sleep(0)  # the event loop waits for no more than one piece
        pieces.append(decoder.decode(b"", final=True).encode())
    except UnicodeDecodeError:
        raise Refused(Refusal("not-utf-8", "")) from None
    return b"".join(pieces)


def _inflated(body: bytes, most: int) -> bytes:
    """Of gzip, and no further than the most: a bomb costs no more than a large body."""
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        found = inflater.decompress(body, most + 1)
    except zlib.error:
        raise Refused(Refusal("broken-gzip", "")) from None
    if len(found) > most:
        raise Refused(Refusal("too-much", "", {"megabytes": most // 1_000_000}))
    if not inflater.eof or inflater.unused_data:
        raise Refused(Refusal("broken-gzip", ""))
    return found
