"""A project as a saved plan means it: believed before anything that it says is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.engine.planning import Aim
from reconciler.errors import Invalid, ReconcilerError
from reconciler.model import Basis, Stack
from reconciler.plan.targeting import Targeting
from reconciler.planfile import Saved, account_of, read, render, sealing_key, wishes
from reconciler.project import Project, access
from reconciler.project.options import ProjectOptions

if TYPE_CHECKING:
    from reconciler.engine import Planning
    from reconciler.model import Paused
    from reconciler.plan.guards import Consent

__all__ = ["agreed_before", "aim_before", "is_plan", "open_saved", "read_plan", "saved_project", "text_of"]

LARGEST = 1 << 30
"""Bytes of a plan file."""


def is_plan(path: Path) -> bool:
    """Whether a path is a saved plan: a stack is a directory or YAML."""
    return path.is_file() and path.suffix not in (".yaml", ".yml")


def text_of(project: Project, planning: Planning, file: Path = Path("plan.json")) -> str:
    """What a plan file says, as it is to be kept in `file`: all that is needed to apply it, sealed."""
    from reconciler.load.grammar.variables import values_in

    if planning.plan.refresh.is_blind:
        raise ReconcilerError("a plan that was made without a look at the account cannot be applied, nor saved")
    options, aim = project.options, planning.aim
    address, key = access.account(project.stack.provider, options)
    sealing, consent = sealing_key(address, key), asdict(planning.consent).items()
    origin = Basis(
        account=account_of(address, key),
        settings=wishes.of_all(project.stack, sealing),
        declared=wishes.of_each(project.stack, planning.kinds, planning.plan, sealing, destroy=aim.destroy),
        gates=wishes.gates_of(project.stack, planning.plan, sealing),
        path=project.path.as_posix(),
        from_here=Path(os.path.relpath(project.path, file.parent)).as_posix(),
        variables=dict(options.variables),
        values=values_in(options.var_file) if isinstance(options.var_file, Path) else dict(options.var_file or {}),
        options={
            "destroy": aim.destroy,
            "target": aim.targeting.target,
            "exclude": aim.targeting.exclude,
            "replace": dict(aim.replace),
        },
        consent={name: sorted(it) if isinstance(it, frozenset) else it for name, it in consent},
    )
    return render(planning.plan, origin, sealing)


def open_saved(file: str | Path, **options: Any) -> Project:
    """The project that a plan file is about: its `plan` gives what is left of that plan, or raises StalePlan. How to
    reach account and state is said as in `open`; what was planned, and with which variables, the plan says."""
    return saved_project(Path(file), ProjectOptions(**options))


def read_plan(file: Path) -> Saved:
    """The plan in a file; see `planfile.read` for what is refused."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ReconcilerError(f"{file}: is bigger than {LARGEST >> 20} MB, which no plan is")
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ReconcilerError(f"{file}: cannot be read ({error})") from error
    return read(text, str(file))


def saved_project(
    file: Path, options: ProjectOptions, *, on_pause: Callable[[Paused], object] = lambda _: None
) -> Project:
    """The project that a plan file is about, reached as the options say.

    Raises StalePlan for a plan that nobody with this account's key has made as it is: whoever could write into the file
    could otherwise choose which YAML is read, and what is agreed to.
    """
    saved = read_plan(file)
    address, key = access.account(saved.plan.provider, options)
    saved.believed(sealing_key(address, key), account_of(address, key))
    options = replace(options, variables=saved.origin.variables, var_file=saved.origin.values or None)
    path, stack = _stack_of(saved, file, options)
    return Project(stack, options, path=path, saved=saved, on_pause=on_pause)


def _stack_of(saved: Saved, file: Path, options: ProjectOptions) -> tuple[Path, Stack]:
    """The stack of a plan, and where it is. Where there are two of its name nobody guesses: each has a state."""
    paths = saved.stack_paths(file)
    if not paths:
        raise ReconcilerError(f"{saved.origin.path}: the stack of the plan is not there; run where it was planned")
    found = paths[:1]
    if len(paths) > 1:
        found = [path for path in paths if _is_of(saved, path, options)] or found
    if len(found) > 1:
        raise ReconcilerError(
            f"{file}: two directories hold a stack {saved.plan.stack!r}: {found[0]}, where it was as seen from the "
            f"plan, and {found[1]}, where it was as seen from here. For the first: cd {file.parent} && "
            f"reconciler apply {file.name}. For the second apply a copy of the plan that lies in it"
        )
    return found[0], access.load_stack(found[0], options)


def _is_of(saved: Saved, path: Path, options: ProjectOptions) -> bool:
    try:
        return access.load_stack(path, options).name == saved.plan.stack
    except Invalid:
        return False


def aim_before(saved: Saved) -> Aim:
    """What the plan was made of."""
    options = saved.origin.options
    targeting = Targeting(tuple(options.get("target", ())), tuple(options.get("exclude", ())))
    return Aim(bool(options.get("destroy")), targeting, replace=tuple(dict(options.get("replace", {})).items()))


def agreed_before(saved: Saved, now: Consent) -> Consent:
    """What was agreed to when the plan was made, and what is agreed to now."""
    both: dict[str, Any] = {}
    for name, agreed in asdict(now).items():
        before = saved.origin.consent.get(name, ())
        both[name] = agreed | frozenset(before) if isinstance(agreed, frozenset) else agreed or bool(before)
    return replace(now, **both)
