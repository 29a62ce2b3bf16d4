"""The fourteen ways in which a value may be written down, and the bytes to look for in each.

``nfc`` as it was sent (UTF-8); ``nfd`` decomposed; ``utf-16le``, ``utf-16be``; ``escaped`` (JSON's ``\\uXXXX``);
``percent``; ``base64`` (three alignments, both alphabets); ``hex``; ``compressed`` (gzip or zlib: `finder` unpacks);
``romanised`` (Revised Romanisation); ``rewritten`` (a phone as it is dialled at home, a date with other
signs, other case, other spaces); ``md5``, ``sha1``, ``sha256`` without a key (hex, raw, base64).

The last three of the texts (nfd, romanised, rewritten) are again looked for in all the ways of writing bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

ENCODINGS = (
    "nfc",
    "nfd",
    "utf-16le",
    "utf-16be",
    "escaped",
    "percent",
    "base64",
    "hex",
    "compressed",
    "romanised",
    "rewritten",
    "md5",
    "sha1",
    "sha256",
)
HASHES = ("md5", "sha1", "sha256")

# Revised Romanisation of Korean, letter by letter: enough to be found, no sound changes between syllables.
_LEADS = "g,kk,n,d,tt,r,m,b,pp,s,ss,,j,jj,ch,k,t,p,h"
_VOWELS = "a,ae,ya,yae,eo,e,yeo,ye,o,wa,wae,oe,yo,u,wo,we,wi,yu,eu,ui,i"
_TAILS = ",k,kk,ks,n,nj,nh,t,l,lk,lm,lp,ls,lt,lp,lh,m,p,ps,t,t,ng,t,t,k,t,p,t"
_FIRST, _LAST = 0xAC00, 0xD7A3


def disguises(kind: str, value: str) -> Iterator[tuple[str, bytes]]:
    """Every way of writing this value, with the name of its encoding; the simplest name comes first.

    ``kind`` decides how people rewrite it (``phone``, ``birth date``; others change case and spaces only).
    """
    texts = {unicodedata.normalize("NFC", value): "nfc"}
    texts.setdefault(unicodedata.normalize("NFD", value), "nfd")
    for text in rewritten(kind, value):
        texts.setdefault(text, "rewritten")
    for text in romanised(value):
        texts.setdefault(text, "romanised")
    for text, how in texts.items():
        yield how, text.encode()
    for text in texts:
        yield from _bytes_of(text)


def written(encoding: str, kind: str, value: str) -> bytes:
    """One example of a value in this encoding, as something might really write it: for the controls."""
    if encoding == "compressed":
        return gzip.compress(f'{{"{kind}": "{value}"}}'.encode())
    return next(data for how, data in disguises(kind, value) if how == encoding)


def _bytes_of(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode()
    yield "utf-16le", text.encode("utf-16-le")
    yield "utf-16be", text.encode("utf-16-be")
    for form in ("04x", "04X"):
        yield "escaped", "".join(c if c.isascii() else f"\\u{ord(c):{form}}" for c in text).encode()
        yield "escaped", "".join(f"\\u{ord(c):{form}}" for c in text).encode()
    yield "percent", quote(text, safe="").encode()
    yield "percent", quote(text, safe="").lower().encode()
    yield "percent", "".join(f"%{byte:02X}" for byte in plain).encode()
    yield from (("base64", found) for found in _base64(plain))
    yield "hex", plain.hex().encode()
    yield "hex", plain.hex().upper().encode()
    for name in HASHES:
        digest = hashlib.new(name, plain, usedforsecurity=False).digest()
        yield name, digest.hex().encode()
        yield name, digest.hex().upper().encode()
        yield name, digest
        yield name, base64.b64encode(digest).rstrip(b"=")
        yield name, base64.urlsafe_b64encode(digest).rstrip(b"=")


def _base64(plain: bytes) -> Iterator[bytes]:
    """In the three alignments, without the ends that depend on what stands beside."""
    for shift in range(3):
        start, end = (4 * shift + 2) // 3, (len(plain) + shift) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + plain)[start:end]


def rewritten(kind: str, value: str) -> set[str]:
    """As other people would type it."""
    if kind == "phone":
        return phones(value)
    if kind == "birth date":
        return dates(value)
    if kind == "registration number":  # an example of nothing but zeros: without its sign it would be found anywhere
        return set()
    forms = {value.upper(), value.lower(), value.replace(" ", ""), value.replace("-", "")}
    return (forms | {as_an_id(value)} if kind == "name" else forms) - {value}


def as_an_id(name: str) -> str:
    """A name as the id of an agency may be written: small Latin letters and hyphens."""
    return min(romanised(name), default=name).lower().replace(" ", "-")


def phones(phone: str) -> set[str]:
    """A phone number as people write it at home and abroad; ``phone`` begins with + and the country."""
    country, _, rest = phone.partition("-")
    parts = rest.split("-")
    home = "-".join([f"0{parts[0]}", *parts[1:]])
    found = {phone, home}
    for form in (phone, home):
        found |= {form.replace("-", sign) for sign in ("", " ", ".")}
    plain = phone.lstrip("+")
    return found | {plain, plain.replace("-", ""), f"({country}) {home}"}


def dates(day: str) -> set[str]:
    """A date with other or no signs between its parts, also in words and with the day first."""
    year, *rest = day.split("-")
    if len(rest) != 2:
        return {day}  # one of the mistakes: in words
    month, number = rest
    korean = {f"{year}년 {int(month)}월 {int(number)}일", f"{year}년{int(month)}월{int(number)}일"}
    return (
        korean
        | {f"{year}{sign}{month}{sign}{number}" for sign in ("", ".", "/", "-", " ")}
        | {f"{number}.{month}.{year}"}
    )


def romanised(value: str) -> set[str]:
    """Hangul in Latin letters, as one word, with hyphens, with spaces; nothing for what is Latin already."""
    letters = [_syllable(character) for character in unicodedata.normalize("NFC", value)]
    if letters == list(value):
        return set()
    joined = {sign.join(letters) for sign in ("", "-", " ")} | {f"{letters[0]} {''.join(letters[1:])}"}
    return joined | {text.title() for text in joined} | {text.upper() for text in joined}


def _syllable(character: str) -> str:
    if not _FIRST <= ord(character) <= _LAST:
        return character
    lead, rest = divmod(ord(character) - _FIRST, 21 * 28)
    vowel, tail = divmod(rest, 28)
    return _LEADS.split(",")[lead] + _VOWELS.split(",")[vowel] + _TAILS.split(",")[tail]
