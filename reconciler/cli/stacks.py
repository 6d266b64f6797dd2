"""init, validate, explain, schema: what needs no account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import formatted, load_stack, variables
from reconciler.cli.telling import Telling, reporting
from reconciler.errors import Invalid, ReconcilerError
from reconciler.lazily import difflib

if TYPE_CHECKING:
    from reconciler.model import Stack

__all__ = ["explain", "init", "schema", "validate"]

USUAL_SPEC = "small-archive"


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--spec", metavar="NAME", help="Which ready-made stack [small-archive].")
@click.option("--provider", metavar="NAME", help="The first ready-made stack of this provider.")
@click.option("--list", "listing", is_flag=True, help="List the ready-made stacks.")
def init(directory: Path, spec: str | None, provider: str | None, listing: bool) -> int:
    """Make a working stack to start from, named after its directory; nothing that exists is overwritten.

    \b
    reconciler init my-archive
    reconciler init --list
    """
    specs = data_dir("specs")
    known = sorted(path.name for path in specs.iterdir() if path.is_dir())
    if listing:
        width = max(map(len, known))
        for name in known:
            click.echo(f"{name:<{width}}  {_first_line(specs / name)}")
        return 0
    if spec is None:
        spec = USUAL_SPEC if provider is None else next((it for it in known if _is_of(specs / it, provider)), None)
    if spec is None:
        raise ReconcilerError(f"there is no spec of {provider!r}; known: {', '.join(known)}")
    if provider is not None and spec in known and not _is_of(specs / spec, provider):
        raise ReconcilerError(f"the spec {spec} is not of {provider}; leave one of the two out")
    if spec not in known:
        near = difflib.get_close_matches(spec, known, n=1)
        raise ReconcilerError(
            f"there is no spec {spec!r}; {f'did you mean {near[0]!r}? ' if near else ''}known: {', '.join(known)}"
        )
    name = _name_for(directory)
    made = _laid_out(specs / spec, name)
    _refuse_what_is_there(directory, made)
    for relative, data in made.items():
        _make(directory, relative, data)
        click.echo(f"made {directory / relative}")
    where = "" if directory == Path() else f" {directory}"
    click.echo(f"The stack is called {name}, after its directory: `stack:` says so, and its marks in the account will.")
    click.echo(f"Try it offline: reconciler plan{where} --emulator")
    return 0


def _is_of(spec: Path, provider: str) -> bool:
    """Whether a spec is a stack of this provider."""
    lines = (line for file in spec.glob("*.yaml") for line in file.read_text(encoding="utf-8").splitlines())
    return f"provider: {provider}" in lines


def _name_for(directory: Path) -> str:
    """A name for a stack in a directory: two in one account should not share one."""
    from reconciler.load.grammar.generate import slug

    return slug(directory.resolve().name).strip("._-") or "archive"


def _laid_out(spec: Path, name: str) -> dict[str, bytes]:
    """Relative path → what is in it: a spec under a name, and the schemas that its YAML names, for editors."""
    made: dict[str, bytes] = {}
    for path in sorted(spec.rglob("*")):
        if not path.is_file() or ".reconciler" in path.parts:
            continue
        relative = path.relative_to(spec).as_posix()
        made[relative] = path.read_bytes()
        if path.suffix == ".yaml":
            text = path.read_text(encoding="utf-8")
            for schema in data_dir("schemas").iterdir():
                if f"/schemas/{schema.name}\n" in text:
                    made[f".schemas/{schema.name}"] = schema.read_bytes()
            text = text.replace("../../schemas/", ".schemas/", 1)
            made[relative] = re.sub("^stack: .*$", f"stack: {name}", text, count=1, flags=re.MULTILINE).encode()
    return made


def _refuse_what_is_there(directory: Path, made: Iterable[str]) -> None:
    """Nothing is overwritten, nothing is written through a link, and no stack gets files of another."""
    for relative in made:
        path = directory / relative
        for there in (path, *(up for up in path.parents if directory in up.parents)):
            if there.is_symlink() or (there == path and there.exists()):
                raise ReconcilerError(f"{there} is there already; choose an empty directory")
    with suppress(OSError):
        if yaml := sorted(path for path in directory.iterdir() if path.suffix in (".yaml", ".yml")):
            raise ReconcilerError(
                f"{yaml[0]} is there already: all YAML of a directory is one stack; choose an empty directory"
            )


def _make(directory: Path, relative: str, data: bytes) -> None:
    path = directory / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # not through a link either
            file.write(data)
    except OSError as error:
        raise ReconcilerError(f"{path} cannot be written ({error.strerror})") from error


def data_dir(name: str) -> Path:
    """Where `specs` or `schemas` are: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for path in (package / "_data" / name, package.parent / name):
        if path.is_dir():
            return path
    raise ReconcilerError(f"this installation lacks its {name}; install it anew")


