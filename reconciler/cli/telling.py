"""What a run came to, as one value, and the files of `--report` that it goes into: also when it came to nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from reconciler.cli.formats import FORMATS, Look, form_of, look_for, rendered
from reconciler.cli.outputs import write_file
from reconciler.errors import Invalid, Problem, ReconcilerError, Refused
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.engine import Planning
    from reconciler.engine.planning import Drift
    from reconciler.model import Plan, Report, Stack
    from reconciler.planfile import Saved
    from reconciler.reports.result import Result, Spot
    from reconciler.watching.observer import Observer

__all__ = ["Telling", "failed", "reporting", "sources_root"]

F = TypeVar("F", bound=Callable[..., Any])

SMALLEST, LARGEST = 2_000, 10_000_000
ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where runners of pipelines put the checkout."""
PLAIN = Look()


def reporting(function: F) -> F:
    """--report, --limit and --source-root."""
    for option in (
        click.option(
            "--source-root",
            metavar="DIR",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="What paths in reports are from [the checkout of a pipeline, the repository, the working directory].",
        ),
        click.option(
            "--limit",
            metavar="N",
            type=click.IntRange(SMALLEST, LARGEST),
            help="Characters of Markdown [65000]; what does not fit is counted.",
        ),
        click.option(
            "--report",
            "reports",
            metavar="[FORMAT=]FILE",
            multiple=True,
            callback=_targets,
            help=f"Also write a report into FILE, also of an error: {', '.join(FORMATS)} [by the end of its name].",
        ),
    ):
        function = option(function)
    return function


