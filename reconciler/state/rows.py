"""Rows as they come from a database, made into our values: checked once, here, so that nobody else has to.

A database may be damaged, edited by hand, or of somebody who means harm. What is not as we write it is a `Damaged`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from sys import intern
from types import MappingProxyType
from typing import Any

from reconciler.decoding import decoded
from reconciler.model import (
    MADE_OF_WORDS,
    CheckScore,
    Operation,
    Recorded,
    Resource,
    Signature,
    Target,
    Trace,
    Verb,
    sections_of,
    trace_from,
)
from reconciler.state.identity import Identity
from reconciler.values import held
from reconciler.wire import ANY_ID

__all__ = [
    "Damaged",
    "handle_from",
    "identity_from",
    "mapping_of",
    "operation_from",
    "placed",
    "recorded_from",
    "score_from",
]

MOST = 1 << 63
VERBS = frozenset({*Verb, "aside"})
"""`aside` is what earlier versions called a rename; their journal may have one that is open."""


class Damaged(ValueError):
    """A row is not as we write it; the text says what is odd."""


def recorded_from(row: Any, declared: Mapping[str, Resource] = MappingProxyType({})) -> Recorded:
    """What was last applied at an address; what is `declared` there alike is held once."""
    address, kind, id, fields, parent_id, protect, deposed, failures, facts = row
    found = mapping_of("fields", fields)
    if (like := declared.get(address)) is not None:
        address = like.address
        for name, value in found.items():
            found[name] = held(value, like.fields.get(name))
    return Recorded(
        _address(address),
        intern(_text("kind", kind)),
        _id("id", id),
        found,
        None if parent_id is None else intern(_id("parent_id", parent_id)),
        _flag("protect", protect),
        _flag("deposed", deposed),
        _whole("failures", failures),
        mapping_of("facts", facts),
    )


def operation_from(row: Any) -> Operation:
    """What was announced; its handle stands in rows of its own."""
    op, run, address, kind, verb, identity, signature, id, since = row
    if verb not in VERBS:
        raise Damaged(f"verb is {_shown(verb)}")
    return Operation(
        _text("op", op),
        _text("run", run),
        _address(address),
        kind if kind == "" else _text("kind", kind),  # version 4 did not name that of an upload: see `placed`
        verb,
        _trace(verb, signature),
        None if identity is None else _text("identity", identity),
        None if id is None else _id("object_id", id),
        since=_moment("since", since),
    )


def score_from(row: Any) -> CheckScore:
    """A part of a check's baseline."""
    address, query, measures, at, container_id, made_of = row
    values = mapping_of("measures", measures)
    for measure, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise Damaged(f"{measure} is {_shown(value)}")
    at = _moment("at", at).isoformat()
    return CheckScore(_address(address), _text("query", query), values, at, _id("container_id", container_id), made_of)


def handle_from(row: Any) -> tuple[str, str, Any]:
    """Op, name and value."""
    op, name, value = row
    return _text("op", op), _text("name", name), _json("value", value)


def placed(row: Any, places: Mapping[str, str]) -> Any:
    """The row. Damaged when one of its kind cannot stand at its address; `places` has the sections of each kind."""
    if not isinstance(row, Recorded | Operation):
        return row
    here = "/".join(sections_of(row.address))
    if isinstance(row, Operation) and not row.kind:
        row = replace(row, kind=next((kind for kind, place in places.items() if place == here), ""))
    if (place := places.get(row.kind)) != here:
        raise Damaged(f"kind is {row.kind!r:.60}, which does not stand there")
    if isinstance(row, Recorded) and row.parent_id is not None and "/" not in place:
        raise Damaged(f"parent_id is {row.parent_id!r}, and it lives in nothing")
    return row


def identity_from(row: Any) -> Identity:
    """Who a stack is."""
    id, account, place, names, rebuild = row
    former = _json("former", names)
    if not isinstance(former, list) or not all(isinstance(name, str) for name in former):
        raise Damaged("former is not a list of names")
    account = None if account is None else _text("account", account)
    place = None if place is None else _text("place", place)
    return Identity(_text("id", id), account, place, tuple(former), _flag("rebuild", rebuild))


def _trace(verb: str, kept: Any) -> Trace:
    """By what an object is known: see `model.operation`."""
    try:
        trace = trace_from(verb, mapping_of("signature", kept))
    except Damaged:
        raise
    except ValueError as error:
        raise Damaged(f"signature {error}") from None
    if isinstance(trace, Target):
        _id("id", trace.id)
    if isinstance(trace, Signature | Target) and trace.parent_id is not None:
        _id("parent_id", trace.parent_id)
    if isinstance(trace, Signature) and trace.size is not None:
        _whole("size", trace.size)
    return trace


def _address(value: Any) -> str:
    parts = _text("address", value).split("/")
    if len(parts) not in (2, MADE_OF_WORDS, 4) or not all(parts):
        raise Damaged(f"address is {_shown(value)}")
    return str(value)


def _id(name: str, value: Any) -> str:
    """It becomes part of a request's path."""
    if not isinstance(value, str) or not ANY_ID.fullmatch(value) or "/" in value:
        raise Damaged(f"{name} is {_shown(value)}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Damaged(f"{name} is {_shown(value)}")
    return value


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -MOST <= value < MOST:
        raise Damaged(f"{name} is {_shown(value)}")
    return value


def _moment(name: str, value: Any) -> datetime:
    try:
        when = datetime.fromisoformat(_text(name, value))
    except ValueError:
        raise Damaged(f"{name} is {_shown(value)}") from None
    if when.tzinfo is None:
        raise Damaged(f"{name} is {_shown(value)}")
    return when


def _flag(name: str, value: Any) -> bool:
    if value is not True and value is not False and not (type(value) is int and value in (0, 1)):
        raise Damaged(f"{name} is {_shown(value)}")
    return bool(value)


def mapping_of(name: str, value: Any) -> dict[str, Any]:
    """A text as the mapping that is written in it."""
    found = _json(name, value)
    if not isinstance(found, dict):
        raise Damaged(f"{name} is {_shown(value)}")
    return found


def _json(name: str, value: Any) -> Any:
    try:
        return decoded(_text(name, value), _decode)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} is not JSON of ours ({str(error)[:80]})") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a valid number")


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