def _first_line(spec: Path) -> str:
    """What the spec's main file, the one that names the stack, says that it is."""
    for file in sorted(spec.glob("*.yaml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        if any(line.startswith("stack:") for line in lines):
            said = (line for line in lines if line.startswith("# ") and "yaml-language-server" not in line)
            return next(said, "").removeprefix("# ")
    return ""


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@variables
@formatted("text", "json", "github")
@reporting
def validate(path: Path, form: str, **options: Any) -> int:
    """Check a stack's YAML, offline: every problem at once, each with its place.

    `github` are annotations of a pull request, for a step of GitHub Actions. A report is written of what is wrong.

    \b
    reconciler validate
    reconciler validate my-archive --var season=2025
    reconciler validate --format json
    """
    from reconciler.reports import problems as told

    try:
        with Telling.of(path, options).errors():
            stack = _checked(path, options)
    except Invalid as error:
        if form == "github":
            for line in told.github_annotations(error.problems, Path.cwd()):
                click.echo(line)
        raise
    if form == "json":
        click.echo(told.valid_json(stack))
    else:
        click.echo(f"{stack.name} is valid: {told.counted(stack)}.")
    return 0


def _checked(path: Path, options: Mapping[str, Any]) -> Stack:
    """The stack, held against all that can be known of it offline."""
    stack = load_stack(path, options)
    if not stack.guards and not stack.prices:
        return stack
    from reconciler.plan import guards, prices
    from reconciler.provider import provider

    if problems := [*guards.problems(stack), *prices.problems(stack, provider(stack.provider).tariff)]:
        raise Invalid(problems)
    return stack


@click.command()
@click.argument("what", metavar="[KIND[.WORD] | KEY]", required=False)
@click.option("--provider", default="twelvelabs", show_default=True, help="Whose kinds.")
def explain(what: str | None, provider: str) -> int:
    """Say what can be declared, and what a change of it does; KEY is one of the top, such as `guards`.

    \b
    reconciler explain
    reconciler explain Index
    reconciler explain index.models
    reconciler explain guards
    """
    from reconciler.schema import explain_top, top_words

    kinds = {kind.__name__.lower(): kind for kind in _kinds(provider)}
    words = top_words(provider)
    if not what:
        for kind in kinds.values():
            click.echo(f"{kind.__name__:<18}{(kind.__doc__ or '').strip().splitlines()[0]}")
        click.echo("\nAt the top of a stack also:")
        for name, schema in words.items():
            click.echo(f"{name:<18}{schema['description']}")
        return 0
    name, _, word = what.partition(".")
    kind = kinds.get(name.lower()) or _by_section(kinds, name)
    if kind is None and name not in words:
        raise ReconcilerError(_unknown("kind or key", name, [*(it.__name__ for it in kinds.values()), *words]))
    try:
        lines = list(explain_top(provider, what)) if kind is None else _of_kind(provider, kind, word)
    except KeyError as error:
        known = words[name].get("properties", {})
        raise ReconcilerError(_unknown(f"word of {name}", word, known)) from error
    click.echo("\n".join(lines))
    return 0


def _of_kind(provider: str, kind: Any, word: str) -> list[str]:
    from reconciler.schema import explain as texts
    from reconciler.schema import words_of

    try:
        return list(texts(provider, kind, word or None))
    except KeyError as error:
        known = words_of(provider, kind)
        raise ReconcilerError(_unknown(f"field of {kind.__name__}", word, known)) from error


def _kinds(provider: str) -> Any:
    from reconciler.provider import kinds_of, names

    try:
        return kinds_of(provider)
    except KeyError as error:
        raise ReconcilerError(_unknown("provider", provider, names())) from error


def _by_section(kinds: Mapping[str, Any], name: str) -> Any:
    return next((kind for kind in kinds.values() if "/".join(kind.section_path()) == name), None)


def _unknown(what: str, word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"there is no {what} {word!r}; {f'did you mean {near[0]!r}? ' if near else ''}known: {', '.join(known)}"


@click.command()
@click.option("--provider", default="twelvelabs", show_default=True)
@click.option(
    "--write",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write all schemas into DIR.",
)
def schema(provider: str, directory: Path | None) -> int:
    """Print the JSON Schema of a stack, for editors.

    \b
    reconciler schema > twelvelabs.json
    # yaml-language-server: $schema=twelvelabs.json       the first line of your YAML
    """
    from reconciler.schema import render, schemas, stack_schema

    if directory is None:
        _kinds(provider)
        click.echo(render(stack_schema(provider)), nl=False)
        return 0
    for name, made in schemas().items():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(render(made), encoding="utf-8")
        except OSError as error:
            raise ReconcilerError(f"{directory / name} cannot be written ({error.strerror})") from error
        click.echo(f"wrote {directory / name}")
    return 0