def _targets(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[tuple[str, Path]]:
    """What is to be written where. What can be known to fail is told before anything is done."""
    targets, seen = [_target(written) for written in given], set[Path]()
    for file in (it for _form, it in targets):
        if file.is_dir():
            raise click.UsageError(f"--report: {file} is a directory; name a file in it")
        if not file.parent.is_dir():
            raise click.UsageError(f"--report {file}: there is no directory {file.parent}")
        if file.resolve() in seen and (file.is_file() or not file.exists()):
            raise click.UsageError(f"--report: {file} is named twice, and can hold one report")
        seen.add(file.resolve())
    return targets


def _target(written: str) -> tuple[str, Path]:
    word, equals, file = written.partition("=")
    if equals and file and (form := form_of(word)) and "." not in word:
        return form, Path(file)
    if form := form_of(written) if "." in written else None:
        return form, Path(written)
    raise click.UsageError(f"--report {written!r}: say what it is to be: FORMAT=FILE, with one of {', '.join(FORMATS)}")


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the reports of one command go, and what they are from."""

    path: Path
    """Of the stack, or the plan, as it was given."""
    targets: tuple[tuple[str, Path], ...] = ()
    root: Path | None = None
    look: Look = PLAIN
    observer: Observer | None = None
    """Who is told of each result."""

    @classmethod
    def of(cls, path: Path, given: Mapping[str, Any], *, whole: bool = False, verbose: bool = False) -> Telling:
        """As the options say; files are not as wide as a terminal."""
        look = replace(look_for(whole, verbose, given.get("limit")), columns=PLAIN.columns)
        return cls(path, tuple(given.get("reports") or ()), given.get("source_root"), look, given.get("observer"))

    def forms(self, *more: str) -> set[str]:
        """The formats that a result goes into."""
        return {*more, *(form for form, _ in self.targets)}

    def write(self, result: Result) -> None:
        """Into each file, whole or not at all; all are made before the first is written. Raises ReconcilerError with
        all that cannot be."""
        self.seen(result)
        made = [(file, click.unstyle(rendered(form, result, self.look))) for form, file in self.targets]
        failures = []
        for file, text in made:
            try:
                write_file(file, text if text.endswith("\n") else f"{text}\n")
            except ReconcilerError as error:
                failures.append(str(error))
        if failures:
            raise ReconcilerError("\n".join(failures))

    def refuse(self, result: Result, reasons: Sequence[str]) -> NoReturn:
        """The plan that is refused goes into the files; that one cannot be written does not change why."""
        self.tried(result)
        raise Refused(reasons)

    def tried(self, result: Result) -> bool:
        """The same where something else decides how the command ends: what cannot be written is told. Whether all
        was."""
        try:
            self.write(result)
        except ReconcilerError as error:
            for line in str(error).splitlines():
                click.echo(f"Error: {line}", err=True)
            return False
        return True

    def seen(self, result: Result) -> None:
        """Whoever watches the command is told of it."""
        if self.observer is not None and result.kind != "error":
            self.observer.saw(result)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of the block go into the files, and on. A refusal does not: the plan that is refused says it."""
        try:
            yield
        except Refused:
            raise
        except (ReconcilerError, OSError) as error:
            self.tried(failed(error, self.path, self.root))
            raise

    # What a run came to

    def planned(self, planning: Planning, report: Report | None = None, *, kind: str = "plan") -> Result:
        """A plan, or an apply with its report."""
        from reconciler.reports.result import Result, agreed

        plan, stack = planning.plan, planning.stack
        told = [*plan.changes, *plan.drift]
        return Result(
            kind,
            self._relative(plan),
            **self._places(stack, [change.address for change in told]),
            refusals=tuple(planning.refusals),
            consents=agreed(asdict(planning.consent)),
            compared=tuple(planning.claims.live),
            report=report,
        )

    def drifted(self, drift: Drift) -> Result:
        """What was changed outside git."""
        from reconciler.model import Plan
        from reconciler.reports.result import Result

        stack = drift.stack
        counts = Counter(live.kind for live in drift.unmanaged)
        return Result(
            "drift",
            Plan(stack.name, stack.provider, (), (), drift=drift.changes, unmanaged=counts),
            **self._places(stack, [change.address for change in drift.changes]),
            baseline=drift.baseline,
            compared=drift.compared,
            objects=tuple((it.kind, it.id, drift.kinds[it.kind].called(it.fields)) for it in drift.unmanaged),
        )

    def saved(self, saved: Saved) -> Result:
        """A plan out of its file; where its addresses stand the file does not say."""
        from reconciler.reports.result import Result, Spot, agreed

        place = next(iter(saved.stack_paths(self.path)), Path(saved.origin.path))
        path = _from(sources_root(place, self.root), str(place))
        home = Spot(path if place.suffix in (".yaml", ".yml") else f"{path}/stack.yaml".removeprefix("./"))
        return Result("plan", saved.plan, path=path, home=home, consents=agreed(saved.origin.consent))

    def _places(self, stack: Stack, addresses: list[str]) -> dict[str, Any]:
        root = sources_root(self.path, self.root)
        spots = {it: _spot(root, *stack.where(it)) for it in addresses if it in stack.resources}
        home = _spot(root, *stack.where("stack"))
        return {
            "path": _from(root, str(self.path)),
            "home": home if home.file else _home(root, self.path),
            "spots": {address: spot for address, spot in spots.items() if spot.file},
        }

    def _relative(self, plan: Plan) -> Plan:
        root = sources_root(self.path, self.root)
        return replace(plan, diagnostics=tuple(_rooted(root, problem) for problem in plan.diagnostics))


def failed(error: BaseException, path: Path, root: Path | None = None) -> Result:
    """That there is no result, and why."""
    from reconciler.model import Plan
    from reconciler.reports.result import Result, reason_of

    top = sources_root(path, root)
    problems = error.problems if isinstance(error, Invalid) else [Problem("", 0, 0, "", str(error))]
    plan = Plan("", "", (), (), diagnostics=tuple(_rooted(top, problem) for problem in problems))
    return Result("error", plan, path=_from(top, str(path)), home=_home(top, path), reason=reason_of(error))


def sources_root(path: Path, given: Path | None = None) -> Path:
    """The directory that a code host names files from."""
    if given is not None:
        return given.resolve()
    real = path.resolve()
    for name in ROOTS:
        if (said := os.environ.get(name)) and real.is_relative_to(top := Path(said).resolve()):
            return top
    return next((it for it in (real, *real.parents) if (it / ".git").exists()), Path.cwd())


def _from(root: Path, file: str) -> str:
    """A path as a code host writes it: never absolute, and never out of the repository."""
    relative = Path(os.path.relpath(Path(file).absolute(), root)).as_posix()
    while relative.startswith("../"):
        relative = relative.removeprefix("../")
    return "." if relative == ".." else relative


def _spot(root: Path, file: str, line: int, column: int) -> Spot:
    from reconciler.reports.result import Spot

    return Spot(_from(root, file) if file else "", line, column)


def _rooted(root: Path, problem: Problem) -> Problem:
    return replace(problem, file=_from(root, problem.file)) if problem.file else problem


def _home(root: Path, path: Path) -> Spot:
    """The file of a stack that could not be read, as far as anybody can tell."""
    files = sorted(it for it in path.iterdir() if it.suffix in (".yaml", ".yml")) if path.is_dir() else []
    file = path if path.is_file() else files[0] if files else path / "stack.yaml"
    return _spot(root, str(file), 1, 1)
