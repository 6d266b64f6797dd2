"""Options that many commands take, and the project that they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.completing import complete
from reconciler.cli.logs import LEVELS, logging_at

if TYPE_CHECKING:
    from reconciler.model import Paused, Stack
    from reconciler.project import Project, ProjectOptions

__all__ = [
    "FORMAT",
    "emulated",
    "formatted",
    "load_stack",
    "looking_online",
    "online",
    "options_of",
    "parsed",
    "project_at",
    "recorded",
    "refreshed",
    "targets",
    "told_of_a_holder",
    "told_of_a_pause",
    "variables",
    "waiting",
]

PARALLELISM = 16

F = TypeVar("F", bound=Callable[..., Any])


def variables(function: F) -> F:
    """--var and --var-file, and --allow-env."""
    function = click.option(
        "--allow-env",
        metavar="NAME",
        multiple=True,
        help="Let the stack read this variable as ${env.NAME} (globs; also: RECONCILER_ALLOW_ENV).",
    )(function)
    function = click.option("--var", "var", metavar="NAME=VALUE", multiple=True, help="Give a variable its value.")(
        function
    )
    return click.option(
        "--var-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML file of variables."
    )(function)


def waiting(function: F) -> F:
    """--lock-timeout."""
    return click.option(
        "--lock-timeout",
        type=click.FloatRange(0),
        default=0.0,
        metavar="SECONDS",
        help="Wait so long for a stack that another run holds [0].",
    )(function)


def logged(function: F) -> F:
    """--log."""
    return click.option(
        "--log",
        type=click.Choice(LEVELS),
        envvar="RECONCILER_LOG",
        callback=logging_at,
        expose_value=False,
        help="Tell of each request on standard error (also: RECONCILER_LOG).",
    )(function)


def online(function: F) -> F:
    """Everything that a command needs to talk to an API and to keep state."""
    function = click.option(
        "--parallelism",
        type=click.IntRange(1, 64),
        default=PARALLELISM,
        show_default=True,
        help="Writes side by side at most; fewer while the API takes no more.",
    )(function)
    return looking_online(function)


def looking_online(function: F) -> F:
    """The same, of a command that writes nothing to the account."""
    function = waiting(logged(function))
    function = click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR).")(function)
    function = click.option(
        "--poll-interval",
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="First pause between looks at what is not ready [1].",
    )(function)
    function = click.option(
        "--state",
        metavar="URL",
        help="Where state is kept [sqlite under the stack's .reconciler/, or beside the emulator's account]. "
        "With a password: RECONCILER_STATE.",
    )(function)
    function = click.option(
        "--allow-http",
        is_flag=True,
        envvar="RECONCILER_ALLOW_HTTP",
        help="Send the API key to http:// hosts too (also: RECONCILER_ALLOW_HTTP).",
    )(function)
    function = click.option("--endpoint", metavar="URL", help="The API's address, if it is not the provider's own.")(
        function
    )
    return variables(emulated(function))


def refreshed(*modes: str) -> Callable[[F], F]:
    """--refresh, one of these."""
    none = "; none asks nothing, and cannot be applied" if "none" in modes else ""
    return click.option(
        "--refresh",
        type=click.Choice(modes),
        help=f"Read the account whole, or by what differs since it was read whole{none} [as `refresh:` says; full].",
    )


def emulated(function: F) -> F:
    """--emulator."""
    return click.option(
        "--emulator",
        metavar="[=FILE]",
        is_flag=False,
        flag_value="",
        help="Use the built-in fake of the API, kept in --emulator=FILE [.reconciler/emulator.db].",
    )(function)


def targets(function: F) -> F:
    """--target and --exclude."""
    names: Any = {"metavar": "ADDRESS", "multiple": True, "shell_complete": complete}
    function = click.option("--exclude", **names, help="Leave these out (globs).")(function)
    return click.option("--target", **names, help="Only these, and what they need (globs).")(function)


def recorded(function: F) -> F:
    """What a command needs that asks a state and no API: --state, --emulator, and the variables of the stack."""
    return click.option("--state", metavar="URL", help="Where state is kept.")(emulated(variables(function)))


def formatted(*choices: str) -> Callable[[F], F]:
    """--format, one of these."""
    return click.option("--format", "form", type=click.Choice(choices), default="text", show_default=True)


FORMAT = formatted("text", "json")


def options_of(given: Mapping[str, Any]) -> ProjectOptions:
    """What the options of `online` say."""
    from reconciler.project import ProjectOptions

    if given.get("no_color"):
        os.environ["NO_COLOR"] = "1"
        click.get_current_context().color = False
    emulator = given.get("emulator")
    return ProjectOptions(
        emulator=False if emulator is None else emulator or True,
        endpoint=given.get("endpoint"),
        allow_http=given.get("allow_http", False),
        state=given.get("state"),
        variables=parsed(given.get("var", ())),
        var_file=given.get("var_file"),
        allow_env=tuple(given.get("allow_env", ())),
        parallelism=given.get("parallelism", PARALLELISM),
        poll_interval=given.get("poll_interval"),
        upload_parallelism=given.get("upload_parallelism", 8),
        bandwidth=given.get("bandwidth"),
        lock_timeout=given.get("lock_timeout", 0.0),
        refresh=given.get("refresh"),
    )


def project_at(path: Path, given: Mapping[str, Any]) -> Project:
    """The project of the stack at a path, or every problem of the stack."""
    from reconciler.project import Project, access

    options = options_of(given)
    project = Project(access.load_stack(path, options), options, path=path, on_pause=told_of_a_pause)
    project.on_locked = told_of_a_holder
    if observer := given.get("observer"):
        observer.opened(project)
    return project


def load_stack(path: Path, given: Mapping[str, Any]) -> Stack:
    """The stack at a path, for who needs no account."""
    from reconciler.project import access

    return access.load_stack(path, options_of(given))


def told_of_a_pause(event: Paused) -> None:
    """On standard error, that nothing goes on for a while."""
    from reconciler.reports.progress import paused

    click.echo(paused(event), err=True)


def told_of_a_holder(who: str) -> None:
    """On standard error, who holds the stack that is waited for."""
    click.echo(f"Waiting: {who}", err=True)


def parsed(pairs: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE pairs."""
    result = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--var {pair!r}: write it as NAME=VALUE")
        result[name] = value
    return result
