"""state list, show, mv, rm, rebuild, accept, rename, duplicates, unlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.completing import complete
from reconciler.cli.looping import awaited
from reconciler.cli.options import FORMAT, online, project_at, recorded, waiting
from reconciler.cli.signals import locked
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.model import Operation, Recorded
    from reconciler.project import Project

__all__ = ["state"]

T = TypeVar("T")

PATH = click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")


@click.group()
def state() -> None:
    """Look into the state, and mend it.

    State is what was last applied, and the journal of what is under way. It may be lost: `state rebuild` makes it anew
    from the marks that every object carries.

    \b
    reconciler state list
    reconciler state show assets/final
    reconciler state mv assets/final assets/finale
    """


@contextmanager
def _opened(path: Path, options: dict[str, Any], command: str = "") -> Iterator[Project]:
    """The project; locked when `command` says what for."""
    with closing(project_at(path, options)) as project:
        if command:
            with locked(project, command):
                yield project
        else:
            yield project


def _run(project: Project, call: Callable[[], Awaitable[T]]) -> T:
    """Do something for which the account is asked."""

    async def run() -> T:
        async with project:
            return await call()

    return awaited(run())


@state.command("list")
@PATH
@FORMAT
@recorded
def list_(path: Path, form: str, **options: Any) -> None:
    """List what the stack owns: address and id.

    \b
    reconciler state list
    reconciler state list --format json
    """
    from reconciler.model import Verb, waits_of

    with _opened(path, options) as project:
        operations = project.state.operations()
        if form == "json":
            begun = [_begun(it) for it in operations]
            told = {"resources": [_owned(row) for row in project.state.recorded()], "operations": begun}
            _tell_json(project, told)
            return
        waits = waits_of(operations)
        for row in project.state.recorded():
            awaited = f"  (awaited since {waits[row.id].since:%Y-%m-%d %H:%M} UTC)" if row.id in waits else ""
            click.echo(f"{plain(row.address)}  {plain(row.id)}{_old(row)}{awaited}")
        for it in operations:
            if it.verb != Verb.WAIT:
                click.echo(f"{plain(it.address)}  ({it.verb} begun by run {it.run}, not concluded)")


@state.command()
@click.argument("address", shell_complete=complete)
@PATH
@FORMAT
@recorded
def show(address: str, path: Path, form: str, **options: Any) -> None:
    """Show what was last applied at ADDRESS. Secrets are not in it: the state has none.

    \b
    reconciler state show assets/final
    reconciler state show assets/final --format json
    """
    from reconciler.reports.values import shown

    with _opened(path, options) as project:
        if form == "json":
            rows = _rows_at(project, address)
            whole = [{**_owned(row), "fields": row.fields, "facts": row.facts} for row in rows]
            _tell_json(project, {"resources": whole})
            return
        for row in _rows_at(project, address):
            click.echo(f"{plain(row.address)}\n  id  {plain(row.id)}\n  kind  {row.kind}")
            if row.parent_id:
                click.echo(f"  parent  {plain(row.parent_id)}")
            if row.protect:
                click.echo("  protected")
            for name, value in sorted(row.fields.items()):
                click.echo(f"  {plain(name)}  {shown(value)}")


@state.command()
@click.argument("old", shell_complete=complete)
@click.argument("new")
@PATH
@waiting
@recorded
def mv(old: str, new: str, path: Path, **options: Any) -> None:
    """Give what is recorded at OLD, and what lives in it, the address NEW. In YAML, `moved:` does it for everybody.

    \b
    reconciler state mv assets/final assets/finale
    """
    from reconciler.load.grammar.declarations import NAME
    from reconciler.model import names_of, parent_of, sections_of
    from reconciler.state import RenameStack

    with _opened(path, options, f"reconciler state mv {old} {new}") as project:
        kind = _rows_at(project, old)[0].kind
        if any(row.address == new for row in project.state.recorded()):
            raise ReconcilerError(f"{new} is taken; move or remove that first")
        if sections_of(old) != sections_of(new) or old.count("/") != new.count("/"):
            raise ReconcilerError(f"{old} is a {kind}; {new!r} is the address of another kind")
        if wrong := [name for name in names_of(new) if not NAME.fullmatch(name)]:
            raise ReconcilerError(
                f"{new!r}: {wrong[0]!r} is not a valid name; letters, digits, '.', '_' and '-' make one"
            )
        if parent_of(old) != parent_of(new):
            raise ReconcilerError(f"{old} lives in {parent_of(old)}; it cannot be recorded in {parent_of(new)}")
        project.state.commit(RenameStack(old, new))
        click.echo(f"{old} is now {new}.")


@state.command()
@click.argument("addresses", nargs=-1, required=True, shell_complete=complete)
@click.option("--path", type=click.Path(exists=True, path_type=Path), default=".")
@waiting
@recorded
def rm(addresses: tuple[str, ...], path: Path, **options: Any) -> None:
    """Forget what is recorded at ADDRESSES. The objects stay, with their marks: a stack that declares them claims
    them again. To let go for good use `removed:` in YAML.

    \b
    reconciler state rm assets/final
    """
    from reconciler.state import Drop

    with _opened(path, options, f"reconciler state rm {' '.join(addresses)}") as project:
        rows = [row for address in addresses for row in _rows_at(project, address)]
        project.state.commit(*(Drop(row.address, row.id) for row in rows))
        click.echo(f"Forgot {len(rows)} rows.")


@state.command()
@PATH
@online
@click.option("--id", "id", metavar="ID", help="Which stack of this name it is, if there are several.")
def rebuild(path: Path, id: str | None, **options: Any) -> None:
    """Make the state anew from the account: by the marks that objects carry, and by names.

    All that carries this stack's name is taken for what this stack has made. If another stack has the same name, its
    objects have another id: say with --id which are yours.

    \b
    reconciler state rebuild
    """
    with _opened(path, options, f"reconciler state rebuild {path}") as project:
        rows = _run(project, partial(project.rebuild, id))
    click.echo(f"Rebuilt: {len(rows)} objects of {project.stack.name} are in the account.")


@state.command()
@PATH
@online
def accept(path: Path, **options: Any) -> None:
    """Say that the state belongs to this account: after a change of the key, or of the API's address.

    \b
    reconciler state accept
    """
    with _opened(path, options, f"reconciler state accept {path}") as project:
        found = _run(project, project.accept)
    told = f"{found.here} of {found.recorded} recorded objects are in it"
    click.echo(f"The state of {plain(project.stack.name)} is of this account now; {told}.")


@state.command()
@click.argument("old", shell_complete=complete)
@click.argument("new")
@PATH
@recorded
def rename(old: str, new: str, path: Path, **options: Any) -> None:
    """Go on with the stack OLD as NEW, which YAML says: nothing is made anew, and the next apply marks the objects so.

    \b
    reconciler state rename archive sports-archive
    """
    from reconciler.project import access

    project = project_at(path, options)
    stack = project.stack
    if stack.name != new:
        raise ReconcilerError(f"YAML says `stack: {stack.name}`; write `stack: {new}` there, then rename")
    before, after = (access.open_state(name, stack.root, project.options, create=False) for name in (old, new))
    command = f"reconciler state rename {old} {new}"
    try:
        if not (rows := before.recorded()) and not before.operations():
            raise ReconcilerError(f"the state knows nothing of a stack {old!r}")
        with locked(before, command), locked(after, command):
            before.rename(new)
    finally:
        before.close()
        after.close()
    click.echo(f"{plain(old)} is {plain(new)} now: {len(rows)} objects. The next apply marks them so.")


@state.command()
@PATH
@online
@click.option(
    "--keep",
    metavar="WHICH",
    multiple=True,
    help="`recorded`, `oldest`, `newest`, or ids: which one of each stays; the next apply deletes the others.",
)
def duplicates(path: Path, keep: tuple[str, ...], **options: Any) -> None:
    """List objects that were made twice for one address, as by two checkouts with states of their own; or say which
    of each is kept. Nothing is deleted here: the next plan shows what goes.

    \b
    reconciler state duplicates
    reconciler state duplicates --keep oldest
    """
    from reconciler.ownership.duplicates import listed

    with _opened(path, options, f"reconciler state duplicates {path}" if keep else "") as project:
        found = _run(project, partial(project.duplicates, keep))
    for line in listed(found):
        click.echo(plain(line))
    if not found:
        click.echo(f"No address of {plain(project.stack.name)} has more than one object.")
    elif keep:
        click.echo("Noted; `reconciler plan` shows what goes.")
    else:
        click.echo("Say which stay with --keep recorded, --keep oldest, --keep newest, or --keep ID.")


@state.command()
@PATH
@recorded
def unlock(path: Path, **options: Any) -> None:
    """Clear the mark of a run that died; on PostgreSQL, end the session of one that hangs.

    \b
    reconciler state unlock
    """
    with _opened(path, options) as project:
        done = project.state.unlock()
    if done.holder is None:
        click.echo(f"{project.stack.name} was not locked.")
    else:
        click.echo(f"Unlocked: it was {done.holder}.{' Its session was ended.' if done.ended_session else ''}")


def _old(row: Recorded) -> str:
    """What becomes of the object of a row that has been replaced."""
    if not row.deposed:
        return ""
    from reconciler.engine.beside import kept_until

    until = kept_until(row)
    return f"  (old, kept until {until:%Y-%m-%d %H:%M} UTC)" if until else "  (old, to be deleted)"


def _owned(row: Recorded) -> dict[str, Any]:
    its = {"address": row.address, "kind": row.kind, "id": row.id, "parent_id": row.parent_id}
    return {**its, "protect": row.protect, "deposed": row.deposed}


def _begun(it: Operation) -> dict[str, Any]:
    its = {"address": it.address, "kind": it.kind, "verb": it.verb, "run": it.run, "id": it.id}
    return {**its, "since": it.since.isoformat(timespec="seconds")}


def _tell_json(project: Project, told: dict[str, Any]) -> None:
    from reconciler.reports.json import told_json

    click.echo(told_json(project.stack.name, told))


def _rows_at(project: Project, address: str) -> list[Recorded]:
    rows = project.state.recorded()
    if found := [row for row in rows if row.address == address]:
        return found
    near = get_close_matches(address, [row.address for row in rows], n=1)
    raise ReconcilerError(f"nothing is recorded at {address!r}{f'; did you mean {near[0]!r}?' if near else ''}")
