"""Whether an exchange is as the vendor's contract has it, and if not, which divergence allows that."""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

from reconciler.emulator import Exchange
from tests.contracts.types import Check, Notes, Types, anything

__all__ = ["Contract", "Divergence", "Violation"]

HERE = Path(__file__).parent
UNREAD = frozenset({401, 429})
"""Answers that were given before the body was looked at."""
ANSWERED_BY_FAULT = frozenset({"status", "rate_limit"})
OURS = "reconciler/"
EVENT, DATA = b"event: ", b"data: "


@dataclass(frozen=True, slots=True)
class Divergence:
    """What may differ from the contract: in which operations, where in them, what is found there, and why."""

    operations: str
    at: str
    found: str
    reason: str
    body: Any = None
    """For a status that the contract does not list: what its body is."""
    vintage: str = "*"
    """Only by this of the contracts that the emulator can follow."""

    def covers(self, operation: str, at: str, found: str, vintage: str) -> bool:
        return (
            self.vintage in ("*", vintage)
            and _like(found, self.found)
            and _like(at, self.at)
            and _like(operation, self.operations)
        )

    def __str__(self) -> str:
        return f"{self.operations}: {self.at}: {self.found}"


@lru_cache(maxsize=4096)
def _like(text: str, pattern: str) -> bool:
    """A star stands for anything; brackets stand for themselves."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that no divergence allows."""

    operation: str
    at: str
    found: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.at}: {self.found}"


@dataclass(slots=True)
class Operation:
    """The checks of one operation, made when it is first seen."""

    answers: Mapping[str, Check | None]
    query: Callable[[list[tuple[str, Any]], Notes], None]
    form: Callable[[list[tuple[str, Any]], Notes], None] | None
    json: Check | None


@dataclass
class Contract:
    """The facts, the divergences, and how often each of these was needed."""

    facts: Mapping[str, Any]
    operations: dict[str, Mapping[str, Any]]
    divergences: tuple[Divergence, ...]
    not_served: Mapping[str, str]
    beyond: Mapping[str, str]
    used: Counter[int] = field(default_factory=Counter)
    _made: dict[str, Operation] = field(default_factory=dict)
    _known: dict[tuple[str, str, str, str], int | None] = field(default_factory=dict)
    _bodies: dict[int, Check | None] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Contract:
        facts = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))
        given = yaml.safe_load((HERE / "divergences.yaml").read_text(encoding="utf-8"))
        more = {entry.pop("operation"): entry for entry in given["served beyond the contract"]}
        reasons = {name: entry.pop("reason") for name, entry in more.items()}
        lacking = {name: entry["reason"] for entry in given["not served"] for name in entry["operations"]}
        divergences = tuple(each for entry in given["divergences"] for each in _divergences(entry))
        return cls(facts, {**facts["operations"], **more}, divergences, lacking, reasons)

    def __post_init__(self) -> None:
        self.types = Types(self.facts["types"])

    # -- one exchange

    def judge(self, exchange: Exchange, vintage: str) -> list[Violation]:
        """What of an exchange neither the contract nor a divergence has; nothing, if the operation is not theirs.

        Our own requests have no divergences: the vendor would have to take them too. What others sent is held against
        the contract if it was taken, for then a stricter vendor would have refused it.
        """
        name, ours = exchange.route, exchange.client.startswith(OURS)
        answered = exchange.status is not None and not ANSWERED_BY_FAULT.intersection(exchange.faults)
        if ours and answered and name not in self.facts["operations"] and " /_storage/" not in name:
            return [Violation(name, "request", "not in the contract")]
        if name not in self.operations:
            return []
        operation = self._operation(name)
        notes: Notes = []
        if ours or (answered and exchange.status is not None and exchange.status < 400):
            self._request(operation, exchange, notes)
        found = self._left(name, notes, "" if ours else vintage)
        if answered and exchange.status is not None:
            found += self._answer(name, operation, exchange.status, exchange.response_body, vintage)
        return found

    def _request(self, operation: Operation, exchange: Exchange, notes: Notes) -> None:
        operation.query(parse_qsl(exchange.query, keep_blank_values=True) if exchange.query else [], notes)
        if exchange.status in UNREAD or ANSWERED_BY_FAULT.intersection(exchange.faults):
            return
        if "drop_before" in exchange.faults:
            return
        if operation.form is not None:
            if exchange.request_type != "multipart/form-data":
                notes.append(("request", f"type {exchange.request_type or 'none'}"))
            operation.form(_pairs(exchange.request_body, notes), notes)
        elif operation.json is not None:
            if exchange.request_type != "application/json":
                notes.append(("request", f"type {exchange.request_type or 'none'}"))
            try:
                operation.json(json.loads(exchange.request_body), notes)
            except ValueError:
                notes.append(("request", "no JSON"))

    def _answer(self, name: str, operation: Operation, status: int, body: bytes, vintage: str) -> list[Violation]:
        at = str(status)
        check: Check | None
        if at in operation.answers:
            check = operation.answers[at]
        else:
            position = self._position(name, at, "status", vintage)
            if position is None:
                return [Violation(name, at, "status")]
            check = self._body(position, at)
        notes: Notes = []
        _look(check, at, body, notes)
        return self._left(name, notes, vintage)

    def _left(self, name: str, notes: Notes, vintage: str) -> list[Violation]:
        """What is left when the divergences that are known have been taken out, and counted; none without a vintage."""
        return [
            Violation(name, at, found)
            for at, found in dict.fromkeys(notes)
            if not vintage or self._position(name, at, found, vintage) is None
        ]

    def _position(self, name: str, at: str, found: str, vintage: str) -> int | None:
        key = (name, at, found, vintage)
        if key not in self._known:
            covering = (n for n, each in enumerate(self.divergences) if each.covers(*key))
            self._known[key] = next(covering, None)
        position = self._known[key]
        if position is not None:
            self.used[position] += 1
        return position

    def _body(self, position: int, at: str) -> Check | None:
        if position not in self._bodies:
            self._bodies[position] = self._expected(self.divergences[position].body, at)
        return self._bodies[position]

    def _expected(self, body: Any, at: str) -> Check | None:
        """What looks at a body; None if there must not be one."""
        return None if body is None else self.types.check(body, at)

    def _operation(self, name: str) -> Operation:
        if name not in self._made:
            facts = self.operations[name]
            answers = facts["answers"].items()
            form = facts.get("form")
            self._made[name] = Operation(
                answers={str(s): self._expected(body, str(s)) for s, body in answers},
                query=self.types.texts(facts.get("query", {}), "query"),
                form=None if form is None else self.types.texts(form, "form"),
                json=self.types.check(facts["json"], "json") if "json" in facts else None,
            )
        return self._made[name]


