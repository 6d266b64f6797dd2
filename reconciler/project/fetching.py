"""Results fetched again from where they were made: from tasks that live, from indexes. Never paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from reconciler.derived import HANDLE, TaskDriver
from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.model import Operation, Recorded, Resource, Signature, Stamp, parent_of
from reconciler.provider import Done, Failed, Lost, Progress, Want
from reconciler.state import Put

if TYPE_CHECKING:
    from reconciler.engine import Planning, Session
    from reconciler.kind import Kind

__all__ = ["Fetched", "fetched_again"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one result."""

    address: str
    done: bool
    text: str


async def fetched_again(session: Session, planning: Planning, addresses: Sequence[str]) -> list[Fetched]:
    """Fetch each of these (names or globs; none: all) once more and keep it. The caller holds the lock."""
    rows = {row.address: row for row in session.state.recorded() if not row.deposed}
    found = []
    for resource in _meant(planning, addresses):
        driver = session.drivers[resource.kind]
        assert isinstance(driver, TaskDriver)
        if isinstance(said := await _task_of(driver, resource, rows), Fetched):
            found.append(said)
            continue
        fields, lives_in = _resolved(planning, driver.kind, resource), _lives_in(planning, driver.kind, resource)
        want = Want(resource.address, fields, lives_in, _stamp(driver, resource))
        handle = {HANDLE: said}
        operation = Operation("", "", resource.address, resource.kind, "refresh", Signature(), id=said, handle=handle)
        progress = await driver.finish(want, operation, _nothing_to_note)
        if isinstance(progress, Done):
            await _note(session, rows.get(resource.address), driver, said)
        found.append(_told(resource.address, said, progress))
    return found


def _meant(planning: Planning, addresses: Sequence[str]) -> Iterator[Resource]:
    stored = {it.address: it for it in planning.stack.resources.values() if planning.kinds[it.kind].stored}
    wrong = [asked for asked in addresses if not any(fnmatchcase(address, asked) for address in stored)]
    if wrong:
        raise ReconcilerError(f"no result that is declared is called {' or '.join(wrong)}")
    for address, resource in stored.items():
        if not addresses or any(fnmatchcase(address, asked) for asked in addresses):
            yield resource


async def _task_of(driver: TaskDriver, resource: Resource, rows: Mapping[str, Recorded]) -> str | Fetched:
    """The task to fetch from, or why there is none."""
    address, identity = resource.address, resource.fields.get(driver.kind.identity_name)
    made, row = (await driver.shelf.sets()).get(address), rows.get(address)
    known = (made.task, made.identity) if made else row and (row.id, row.fields.get(driver.kind.identity_name))
    if not known:
        return Fetched(address, False, "was never made; apply makes it")
    if identity is None or known[1] != identity:
        return Fetched(address, False, "is declared otherwise by now, or made of something else; apply makes it anew")
    if driver.is_paid_again(known[0]):
        return Fetched(
            address, False, "is not kept by the platform: to have it again is to make it again, which apply does"
        )
    return known[0]


def _resolved(planning: Planning, kind: type[Kind], resource: Resource) -> dict[str, Any]:
    """Its fields, with ids for the addresses of what it is made of."""
    ids = {address: live.id for address, live in planning.claims.live.items()}

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(it) for it in value]
        if isinstance(value, Mapping):
            return {name: of(it) for name, it in value.items()}
        return ids.get(value, value) if isinstance(value, str) else value

    said = (ref.name for ref in kind.refs() if ref.name in resource.fields)
    return {**resource.fields, **{name: of(resource.fields[name]) for name in said}}


def _lives_in(planning: Planning, kind: type[Kind], resource: Resource) -> str | None:
    """The id of what its input lives in: an indexed asset is read in its index."""
    inputs = (resource.fields[ref.name] for ref in kind.refs() if ref.each and ref.name in resource.fields)
    parents = (parent_of(address) for address in inputs)
    return next((planning.claims.live[it].id for it in parents if it in planning.claims.live), None)


def _stamp(driver: TaskDriver, resource: Resource) -> Stamp:
    identity = str(resource.fields.get(driver.kind.identity_name))
    return Stamp(driver.shelf.stack, resource.address, identity, driver.shelf.id or None)


async def _nothing_to_note(_: Progress) -> None:
    """There is no operation: a run that is killed here has begun nothing."""


async def _note(session: Session, row: Recorded | None, driver: TaskDriver, id: str) -> None:
    """Record what is kept now, so that it is not taken for a change by others."""
    live = await driver.read(id, None)
    if row is not None and live is not None and row.id == id:
        await session.state.aside(
            lambda: session.state.commit(Put(replace(row, facts=driver.kind.to_note(live.facts))))
        )


def _told(address: str, task: str, progress: Progress) -> Fetched:
    match progress:
        case Done():
            return Fetched(address, True, f"fetched again from task {task.partition('.')[0]}, free")
        case Lost(why=text):
            return Fetched(address, False, f"{text.removesuffix(', so it is made again')}; nothing was changed")
        case Failed(why=text):
            return Fetched(address, False, text)
        case _:
            return Fetched(address, False, "the platform is still at work on it; apply waits for that")
