"""Options that many commands take, and what they open: stack, provider, state."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.errors import Problem, ReconcilerError, Unauthorised, how_to_install
from reconciler.redact import Learned, learn, passwords_in

if TYPE_CHECKING:
    import httpx

    from reconciler.engine import Session
    from reconciler.load import Environment
    from reconciler.model import Stack
    from reconciler.plan.guards import Consent
    from reconciler.provider import Provider
    from reconciler.state import State

__all__ = ["Settings", "emulated", "load_stack", "online", "open_session", "state_url", "targets", "variables"]

F = TypeVar("F", bound=Callable[..., Any])

EMULATOR_KEY = "emulator"
IN_PROCESS = "http://emulator/v1.3"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the account and the state."""

    path: Path
    emulator: str | None = None
    endpoint: str | None = None
    allow_http: bool = False
    state: str | None = None
    parallelism: int = 8
    poll_interval: float | None = None
    variables: Mapping[str, str] | None = None
    var_file: Path | Mapping[str, Any] | None = None
    """A file; of a saved plan what was in it."""
    allow_env: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    upload_parallelism: int = 8
    bandwidth: float | None = None
    """Bytes per second."""
    json_events: str | None = None


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


def online(function: F) -> F:
    """Everything that a command needs to talk to an API and to keep state."""
    function = click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR).")(function)
    function = click.option(
        "--poll-interval",
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="First pause between looks at what is not ready [1].",
    )(function)
    function = click.option(
        "--parallelism", type=click.IntRange(1, 64), default=8, show_default=True, help="Writes side by side."
    )(function)
    function = click.option(
        "--state",
        metavar="URL",
        envvar="RECONCILER_STATE",
        help="Where state is kept [sqlite under the stack's .reconciler/, or beside the emulator's account].",
    )(function)
    function = click.option(
        "--allow-http", is_flag=True, envvar="RECONCILER_ALLOW_HTTP", help="Send the API key to http:// hosts too."
    )(function)
    function = click.option("--endpoint", metavar="URL", help="The API's address, if it is not the provider's own.")(
        function
    )
    return variables(emulated(function))


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
    function = click.option("--exclude", metavar="ADDRESS", multiple=True, help="Leave these out (globs).")(function)
    return click.option("--target", metavar="ADDRESS", multiple=True, help="Only these, and what they need (globs).")(
        function
    )


def settings(path: Path, options: Mapping[str, Any]) -> Settings:
    """What the options of `online` say."""
    if options.get("no_color"):
        os.environ["NO_COLOR"] = "1"
        click.get_current_context().color = False
    return Settings(
        path=path,
        emulator=options.get("emulator"),
        endpoint=options.get("endpoint"),
        allow_http=options.get("allow_http", False),
        state=_state(options),
        parallelism=options.get("parallelism", 8),
        poll_interval=options.get("poll_interval"),
        variables=parsed(options.get("var", ())),
        var_file=options.get("var_file"),
        allow_env=tuple(options.get("allow_env", ())),
        target=tuple(options.get("target", ())),
        exclude=tuple(options.get("exclude", ())),
        upload_parallelism=options.get("upload_parallelism", 8),
        bandwidth=options.get("bandwidth"),
        json_events=options.get("json_events"),
    )


def _state(options: Mapping[str, Any]) -> str | None:
    """The state that is asked for. What the environment names is for the real account, not for the emulator's."""
    given: str | None = options.get("state")
    if options.get("emulator") is None or not given:
        return given
    source = click.get_current_context().get_parameter_source("state")
    return None if source is click.core.ParameterSource.ENVIRONMENT else given


