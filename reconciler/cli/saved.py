"""Plan files: written by `plan -o`, read by `apply` and `show`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import Settings, account
from reconciler.cli.outputs import write_file
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.model import Plan
    from reconciler.plan.guards import Consent
    from reconciler.planfile import Saved

__all__ = ["agreed_before", "believed", "is_plan", "read_plan", "settings_of", "write_plan"]

LARGEST = 1 << 30
"""Bytes of a plan file."""
FIXED = ("var", "var_file", "target", "exclude")
"""Options that a saved plan has decided."""


def is_plan(path: Path) -> bool:
    """Whether a path given to `apply` is a saved plan: a stack is a directory or YAML."""
    return path.is_file() and path.suffix not in (".yaml", ".yml")


def write_plan(
    file: Path, plan: Plan, digest: str, chosen: Settings, consent: Consent, asked: Mapping[str, Any]
) -> None:
    """Save a plan with all that is needed to apply it."""
    from reconciler.load.grammar.variables import values_in
    from reconciler.model import Basis
    from reconciler.planfile import account_of, render, sealing_key

    address, key = account(plan.provider, chosen)
    origin = Basis(
        account=account_of(address, key),
        stack_digest=digest,
        path=chosen.path.as_posix(),
        from_here=Path(os.path.relpath(chosen.path, file.parent)).as_posix(),
        variables=dict(chosen.variables or {}),
        values=values_in(chosen.var_file) if isinstance(chosen.var_file, Path) else {},
        options=dict(asked),
        consent={name: sorted(it) if isinstance(it, frozenset) else it for name, it in asdict(consent).items()},
    )
    write_file(file, render(plan, origin, sealing_key(address, key)), private=True)


def read_plan(file: Path) -> Saved:
    """The plan in a file; see `planfile.read` for what is refused."""
    from reconciler.planfile import read

    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ReconcilerError(f"{file}: is bigger than {LARGEST >> 20} MB, which no plan is")
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ReconcilerError(f"{file}: cannot be read ({error})") from error
    return read(text, str(file))


def believed(saved: Saved, chosen: Settings) -> None:
    """Raises StalePlan for a plan that nobody with this account's key has made as it is: before anything that it says
    is used."""
    from reconciler.planfile import account_of, sealing_key
    from reconciler.provider import names

    if saved.plan.provider not in names():
        raise ReconcilerError(f"there is no provider {saved.plan.provider!r}; known: {', '.join(names())}")
    address, key = account(saved.plan.provider, chosen)
    saved.believed(sealing_key(address, key), account_of(address, key))


def settings_of(saved: Saved, file: Path, chosen: Settings, options: Mapping[str, Any]) -> Settings:
    """How to reach account and state as the options say, and the stack as the plan says."""
    if given := [name for name in FIXED if options.get(name)]:
        flag = "--" + given[0].replace("_", "-")
        raise click.UsageError(f"{flag} is settled by the saved plan; plan again to change it")
    path = saved.stack_path(file)
    if not path.exists():
        raise ReconcilerError(f"{path}: the stack of the plan is not there; run where it was planned")
    asked = saved.origin.options
    return replace(
        chosen,
        path=path,
        variables=saved.origin.variables,
        var_file=saved.origin.values or None,
        target=tuple(asked.get("target", ())),
        exclude=tuple(asked.get("exclude", ())),
    )


def agreed_before(saved: Saved, now: Consent) -> Consent:
    """What was agreed to when the plan was made, and what is agreed to now."""
    both: dict[str, Any] = {}
    for name, agreed in asdict(now).items():
        before = saved.origin.consent.get(name, ())
        both[name] = agreed | frozenset(before) if isinstance(agreed, frozenset) else agreed or bool(before)
    return replace(now, **both)
