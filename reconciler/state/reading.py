"""What a state says, as our values: its rows are read, checked and made into them here.

What is asked of the tables is SQL that both databases read, so that a file which is only read needs nothing else
(`quick`), until something needs more: then the database itself is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.errors import StateError
from reconciler.model import CheckScore, Operation, Recorded, Resource
from reconciler.state.history import KnownDrift, LastTold, RunRow, drift_from_row, run_from, told_from_row
from reconciler.state.identity import Identity
from reconciler.state.quick import NotQuick, Quick
from reconciler.state.rows import Damaged, handle_from, identity_from, operation_from, placed, score_from
from reconciler.state.usual import UsualRows

if TYPE_CHECKING:
    from reconciler.state.database import Database

__all__ = ["StateRows", "stamped"]

T = TypeVar("T")

ANEW = "which forgets all rows of this stack and makes them anew from the account"
SAFE: Mapping[str, str] = (
    dict.fromkeys(
        ("resources", "operations", "handles"),
        f"Nothing in the account was touched. Restore a copy of the state; or run `reconciler state rebuild`, {ANEW}",
    )
    | dict.fromkeys(
        ("stacks", "runs", "drifts", "told"),
        "Nothing in the account was touched. Restore a copy of the state; or move it away and rebuild it",
    )
    | {"checks": "Run `reconciler check --record` to make the baseline of its checks anew"}
)
"""What is safe and what to run, when a row of a table is damaged."""

UNSEEN_FOR = timedelta(minutes=10)
"""So long a new object that reads do not show counts as there: lists and answers by id may lag behind writes."""


class StateRows:
    """The rows of one stack."""

    def __init__(
        self, stack: str, opening: Callable[[], Database], now: Callable[[], datetime], only_read: Quick | None
    ) -> None:
        self.places: Mapping[str, str] | None = None
        """kind → the sections that it stands in, as `indexes/assets`: who knows the kinds says so, and rows that cannot
        be are damage then."""
        self.declared: Mapping[str, Resource] = {}
        """What the stack declares, by address: what is recorded alike is held once."""
        self._stack = stack
        self._opening = opening
        self._opened = None if only_read else opening()
        self._quick = only_read
        """What reads the state until something needs more than that."""
        self._is_closed = False
        self._now = now
        self._mutex = threading.RLock()
        self._user: int | None = None
        """The thread that is inside a call."""

    @property
    def _store(self) -> Database:
        """The database itself, opened when it is needed."""
        if self._opened is None:
            if self._is_closed:
                raise StateError(f"the state of stack {self._stack!r} is closed")
            self._opened = self._opening()
            self._leave_quick()
        return self._opened

    @property
    def _far(self) -> bool:
        """Whether the database answers over a network, and may hang."""
        return self._opened is not None and self._opened.far

    @property
    def exists(self) -> bool:
        """Whether this stack was ever applied with this state."""
        return any(self._rows("stack", table, "LIMIT 1") for table in ("runs", "resources"))

    def identity(self) -> Identity | None:
        """Who the stack is; None when nothing was ever written of it."""
        return next(iter(self._made_of(identity_from, "id, account, place, former, rebuild", "stacks")), None)

    def neighbours(self, place: str) -> dict[str, int]:
        """Other stacks of this state that were declared in the same place → how many objects of them are recorded."""
        query = (
            "SELECT r.stack, COUNT(*) FROM reconciler_resources r JOIN reconciler_stacks s ON s.stack = r.stack "
            "WHERE r.stack <> :stack AND (s.place = :place OR s.place IS NULL) GROUP BY r.stack ORDER BY r.stack"
        )
        return dict(map(tuple, self._read(query, place=place)))

    def recorded(self, *, legible: bool = False) -> list[Recorded]:
        """All that we own, by address, deposed ones included. `legible`: without the rows that are damaged."""
        columns = "address, kind, id, fields, parent_id, protect, deposed, failures, facts"
        make = UsualRows(self.declared, self.places)
        return self._made_of(make, columns, "resources", "ORDER BY address, id", legible)

    def ids(self) -> dict[str, str]:
        """address → id of what is recorded there, without a look at the rest of it."""
        rows = self._rows("address, id", "resources", "AND NOT deposed")
        return {str(address): str(id) for address, id in rows}

    def operations(self, *, legible: bool = False) -> list[Operation]:
        """What was announced and is not concluded, oldest first."""
        return self._announced("", legible)

    def operation(self, op: str) -> Operation | None:
        """The one that is called so, if it is not concluded."""
        return next(iter(self._announced("AND op = :op", op=op)), None)

    def _announced(self, which: str, legible: bool = False, **given: Any) -> list[Operation]:
        columns = "op, run, address, kind, verb, identity, signature, object_id, since"
        made = self._made_of(self._operation, columns, "operations", f"{which} ORDER BY seq", legible, **given)
        told: dict[str, dict[str, Any]] = {}
        handles = self._made_of(handle_from, "op, name, value", "handles", which, legible, **given) if made else ()
        for op, name, value in handles:
            told.setdefault(op, {})[name] = value
        return [replace(it, handle=told.get(it.op, {})) if it.id or it.op in told else it for it in made]

    def baselines(self) -> list[CheckScore]:
        """What was recorded of search checks, by check and query."""
        columns = "address, query, measures, at, container_id, made_of"
        return self._made_of(score_from, columns, "checks", "ORDER BY address, query")

    def unseen(self) -> frozenset[str]:
        """Ids of what was made so short a time ago that a read which does not show it proves nothing."""
        made = self._rows("id, since", "unseen")
        lately = stamped(self._now() - UNSEEN_FOR)
        return frozenset(str(id) for id, since in made if str(since) >= lately)

    def unseen_since(self) -> dict[str, datetime]:
        """The same, however long ago: id → when it was made. Who ends in good order leaves only what it never saw."""
        return {str(id): datetime.fromisoformat(str(since)) for id, since in self._rows("id, since", "unseen")}

    def runs(self) -> list[RunRow]:
        """All runs, the last one first."""
        columns = "run, command, who, host, pid, started, ended, result, requests, writes, counts"
        return self._made_of(run_from, columns, "runs", "ORDER BY started DESC, run DESC")

    def known_drift(self) -> KnownDrift | None:
        """What `note_drift` noted last."""
        return next(iter(self._made_of(drift_from_row, "at, digest, addresses", "drifts")), None)

    def last_told(self) -> list[LastTold]:
        """What each target of notifications was told last, of each subject."""
        return self._made_of(told_from_row, "target, subject, at, digest, what", "told")

    def _leave_quick(self) -> None:
        if self._quick is not None:
            self._quick.close()
            self._quick = None

    @contextmanager
    def _using(self) -> Iterator[None]:
        with self._mutex:
            outer, self._user = self._user, threading.get_ident()
            try:
                yield
            finally:
                self._user = outer

    def _rows(self, columns: str, table: str, rest: str = "", **given: Any) -> Sequence[Any]:
        """Rows of the stack, with these columns of a table."""
        return self._read(_of_the_stack(columns, table, rest), **given)

    def _read(self, query: str, **given: Any) -> Sequence[Any]:
        """What a query gives that both databases read."""
        return self._asked(list, query, **given)

    def _asked(self, make: Callable[[Iterable[Any]], Sequence[T]], query: str, **given: Any) -> Sequence[T]:
        """What is made of the rows that a query gives."""
        words = {"stack": self._stack, **given}
        with self._using():
            if self._quick is not None:
                with suppress(NotQuick):
                    return make(self._quick.each(query, words))
            return make(self._store.read(query, words))

    def _made_of(
        self,
        make: Callable[[Any], T],
        columns: str,
        table: str,
        rest: str = "",
        legible: bool = False,
        **given: Any,
    ) -> list[T]:
        def made(rows: Iterable[Any]) -> list[T]:
            found: list[T] = []
            for row in rows:
                try:
                    found.append(make(row))
                except Damaged as error:
                    if not legible:
                        raise self._damaged(dict(zip(columns.split(", "), row, strict=True)), table, error) from None
            return found

        return [*self._asked(made, _of_the_stack(columns, table, rest), **given)]

    def _damaged(self, row: Mapping[str, Any], table: str, error: Damaged) -> StateError:
        which = row.get("address", row.get("op", "that says who the stack is"))
        odd = f"table reconciler_{table}, the row {which!r:.80}: {error}"
        return StateError(f"the state at {self._store.shown} is damaged: {odd}. {SAFE[table]}")

    def _operation(self, row: Any) -> Operation:
        made = operation_from(row)
        return made if self.places is None else placed(made, self.places)


def _of_the_stack(columns: str, table: str, rest: str) -> str:
    return f"SELECT {columns} FROM reconciler_{table} WHERE stack = :stack {rest}"  # noqa: S608 - words of ours


def stamped(moment: datetime) -> str:
    """A point in time as it is kept."""
    return moment.isoformat(timespec="milliseconds")
