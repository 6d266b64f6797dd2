"""The account as a new stack in a new directory, with a state of its own that knows its objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError
from reconciler.export import SCHEMAS, Exported, read_account, rows_of, slug
from reconciler.model import Stack, nowhere
from reconciler.project import access
from reconciler.project.options import ProjectOptions
from reconciler.provider import kinds_of, names
from reconciler.schema import render, stack_schema
from reconciler.state import Put, State

if TYPE_CHECKING:
    from reconciler.provider import Drivers

__all__ = ["export", "new_stack"]


def new_stack(name: str | None, provider: str, out: Path, root: Path = Path()) -> Stack:
    """A stack that declares nothing yet, to be written into a new directory; named after that, unless it is named."""
    if out.exists() and any(out.iterdir()):
        raise ReconcilerError(f"{out} is not empty; export into a new directory")
    if provider not in names():
        raise ReconcilerError(f"there is no provider {provider!r}; known: {', '.join(names())}")
    name = name or out.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        name = slug(name) or "exported"
    return Stack(name=name, provider=provider, root=root, resources={}, where=nowhere)


async def export(
    drivers: Drivers,
    options: ProjectOptions,
    root: Path,
    out: Path,
    *,
    name: str | None = None,
    target: Sequence[str] = (),
) -> Exported:
    """Write what is in the account into the directory `out`. `root` is where an emulator without a file is kept: the
    new state is beside it then, for it is the account's."""
    new = new_stack(name, drivers.provider.name, out, out)
    beside = out if options.emulator is False else root
    state = access.open_state(new.name, beside, options, create=False)
    try:
        _is_new(state, new)
    finally:
        state.close()
    exported = await read_account(drivers, new, target)
    _write(out, new, exported)
    stack = access.load_stack(out, ProjectOptions())
    state = access.open_state(stack.name, beside, options, create=True)
    try:
        with state.lock("reconciler export"):
            left = _record(state, stack, exported, out)
    finally:
        state.close()
    return replace(exported, notes=(*exported.notes, *(f"planning will change {line}" for line in left)))


def _is_new(state: State, stack: Stack) -> None:
    if state.recorded():
        raise ReconcilerError(f"the state has a stack {stack.name!r} already; export under another --name")


def _write(out: Path, new: Stack, exported: Exported) -> None:
    files = {**exported.files, f"{SCHEMAS}/{new.provider}.json": render(stack_schema(new.provider))}
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _record(state: State, stack: Stack, exported: Exported, out: Path) -> list[str]:
    """Note what the files say as what was applied; gives what planning would change even so."""
    rows, left = rows_of(stack, kinds_of(stack.provider), exported.snapshot)
    _is_new(state, stack)
    state.commit(*(Put(row) for row in rows))
    ids = exported.snapshot.stack_ids(stack.name)  # the stack may be marked already: then it goes on
    state.identify(id=next(iter(ids)) if len(ids) == 1 else None, place=out.as_posix())
    return left
