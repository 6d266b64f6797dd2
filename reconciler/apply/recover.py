"""The one recogniser: what an interrupted run had announced and not concluded came to this. Pure.

A create is known by its handle, or looked for in what was read by its signature; what it made is adopted. What goes on
is in flight: which address it is for is a question of ownership, like that of any object. Of a change only this is
known: the fields that it was about are no longer as recorded, so they are taken as unknown and compared with git alone.
A delete, or letting go of something, is planned again as far as it was not done: what is there decides, no row has to
be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace

from reconciler.apply.awaited import seen
from reconciler.apply.record import made
from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import Live, Operation, Recorded, Signature, Stack, Target, Touched, Verb
from reconciler.ownership import Claims
from reconciler.provider import Done, Exists, Failed, Lost, Running
from reconciler.refresh.operations import Looked
from reconciler.state import Close, Keep, Put, Write

__all__ = ["Recovered", "found_late", "recover", "told"]


@dataclass(slots=True)
class Recovered:
    """What is known by now."""

    rows: dict[tuple[str, str], Recorded]
    """(address, id) → as it will be recorded when the writes are done"""
    current: dict[str, Recorded] = field(init=False)
    """address → the row of what is there now"""
    writes: list[Write] = field(default_factory=list)
    """What is to be recorded before anything else."""
    unresolved: list[Operation] = field(default_factory=list)
    """Creates of which nothing is to be seen yet: to be looked for once more, under the lock."""
    noticed: list[Write] = field(default_factory=list)
    """What is to be recorded of what was awaited and is not any more. The rows have it already, so a plan that is made
    of them is good."""
    notes: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.current = {row.address: row for row in self.rows.values() if not row.deposed}

    @property
    def recorded(self) -> list[Recorded]:
        """All rows."""
        return list(self.rows.values())

    def write(self, *writes: Write) -> None:
        """Add them, and what they mean for the rows."""
        self.writes += writes
        self._mean(writes)

    def note_seen(self, *writes: Write) -> None:
        """The same for what was awaited: nothing else has to be looked for because of it."""
        self.noticed += writes
        self._mean(writes)

    def _mean(self, writes: Iterable[Write]) -> None:
        for write in writes:
            if isinstance(write, Put):
                row = write.recorded
                self.rows[row.address, row.id] = row
                if not row.deposed:
                    self.current[row.address] = row

    def note(self, address: str, text: str) -> None:
        """For whoever reads the plan."""
        self.notes.append(Problem("", 0, 0, address, text, "note"))


def recover(
    stack: Stack, kinds: Kinds, recorded: Iterable[Recorded], operations: Sequence[Operation], looked: Looked
) -> Recovered:
    """What open operations came to, as far as looking shows it. Raises Invalid when two objects were made for one."""
    result = Recovered({(row.address, row.id): row for row in recorded})
    waited_for = any(it.verb == Verb.WAIT for it in operations)
    rows = {row.id: row for row in result.recorded} if waited_for else {}
    for operation in operations:
        if operation.op in looked.late:
            continue
        if operation.verb == Verb.WAIT and isinstance(operation.signature, Target):
            id = operation.signature.id
            live = looked.snapshot.get(operation.kind, id)
            result.note_seen(*seen(operation, rows.get(id), live.status if live else None))
        elif isinstance(operation.signature, Touched):
            _changed(result, operation, operation.signature)
        elif not isinstance(operation.signature, Signature):
            result.write(Close(operation.op))
        elif operation.handle is not None or operation.op in looked.progress:
            _begun(result, stack, kinds, operation, looked)
        else:
            _sent(result, kinds, operation, operation.signature, looked)
    return result


def _changed(result: Recovered, operation: Operation, touched: Touched) -> None:
    """As if these fields had never been applied, and nothing been noted of what it was then."""
    if touched.fields and (row := result.current.get(operation.address)):
        left = {name: value for name, value in row.fields.items() if name not in touched.fields}
        result.write(Put(replace(row, fields=left, facts={})))
    result.write(Close(operation.op))


def _begun(result: Recovered, stack: Stack, kinds: Kinds, operation: Operation, looked: Looked) -> None:
    progress = looked.progress.get(operation.op)
    if isinstance(progress, Running | Exists | Failed) and _is_unwanted(stack, kinds, operation):
        result.write(Close(operation.op))
        result.note(operation.address, "what an interrupted run has begun is not declared any more; it is not fetched")
        return
    id = progress.id if isinstance(progress, Done) else operation.id
    live = looked.snapshot.get(operation.kind, id)
    if live is not None and live.in_flight is None:
        old = result.current.get(operation.address)
        if old is None or old.id != live.id:
            result.note(operation.address, f"what an earlier run has begun is all there ({live.id}); it is adopted")
        superseded = old is not None and _is_superseded(stack, kinds, operation)
        result.write(*_adopting(kinds, operation, live, old, deposed=superseded))
    elif live is not None or isinstance(progress, Done):
        return  # in flight, or made and not to be seen yet
    elif isinstance(progress, Running):
        if operation.handle is None:  # its answer was lost, and the task was found all the same
            result.write(Keep(operation.op, progress.handle))
            result.note(operation.address, progress.told or "the server works on what an interrupted run has begun")
    elif isinstance(progress, Exists) and kinds[operation.kind].stored:
        result.note(operation.address, progress.told)  # the task is done, and what came of it is still to be fetched
    elif isinstance(progress, Failed) and kinds[operation.kind].paid:
        return  # how often is kept with it, and its change says it
    elif isinstance(progress, Failed | Lost):
        result.write(Close(operation.op))
        result.note(operation.address, f"what an interrupted run has begun came to nothing ({progress.why})")
    else:  # its object is not there any more
        result.write(Close(operation.op))


def _sent(result: Recovered, kinds: Kinds, operation: Operation, sought: Signature, looked: Looked) -> None:
    """Sent perhaps, and not answered."""
    found = [live for live in looked.snapshot.by_kind.get(operation.kind, {}).values() if sought.fits(live)]
    whole = [live for live in found if live.in_flight is None]
    if len(whole) > 1:
        ids = " and ".join(sorted(live.id for live in whole))
        text = f"{len(whole)} were made for it ({ids}); delete all but one"
        raise Invalid([Problem("", 0, 0, operation.address, text)])
    if whole:
        result.note(operation.address, f"an interrupted run made it ({whole[0].id}); it is adopted")
        result.write(*_adopting(kinds, operation, whole[0], result.current.get(operation.address)))
    elif found:  # it has made what nobody can finish
        result.write(Close(operation.op))
    else:
        result.unresolved.append(operation)
        text = "an interrupted run was about to make it; apply looks for it before it makes it"
        result.note(operation.address, text)


def found_late(kinds: Kinds, operation: Operation, found: Live | Running | None, old: Recorded | None) -> list[Write]:
    """What is to be recorded once an unresolved create was looked for under the lock."""
    match found:
        case None:
            return [Close(operation.op)]
        case Running(handle):
            return [Keep(operation.op, handle)]
        case _:
            return _adopting(kinds, operation, found, old)


def _is_superseded(stack: Stack, kinds: Kinds, operation: Operation) -> bool:
    """Whether its address wants something else by now: then what a slow task made must not take the place of what was
    made for it meanwhile."""
    spec = kinds[operation.kind].field_with(lambda field: field.identity)
    resource = stack.resources.get(operation.address)
    return spec is not None and resource is not None and resource.fields.get(spec.name) != operation.identity


def _is_unwanted(stack: Stack, kinds: Kinds, operation: Operation) -> bool:
    """Whether a task makes a result that is declared nowhere: it has made no object that would have to go."""
    kind = kinds[operation.kind]
    alike = (it for it in stack.resources.values() if it.kind == operation.kind)
    return kind.stored and all(it.fields.get(kind.identity_name) != operation.identity for it in alike)


def _adopting(
    kinds: Kinds, operation: Operation, live: Live, old: Recorded | None, *, deposed: bool = False
) -> list[Write]:
    """Of what an earlier run has made nothing is known to have been applied but what it is."""
    if old and old.id == live.id:
        return [Close(operation.op)]
    identity = operation.identity or (live.stamp.content if live.stamp else None)
    spec = kinds[operation.kind].field_with(lambda field: field.identity)
    fields = {spec.name: identity} if spec and identity else {}
    failures = old.failures if old else 0
    facts = kinds[operation.kind].to_note(live.facts)
    row = Recorded(operation.address, operation.kind, live.id, fields, live.parent_id, failures=failures, facts=facts)
    return [Put(replace(row, deposed=True)), Close(operation.op)] if deposed else made(operation, row, old)


def told(claims: Claims) -> list[Problem]:
    """Notes on what is in flight: what goes on, and what nobody can finish, or wants."""
    going = {address: live.in_flight.told for address, live in claims.in_flight.items() if live.in_flight}
    return [Problem("", 0, 0, address, text, "note") for address, text in (going | claims.given_up).items() if text]
