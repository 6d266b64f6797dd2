"""Secrets in what others say: found again in any usual spelling, and taken out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from reconciler.redact.secrets import hidden

__all__ = ["Learned", "Redactor", "forget", "knows", "learn", "passwords_in", "redacted", "without_known"]

STANDS_IN = "***"
SHORTEST = 4
"""A shorter secret is in too many words to be looked for."""
SHORTEST_KNOWN = 8
"""The same for what is looked for in everything: hiding `true` or `2024` everywhere would hide what changes."""


class Redactor:
    """Takes secrets out of a text: as they are, in any case, and as JSON, URLs, HTML, hex and base64 write them.

    A secret that was cut off is found by its first or last half. A text in which one still stands in some other
    spelling is not shown at all.
    """

    __slots__ = ("_forms", "_parts", "_secrets", "_shortest")

    def __init__(self, secrets: Iterable[str] = (), shortest: int = SHORTEST) -> None:
        self._shortest = shortest
        self._secrets = {str(it) for it in secrets if len(_squeezed(it)) >= shortest}
        self._forms: list[str] | None = None
        self._parts: list[str] | None = None

    def and_also(self, secrets: Iterable[str]) -> Redactor:
        """One that hides these too."""
        return Redactor((*self._secrets, *secrets), self._shortest)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not self.finds(text):
            return text
        text = self._replaced(text)
        if not self._stands_in(text, whole=True) and not self.finds(text := self._without_halves(text)):
            return text
        return f"({STANDS_IN}: not shown, it holds a secret)"

    def literally(self, text: str) -> str:
        """The text without the usual spellings: for a long one, of which all else has to stay."""
        return self._without_halves(self._replaced(text)) if self.finds(text) else text

    def finds(self, text: str) -> bool:
        """Whether a secret, or half of one, stands in it in any spelling."""
        return bool(self._secrets) and len(text) >= self._shortest and self._stands_in(text, whole=False)

    def _replaced(self, text: str) -> str:
        for form in self._spellings():
            if _low(form) in _low(text):
                text = re.sub(re.escape(form), STANDS_IN, text, flags=re.IGNORECASE)
        return text

    def _without_halves(self, text: str) -> str:
        for form in self._spellings():
            text = _without_rest(text, form)
        return text

    def _stands_in(self, text: str, *, whole: bool) -> bool:
        sought = map(_squeezed, self._spellings()) if whole else self._sought()
        here = [*_readings(text)]
        return any(part in reading for part in sought for reading in here)

    def _spellings(self) -> list[str]:
        if self._forms is None:
            self._forms = sorted({form for it in self._secrets for form in _spelled(it)}, key=len, reverse=True)
        return self._forms

    def _sought(self) -> list[str]:
        if self._parts is None:
            self._parts = sorted({_squeezed(half) for form in self._spellings() for half in _halves(form)} - {""})
        return self._parts


def _spelled(secret: str) -> Iterator[str]:
    import html

    yield from {secret, secret.strip(), secret.removeprefix("Bearer ")}
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret))
    data = secret.encode(errors="surrogatepass")
    if len(data) >= 8:
        yield data.hex()
        yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """What base64 of any text with these bytes in it must contain, wherever in a group of three they begin."""
    import base64

    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        padded = bytes(before) + data
        sure = slice(unsure, len(padded) * 8 // 6)
        yield base64.b64encode(padded).decode()[sure]
        yield base64.urlsafe_b64encode(padded).decode()[sure]


def _halves(form: str) -> tuple[str, ...]:
    half = max(8, (len(form) + 1) // 2)
    low = _low(form)
    return (low,) if half >= len(form) else (low[:half], low[-half:])


def _readings(text: str) -> Iterator[str]:
    """The text as it is, and as whoever undoes escapes would read it."""
    yield _squeezed(text)
    if "%" in text or "\\" in text or "&" in text:
        import html

        yield _squeezed(_unescaped(html.unescape(unquote(text, errors="replace"))))


def _squeezed(text: str) -> str:
    """In small letters and without blanks, line breaks, and the `+` that is a blank in a form."""
    return "".join(_low(text).replace("+", " ").split())


def _low(text: str) -> str:
    """In small letters, each where it was."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(it if len(it := char.lower()) == 1 else char for char in text)


_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def _unescaped(text: str) -> str:
    def char(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _NAMED.get(match[3], match[3])

    return _ESCAPE.sub(char, text)


def _without_rest(text: str, form: str) -> str:
    """The text without what is left of a spelling that was cut off at its end, or at its beginning."""
    low, halves = _low(form), _halves(form)
    if len(halves) == 1:
        return text
    start, end = halves
    while (at := _low(text).find(start)) >= 0:
        size = next((n for n in range(len(low), len(start), -1) if _low(text[at : at + n]) == low[:n]), len(start))
        text = text[:at] + STANDS_IN + text[at + size :]
    while (at := _low(text).find(end)) >= 0:
        to = at + len(end)
        size = next((n for n in range(len(low), len(end), -1) if _low(text[max(to - n, 0) : to]) == low[-n:]), len(end))
        text = text[: to - size] + STANDS_IN + text[to:]
    return text


_known = Redactor(shortest=SHORTEST_KNOWN)


def learn(*secrets: str | None) -> None:
    """From now on these are hidden in all that this process says: keys, passwords, values from the environment.

    Kept for the process, as a pipeline masks what it was told: whoever prints cannot know what was read long before.
    """
    global _known
    if new := {it for it in secrets if it and it not in _known._secrets}:
        _known = _known.and_also(new)


class Learned(Mapping[str, str]):
    """The environment; what is read of it is secret from then on."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        learn(self._values[name])
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def forget() -> None:
    """Begin anew: what was learned belongs to one command."""
    global _known
    _known = Redactor(shortest=SHORTEST_KNOWN)


def passwords_in(*urls: str) -> Iterator[str]:
    """What in a URL is nobody's business: of a state, of a proxy."""
    for url in urls:
        authority = url.partition("://")[2].partition("/")[0]
        user, at, _ = authority.rpartition("@")
        if at and (password := user.partition(":")[2]):
            yield from (password, unquote(password, errors="replace"))


def redacted(text: str) -> str:
    """One thing that is said, without what is known to be secret."""
    return _known(text) if _known else text


def without_known(live: Any) -> Any:
    """A live value that is to be recorded: what is known to be secret in it is not to be shown or kept."""
    if not _known:
        return live
    if isinstance(live, Mapping):
        return {redacted(key): without_known(item) for key, item in live.items()}
    if isinstance(live, list | tuple):
        return [without_known(item) for item in live]
    return hidden(live) if isinstance(live, str) and knows(live) else live


def knows(text: str) -> bool:
    """Whether what is known to be secret stands somewhere in it."""
    return _known.finds(text)
