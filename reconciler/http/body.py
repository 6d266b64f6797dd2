"""An answer, taken in no further than it may go: what comes out of its compression is counted while it is unpacked."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import httpx

from reconciler.decoding import decoded
from reconciler.frozen import dataclass

__all__ = ["MOST_BYTES", "Answer", "TooMuch", "parsed", "taken_in"]

MOST_BYTES = 16 << 20
"""Of a body, unpacked. A page of 50 objects has some 100 kB."""
LONGEST_INTEGER = 100
"""Digits: no integer that a program keeps has more."""
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
EITHER_HEADER = zlib.MAX_WBITS | 32
HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `body` is unpacked."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters"""
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        """Whether a page for people came."""
        start = self.body[:64].lstrip().lower()
        return "html" in self.headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html"))


class TooMuch(Exception):
    """The body is longer than any that is wanted."""


async def taken_in(response: httpx.Response, most: int = MOST_BYTES) -> Answer:
    """The whole answer. Raises TooMuch, or httpx.DecodingError for what cannot be unpacked."""
    headers: dict[str, str] = {}
    for name, value in response.headers.raw:
        key, text = name.decode("latin-1").lower(), value.decode(errors="replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    if response.is_stream_consumed:
        body = response.content
        if len(body) > most:
            raise TooMuch(f"more than {most} bytes")
    else:
        body = await _unpacked(response, headers.get("content-encoding", "").strip().lower(), most)
    return Answer(response.status_code, headers, body)


async def _unpacked(response: httpx.Response, encoding: str, most: int) -> bytes:
    if encoding not in {*PACKED, "", "identity"}:
        raise httpx.DecodingError("it is encoded in a way that was not asked for")
    unpack = zlib.decompressobj(EITHER_HEADER) if encoding in PACKED else None
    body = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for piece in response.stream:  # as it comes: what httpx does to pieces takes longer than all of the rest
        body += piece if unpack is None else _more(unpack, piece, most + 1 - len(body))
        if len(body) > most:
            raise TooMuch(f"more than {most} bytes")
    if unpack is not None and body and not unpack.eof:
        raise httpx.DecodingError("its compression is cut short")
    return bytes(body)


def _more(unpack: Any, piece: bytes, room: int) -> bytes:
    """What comes out of a piece, at most `room` bytes."""
    try:
        out: bytes = unpack.decompress(piece, room)
    except zlib.error as error:
        raise httpx.DecodingError(f"its compression is broken ({error})") from None
    return out


def parsed(body: bytes) -> Any:
    """The JSON of a body, strictly: UTF-8, and numbers that are some. Half of a character, which nothing could print,
    keep or send, is shown as the escape that it came as. Raises ValueError or RecursionError."""
    return decoded(body, _parsed)


def _parsed(body: bytes) -> Any:
    text = body.decode("utf-8-sig")
    value = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_integer)
    return _in_characters(value) if HALF_A_CHARACTER.search(text) else value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a valid number")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise ValueError("a number is too large")
    return int(text)


def _in_characters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list):
        return [_in_characters(item) for item in value]
    if isinstance(value, dict):
        return {_in_characters(key): _in_characters(item) for key, item in value.items()}
    return value