def _divergences(given: Mapping[str, Any]) -> Iterator[Divergence]:
    """One for each operation and each thing found, so that each of them must occur."""
    for operations in _several(given["operations"]):
        for found in _several(given["found"]):
            yield Divergence(
                operations=operations,
                at=str(given["at"]),
                found=found,
                reason=given["reason"],
                body=given.get("body"),
                vintage=given.get("vintage", "*"),
            )


def _several(given: str | list[str]) -> list[str]:
    return given if isinstance(given, list) else [given]


def _pairs(body: bytes, notes: Notes) -> list[tuple[str, Any]]:
    """The fields of a form, as the log has them."""
    try:
        return [(name, value) for name, value in json.loads(body)]
    except (ValueError, TypeError):
        notes.append(("request", "no form"))
        return []


def _look(check: Check | None, at: str, body: bytes, notes: Notes) -> None:
    if check is anything:
        return
    if check is None or not body:
        if bool(body) != (check is not None):
            notes.append((at, "body" if body else "empty"))
        return
    if body.startswith(EVENT):
        _lines(check, at, b"\n".join(_told(body)), notes)
        return
    try:
        value = json.loads(body)
    except ValueError:
        notes.append((at, "lines"))
        _lines(check, at, body, notes)
        return
    check(value, notes)


def _told(body: bytes) -> Iterator[bytes]:
    """The documents of a stream of events, but for the word at its end."""
    for line in body.splitlines():
        if line.startswith(DATA) and line != DATA + b"[DONE]":
            yield line.removeprefix(DATA)


def _lines(check: Check, at: str, body: bytes, notes: Notes) -> None:
    """One JSON document a line."""
    try:
        for line in body.splitlines():
            check(json.loads(line), notes)
    except ValueError:
        notes.append((at, "no JSON"))
