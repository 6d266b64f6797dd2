"""Values that came from the environment: strings that are sent as they are and written as their template. Pure.

What is known after apply is written by the same two functions, for it stands wherever a secret may stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from reconciler.later import Later

__all__ = [
    "HIDDEN",
    "MASKED",
    "Secret",
    "as_declared",
    "digits_of",
    "hidden",
    "holds_secret",
    "mask",
    "recalled",
    "unmask",
    "with_templates",
]

HIDDEN = "(not shown)"
UNKNOWN = "?"
"""Digits that no value has: of a secret that was kept without any."""


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
    import hashlib  # here and in `known`: help has no secrets, and is to be there at once

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
_LATER = "$known_after_apply"
"""The same for what is known after apply."""
_MARKS = re.compile(r"\$+(env|known_after_apply)")
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
    if isinstance(value, Later):
        return {_LATER: {"from": value.address, "at": value.pointer}}
    if isinstance(value, Mapping):
        extra = "$" if _is_mark(value) else ""
        return {f"{extra}{key}" if extra else key: mask(item, keep=keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item, keep=keep) for item in value]
    return value


def unmask(value: Any, resolve: Callable[[str], str]) -> Any:
    """The inverse of `mask`; `resolve` gives a template's text with the environment filled in.

    Where it raises KeyError, because a variable is gone or closed by now, or gives another value than the one that was
    kept, the template stands for the value. What nothing was masked in is given back as it is.
    """
    return _unmasked(value, resolve) if _is_masked(value) else value


def _is_masked(value: Any) -> bool:
    """Whether a mark stands somewhere in it."""
    if isinstance(value, Mapping):
        if _is_mark(value):
            return True
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return False
    # All types are looked at by one call: nearly always there are none but these.
    return not _SCALARS.issuperset(map(type, value)) and any(map(_is_masked, value))


def _unmasked(value: Any, resolve: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        if _is_mark(value):
            (key, item), *_ = value.items()
            if key not in (_MARK, _LATER):
                return {key[1:]: _unmasked(item, resolve)}
            match item:
                case {"from": str(address), "at": str(pointer)} if key == _LATER:
                    return Later(address, pointer)
                case [str(template), str(digits)]:
                    return _resolved(template, resolve, digits)
                # What an earlier version kept of a user's own `$env` is no template.
                case str(template) if "${" in template or template == HIDDEN:
                    return _resolved(template, resolve)
        return {key: _unmasked(item, resolve) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmasked(item, resolve) for item in value]
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
    return len(value) == 1 and _MARKS.fullmatch(str(next(iter(value)))) is not None


def _resolved(template: str, resolve: Callable[[str], str], digits: str = "") -> Secret:
    try:
        value = resolve(template)
    except KeyError:
        return Secret(template, template, digits or UNKNOWN)
    fits = not digits or digits_of(value) == digits
    return Secret(value, template) if fits else Secret(template, template, digits)
