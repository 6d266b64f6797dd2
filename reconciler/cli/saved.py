"""Plan files: written by `plan -o`, read by `apply` and `show`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import Settings
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.guards import Consent
    from reconciler.model import Plan
    from reconciler.planfile import Saved

__all__ = ["agreed_before", "is_plan", "read_plan", "settings_of", "write_file", "write_plan"]

FIXED = ("var", "var_file", "target", "exclude")
"""Options that a saved plan has settled."""


def is_plan(path: Path) -> bool:
    """Whether a path given to `apply` is a saved plan: a stack is a directory or YAML."""
    return path.is_file() and path.suffix not in (".yaml", ".yml")


def write_plan(
    file: Path, plan: Plan, account: str, digest: str, chosen: Settings, consent: Consent, asked: Mapping[str, Any]
) -> None:
    """Save a plan with all that is needed to apply it."""
    from reconciler.planfile import Origin, render

    origin = Origin(
        account=account,
        stack_digest=digest,
        path=chosen.path.as_posix(),
        from_here=Path(os.path.relpath(chosen.path, file.parent)).as_posix(),
        variables=dict(chosen.variables or {}),
        var_file=chosen.var_file.as_posix() if chosen.var_file else None,
        options=dict(asked),
        consent={name: sorted(it) if isinstance(it, frozenset) else it for name, it in asdict(consent).items()},
    )
    write_file(file, render(plan, origin))


def read_plan(file: Path) -> Saved:
    """The plan in a file; see `planfile.read` for what is refused."""
    from reconciler.planfile import read

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReconcilerError(f"{file}: cannot be read ({error})") from error
    return read(text, str(file))


def settings_of(saved: Saved, file: Path, chosen: Settings, options: Mapping[str, Any]) -> Settings:
    """How to reach account and state as the options say, and the stack as the plan says."""
    if given := [name for name in FIXED if options.get(name)]:
        flag = "--" + given[0].replace("_", "-")
        raise click.UsageError(f"{flag} is settled by the saved plan; plan again to change it")
    path = saved.stack_path(file)
    if not path.exists():
        raise ReconcilerError(f"{path}: the stack of the plan is not there; run where it was planned")
    var_file = Path(saved.origin.var_file) if saved.origin.var_file else None
    asked = saved.origin.options
    return replace(
        chosen,
        path=path,
        variables=saved.origin.variables,
        var_file=var_file,
        target=tuple(asked.get("target", ())),
        exclude=tuple(asked.get("exclude", ())),
    )


def agreed_before(saved: Saved, now: Consent) -> Consent:
    """What was agreed to when the plan was made, and what is agreed to now."""
    both: dict[str, Any] = {}
    for name, before in saved.origin.consent.items():
        agreed = getattr(now, name)
        both[name] = agreed | frozenset(before) if isinstance(agreed, frozenset) else agreed or before
    return replace(now, **both)


def write_file(file: Path, text: str) -> None:
    """Put a text into a file, whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ReconcilerError(f"{file}: cannot be written ({error.strerror})") from error
