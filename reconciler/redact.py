"""What may not be shown and what may not act, in one place: every text that leaves for people passes here.

Two things are taken care of. **Secrets**: a value that came from the environment is a `Secret`, which `mask` writes as
its template; and what is known to be secret (`learn`) is found again in whatever others send back, in any usual
spelling. **Neutral text**: `plain` shows what would act on a terminal, a page, or the machine that runs a pipeline, or
what nobody could see, as escapes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus, unquote

__all__ = [
    "HIDDEN",
    "MASKED",
    "Learned",
    "Redactor",
    "Secret",
    "as_declared",
    "digits_of",
    "escaped_json",
    "forget",
    "hidden",
    "holds_secret",
    "knows",
    "learn",
    "mask",
    "passwords_in",
    "plain",
    "recalled",
    "redacted",
    "unmask",
    "with_templates",
    "without_known",
]

HIDDEN = "(not shown)"
STANDS_IN = "***"
UNKNOWN = "?"
"""Digits that no value has: of a secret that was kept without any."""
SHORTEST = 4
"""A shorter secret is in too many words to be looked for."""
SHORTEST_KNOWN = 8
"""The same for what is looked for in everything: hiding `true` or `2024` everywhere would hide what changes."""


class Secret(str):
    """A string that holds a value from the environment; `template` is what the YAML said, and all that may be shown.

    It is a `str`, so it is sent as it is; whatever prints or keeps a value passes it through `mask` first. `digits`
    are there when its value is not known any more: those of the one that was applied, see `digits_of`.
    """

    __slots__ = ("digits", "template")
    template: str
    digits: str

    def __new__(cls, value: str, template: str, digits: str = "") -> Secret:
        """The value, with what is shown in its place."""
        made = super().__new__(cls, value)
        made.template, made.digits = template, digits
        return made

    def __reduce__(self) -> NoReturn:
        """A pickle is bytes that are written, and no secret is in those: the value would have to be in it."""
        raise TypeError(f"a secret ({self.template}) cannot be pickled; load the stack where it is needed")


def digits_of(value: str) -> str:
    """Eight bits of a secret's digest: enough to tell that a variable was given another value since it was applied,
    far too few to find the value by them."""
    return hashlib.sha256(b"reconciler\n" + value.encode(errors="surrogatepass")).hexdigest()[:2]


def recalled(recorded: Any, other: Any) -> Any:
    """What was recorded, each secret in it whose value is not known any more as `other` has it, if its digits fit."""
    if isinstance(recorded, Secret):
        known = not recorded.digits or not isinstance(other, str) or digits_of(other) != recorded.digits
        return recorded if known else Secret(other, recorded.template)
    if isinstance(recorded, Mapping) and isinstance(other, Mapping):
        return {key: recalled(item, other.get(key)) for key, item in recorded.items()}
    if isinstance(recorded, list) and isinstance(other, list | tuple) and len(recorded) == len(other):
        return [recalled(item, there) for item, there in zip(recorded, other, strict=True)]
    return recorded


def hidden(value: Any) -> Secret:
    """A value that may be an older secret, so that it is compared as it is and never shown."""
    return Secret(value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str), HIDDEN)


def holds_secret(value: Any) -> bool:
    """Whether anything in a JSON value comes from the environment."""
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return any(map(holds_secret, value)) if isinstance(value, list | tuple) else isinstance(value, Secret)


def as_declared(live: Any, declared: Any) -> Any:
    """A live value; as a secret where one is declared, for it is that one, or an older one."""
    if isinstance(declared, Secret):
        return Secret(live, declared.template) if isinstance(live, str) else hidden(live)
    if isinstance(live, Mapping) and isinstance(declared, Mapping):
        return {key: as_declared(item, declared.get(key)) for key, item in live.items()}
    return hidden(live) if live is not None and holds_secret(declared) else live


def with_templates(text: str, value: Any) -> str:
    """A message of somebody else's about a value: each secret of the value in it as its template."""
    if isinstance(value, Secret):
        # As it is, and as Python and JSON write it between quotes.
        for form in {str(value), repr(str(value))[1:-1], json.dumps(value)[1:-1]} - {""}:
            text = text.replace(form, value.template)
        return text
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in inner:
        text = with_templates(text, item)
    return text