def parsed(pairs: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE pairs."""
    result = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--var {pair!r}: write it as NAME=VALUE")
        result[name] = value
    return result


def load_stack(
    path: Path,
    given: Mapping[str, str] | None = None,
    var_file: Path | Mapping[str, Any] | None = None,
    allow_env: Sequence[str] = (),
) -> Stack:
    """The stack at a path, or every problem of it."""
    from reconciler.load import load

    allowed = _environment(allow_env).allowed
    return load(path, variables=given or {}, var_file=var_file, environ=Learned(os.environ), allow_env=allowed)


def _environment(allow_env: Sequence[str]) -> Environment:
    """What a stack may read of the environment: what this command and the environment itself say."""
    from reconciler.load.grammar.environment import ALLOW, Environment, globs_in

    return Environment(Learned(os.environ), globs_in(*allow_env, os.environ.get(ALLOW, "")))


def state_url(stack: Stack, options: Settings) -> str:
    """Where the state is: as given, beside the emulator's account, or under the stack."""
    if options.state:
        return options.state
    if options.emulator is not None:
        account = _emulator_file(stack, options.emulator)
        file = account.with_name(f"{account.stem}.state.db")
    else:
        file = stack.root / ".reconciler" / "state.db"
    return f"sqlite:///{file.absolute()}"


def open_state(stack: Stack, options: Settings, *, create: bool) -> State:
    """The stack's state; made when it is to be written to."""
    from reconciler.state import State

    learn(*passwords_in(options.state or ""))
    return State.open(state_url(stack, options), stack.name, create=create)


def _emulator_file(stack: Stack, given: str) -> Path:
    return Path(given) if given else stack.root / ".reconciler" / "emulator.db"


def _place(path: Path) -> str:
    """What names the stack, within its directory."""
    return path.name if path.is_file() else "."


def _said(options: Settings) -> Iterator[Problem]:
    """What is to be said of where this runs."""
    if os.environ.get("CI") and not options.state and options.emulator is None:
        text = (
            "this runs in CI with its state in the checkout: unless that is kept, each run knows nothing of the ones "
            "before. Give all of them one state with --state or RECONCILER_STATE"
        )
        yield Problem("", 0, 0, "", text, "warning")


def account(provider_name: str, options: Settings) -> tuple[str, str]:
    """(address, key) of the account that the options and the environment name."""
    from reconciler.provider import provider

    if options.emulator is not None:
        return f"emulator:{Path(options.emulator).absolute() if options.emulator else ''}", EMULATOR_KEY
    chosen = provider(provider_name)
    return _address(options, chosen), _key(chosen.access.key_variables)


@asynccontextmanager
async def open_session(
    stack: Stack, state: State, options: Settings, consent: Consent | None = None
) -> AsyncIterator[Session]:
    """A session on the account that the options and the environment name."""
    from reconciler.engine import Limits, Session
    from reconciler.files import Files, Sending
    from reconciler.http import Http, SystemClock
    from reconciler.load import expand
    from reconciler.plan.guards import Consent
    from reconciler.plan.targeting import Targeting
    from reconciler.planfile import account_of
    from reconciler.provider import Drivers, Hands
    from reconciler.provider import provider as find_provider

    chosen = find_provider(stack.provider)
    access = chosen.access
    transport = _in_process(stack, options.emulator) if options.emulator is not None else None
    address, key = account(stack.provider, options)
    base_url = IN_PROCESS if transport else address
    clock = SystemClock()
    hint = f"check the key in {access.key_variables[0]}"
    poll_s = options.poll_interval if options.poll_interval is not None else 0.0 if transport else None
    async with Http(base_url, headers=access.headers(key), transport=transport, clock=clock, key_hint=hint) as http:
        http.on_wait = _told_of_a_wait
        files, bandwidth = Files(stack.root), options.bandwidth
        sending = Sending(files, clock=clock, parallelism=options.upload_parallelism, bytes_per_s=bandwidth)
        yield Session(
            stack=stack,
            drivers=Drivers(chosen, Hands(http, sending, clock, stack.root)),
            state=state,
            clock=clock,
            limits=Limits(parallelism=options.parallelism, poll_s=poll_s),
            consent=consent or Consent(),
            targeting=Targeting(options.target, options.exclude),
            resolve=partial(expand, environment=_environment(options.allow_env)),
            account=account_of(address, key),
            said=tuple(_said(options)),
            place=_place(options.path),
            alone=not options.state and not options.emulator and not stack.varies,
        )


def _told_of_a_wait(seconds: float, why: str) -> None:
    from reconciler.model import Paused
    from reconciler.reports.progress import paused

    click.echo(paused(Paused(round(seconds), why)), err=True)


def _in_process(stack: Stack, file: str) -> httpx.AsyncBaseTransport:
    import sqlite3

    from reconciler.state.files import refuse_links

    try:
        from reconciler.emulator import factory, transport
    except ImportError as error:
        raise ReconcilerError(f"the emulator is an extra: {how_to_install('emulator')}") from error
    path = _emulator_file(stack, file)
    refuse_links(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return transport(factory(stack.provider)(path))
    except (OSError, sqlite3.Error) as error:
        raise ReconcilerError(f"{path} cannot keep the emulator's account ({error}); give --emulator=FILE") from error


def _address(options: Settings, chosen: Provider) -> str:
    """Where the API is: as the command says, or the environment, or as its vendor does."""
    from reconciler.http.environment import address_of

    given = {name: os.environ.get(name) for name in chosen.access.url_variables}
    name = "--endpoint" if options.endpoint is not None else next((it for it in given if given[it]), "")
    url = options.endpoint if options.endpoint is not None else given.get(name)
    return chosen.access.base_url if url is None else address_of(url, name, allow_http=options.allow_http)


def _from_environment(names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)


def _key(names: tuple[str, ...]) -> str:
    key = _from_environment(names)
    if not key:
        raise Unauthorised(f"no API key: set {names[0]} in the environment, or try it offline with --emulator")
    learn(key)
    return key
