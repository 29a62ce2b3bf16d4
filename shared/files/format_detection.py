"""What a file is, by its first bytes; not by its name, which may say anything."""

from __future__ import annotations

from typing import BinaryIO, Literal

from shared.files.rows import Unreadable

Format = Literal["csv", "xlsx", "json", "xml"]
_PAGE = (b"<html", b"<!doctype html", b"<table", b"<head", b"<meta", b"<style", b"<body")  # many systems call it .xls
_OLD_SHEET = b"urn:schemas-microsoft-com:office:spreadsheet"  # a workbook in one XML
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")


def format_of(stream: BinaryIO) -> Format:
    """The format; the stream is at its beginning after that. Raises Unreadable for what is none of them."""
    stream.seek(0)
    begin = stream.read(512)
    stream.seek(0)
    if begin.startswith(b"PK"):
        return "xlsx"
    if begin.startswith(_OLD_OFFICE):  # also what has a password
        raise Unreadable("locked-workbook")
    if begin.startswith((b"%PDF", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")):
        raise Unreadable("unknown-format")
    plain = begin.replace(b"\0", b"").lstrip(b"\xfe\xff")  # of UTF-16, with its mark or without
    text = plain.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.lower().startswith(_PAGE) or _OLD_SHEET in text:
        raise Unreadable("other-spreadsheet")
    if not text:
        raise Unreadable("empty-file")
    if text.startswith(b"<"):
        return "xml"
    return "json" if text.startswith((b"{", b"[")) else "csv"