_MARK = "$env"
"""The key of a masked `Secret`. A mapping of the user's with such a key, and no other, gets one `$` more."""
_SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types that hold no secret: a `Secret` is a text of a type of its own."""


def mask(value: Any, *, keep: bool = False) -> Any:
    """The same JSON value with each `Secret` as `{"$env": template}`: fit for plans, logs and errors.

    To `keep` it, for the state, its digits come along: `{"$env": [template, digits]}`.
    """
    if type(value) in _SCALARS:  # nearly all that comes, and told in a tenth of the time
        return value
    if isinstance(value, Secret):
        return {_MARK: [value.template, value.digits or digits_of(value)] if keep else value.template}
    if isinstance(value, Mapping):
        extra = "$" if _is_mark(value) else ""
        return {f"{extra}{key}" if extra else key: mask(item, keep=keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item, keep=keep) for item in value]
    return value


def unmask(value: Any, resolve: Callable[[str], str]) -> Any:
    """The inverse of `mask`; `resolve` gives a template's text with the environment filled in.

    Where it raises KeyError, because a variable is gone or closed by now, or gives another value than the one that was
    kept, the template stands for the value.
    """
    if isinstance(value, Mapping):
        if _is_mark(value):
            (key, item), *_ = value.items()
            if key != _MARK:
                return {key[1:]: unmask(item, resolve)}
            match item:
                case [str(template), str(digits)]:
                    return _resolved(template, resolve, digits)
                # What an earlier version kept of a user's own `$env` is no template.
                case str(template) if "${" in template or template == HIDDEN:
                    return _resolved(template, resolve)
        return {key: unmask(item, resolve) for key, item in value.items()}
    if isinstance(value, list):
        return [unmask(item, resolve) for item in value]
    return value


class _Masked:
    """In `Annotated[…, MASKED]`: what stands here is masked where it is saved as JSON, and unmasked when it is read.

    The value itself says so, because a pattern over finished JSON could not tell a secret from a user's own `$env`.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        def read(value: Any, check: Callable[[Any], Any]) -> Any:
            value = unmask(value, str)
            check(value)
            return value  # as it is: what was checked may have become a copy that does not know of secrets

        return core_schema.no_info_wrap_validator_function(
            read, handler(source), serialization=core_schema.plain_serializer_function_ser_schema(mask)
        )


MASKED = _Masked()


def _is_mark(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and re.fullmatch(r"\$+env", str(next(iter(value)))) is not None


def _resolved(template: str, resolve: Callable[[str], str], digits: str = "") -> Secret:
    try:
        value = resolve(template)
    except KeyError:
        return Secret(template, template, digits or UNKNOWN)
    fits = not digits or digits_of(value) == digits
    return Secret(value, template) if fits else Secret(template, template, digits)


# Secrets in what others say


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
    yield from {secret, secret.strip(), secret.removeprefix("Bearer ")}
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret))
    data = secret.encode(errors="surrogatepass")
    if len(data) >= 8:
        yield data.hex()
        yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """What base64 of any text with these bytes in it must contain, wherever in a group of three they begin."""
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


# Neutral text

_FILLERS = (
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0\\U000e0100-\\U000e01ef"
)
_UNSEEN = re.compile(f"[{_FILLERS}]")
"""Printable by their category, and nothing to be seen: fillers, joiners, variation selectors."""
_COMMAND = re.compile(r"##(\w*)\[")
_COMMAND_AT_START = re.compile(r"(^|\s):(?=:)")
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text: str) -> str:
    """A text of others on one line, without secrets, that does nothing and hides nothing.

    Shown as escapes: control characters and line breaks, what turns the direction of writing, what has no width, halves
    of characters, blanks that are none, and letters composed in an unusual way, which look like others. Broken up: what
    runners of pipelines take for commands, `##[…` anywhere in a line and `::` at its start.
    """
    text = redacted(text)
    if text.isascii() and text.isprintable():
        return text if "##" not in text and "::" not in text else _without_commands(text)
    composed = unicodedata.is_normalized("NFC", text)
    if not (composed and _all_seen(text)):
        text = "".join(_escaped(char, composed) for char in text)
    return _without_commands(text)


def _without_commands(text: str) -> str:
    return _COMMAND_AT_START.sub(r"\1\\u003a", _COMMAND.sub(r"##\1\\u005b", text))


def _escaped(char: str, composed: bool) -> str:
    if _is_seen(char) and (composed or not _composes(char)):
        return char
    return _NAMES.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")


def _composes(char: str) -> bool:
    """Whether it is part of a letter that is usually one character, or looks like one that is."""
    jamo = "\u1100" <= char <= "\u11ff"
    return jamo or unicodedata.combining(char) > 0 or unicodedata.normalize("NFC", char) != char


def _is_seen(char: str) -> bool:
    return char.isprintable() and not _UNSEEN.match(char)


def _all_seen(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _UNSEEN.search(text))


def escaped_json(text: str) -> str:
    """JSON that means the same, safe to be printed: what `plain` would escape is escaped as JSON has it."""
    lines = (line if _all_seen(line) else "".join(map(_json_escaped, line)) for line in text.split("\n"))
    return _COMMAND.sub(r"##\1\\u005b", "\n".join(lines))


def _json_escaped(char: str) -> str:
    return char if _is_seen(char) else f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]
