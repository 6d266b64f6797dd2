"""What a stack has made, told to programs: ids and facts of addresses as the state has them, without a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.lazily import difflib
from reconciler.model import Output, Recorded
from reconciler.provider import kinds_of

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["Told", "ToldOf", "told"]

IN_A_STORE = ("store", "table", "collection")
GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class ToldOf:
    """One answer: the value that was asked for, and all that is known of the address that it is of."""

    name: str
    """As it was asked for: a name under `outputs:`, or the address itself."""
    address: str
    kind: str
    at: str
    value: Any
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """All answers, and what could not be answered: name → why."""

    found: tuple[ToldOf, ...]
    missing: Mapping[str, str] = field(default_factory=dict)


async def told(project: Project, asked: Sequence[str]) -> Told:
    """What is asked for: names, addresses, globs; without any all under `outputs:`, or all addresses where none is."""
    rows = {row.address: row for row in project.state.recorded() if not row.deposed}
    wanted = dict(_wanted(project, rows, asked))
    places = await _places(project, [rows[it.address] for it in wanted.values() if it.address in rows])
    found: list[ToldOf] = []
    missing: dict[str, str] = {}
    for name, output in wanted.items():
        if (row := rows.get(output.address) or _external(project, output.address)) is None:
            missing[name] = _why_not(project, output.address)
            continue
        facts = _facts(row, places.get(row.address, {}))
        if output.at in facts:
            found.append(ToldOf(name, row.address, row.kind, output.at, facts[output.at], facts))
        else:
            missing[name] = f"{row.address} has no `{output.at}`; it has {', '.join(facts)}"
    return Told(tuple(found), missing)


def _wanted(project: Project, rows: Mapping[str, Recorded], asked: Sequence[str]) -> Iterator[tuple[str, Output]]:
    stack = project.stack
    known = {**dict.fromkeys(stack.resources), **dict.fromkeys(rows)}
    if not asked:
        yield from stack.outputs.items() if stack.outputs else ((address, Output(address)) for address in sorted(rows))
        return
    for name in asked:
        if name in stack.outputs:
            yield name, stack.outputs[name]
        elif name in known:
            yield name, Output(name)
        elif fitting := [it for it in known if GLOB & set(name) and fnmatchcase(it, name)]:
            yield from ((address, Output(address)) for address in sorted(fitting))
        else:
            near = difflib.get_close_matches(name, [*stack.outputs, *known], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "name an output, or an address such as indexes/catalog"
            raise ReconcilerError(f"there is no {name!r}; {hint}")


def _external(project: Project, address: str) -> Recorded | None:
    """What no state records: somebody else's object, of which YAML says the id."""
    resource = project.stack.resources.get(address)
    if resource is None or not resource.external or resource.id is None:
        return None
    return Recorded(address, resource.kind, resource.id, {})


def _why_not(project: Project, address: str) -> str:
    resource = project.stack.resources.get(address)
    if resource is not None and resource.external:
        return f"{address} is looked up by each plan, and no state keeps its id; declare it with `id:`"
    if any(it.address == address for it in project.state.operations()):
        return f"{address} was begun and is not concluded; run `reconciler apply` to go on"
    return f"{address} is not applied yet; run `reconciler apply`"


def _facts(row: Recorded, place: Mapping[str, Any]) -> dict[str, Any]:
    parent = {} if row.parent_id is None else {"parent_id": row.parent_id}
    return {"id": row.id, **parent, **row.facts, **place}


def _where(said: Mapping[str, str]) -> dict[str, str]:
    """Where a set is, by one word whatever store it is in: a file of it, or a database, has its own word for that."""
    return {name if name in IN_A_STORE else "place": value for name, value in said.items()}


async def _places(project: Project, rows: Sequence[Recorded]) -> dict[str, dict[str, Any]]:
    """address → what the stores say of the results among them; a store is opened only when there is one."""
    from reconciler.project.access import shelf

    kinds = kinds_of(project.stack.provider)
    stored = {row.address for row in rows if kinds[row.kind].stored}
    if not stored:
        return {}
    found: dict[str, dict[str, Any]] = {}
    with closing(shelf(project.stack, project.options)) as opened:
        if (identity := project.state.identity()) is not None:
            opened.known_as(identity.id, identity.former)
        for address, made in (await opened.sets()).items():
            if address in stored:
                found[address] = {"dim": made.dim, "model": made.model, **_where(await opened.place(made))}
    return found
