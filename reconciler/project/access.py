"""Where things are: the stack's files, the account and its key, the emulator in its place, the state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import Problem, ReconcilerError, Unauthorised, how_to_install
from reconciler.lazily import hashlib
from reconciler.load import Environment, load
from reconciler.load.grammar.environment import ALLOW, globs_in
from reconciler.model import ReadMode, ReadSettings, Stack
from reconciler.project.options import ProjectOptions
from reconciler.provider import Access, known, names, provider
from reconciler.redact import Learned, learn, passwords_in

if TYPE_CHECKING:
    import httpx

    from reconciler.http.purse import Keeper
    from reconciler.kinds import Kinds
    from reconciler.refresh import Looks
    from reconciler.results.shelf import Shelf
    from reconciler.state import State
    from reconciler.tariff import Limit

__all__ = [
    "account",
    "environment",
    "in_process",
    "keeper",
    "kept_of_the_emulator",
    "limits",
    "load_stack",
    "looking",
    "open_state",
    "said_of_the_place",
    "shelf",
    "shown",
]

EMULATOR_KEY = "emulator"


def environment(allow_env: Sequence[str]) -> Environment:
    """What a stack may read of the environment: what this run and the environment itself say."""
    return Environment(Learned(os.environ), globs_in(*allow_env, os.environ.get(ALLOW, "")))


def load_stack(path: Path, options: ProjectOptions, instead: Mapping[str, bytes] | None = None) -> Stack:
    """The stack at a path, or every problem of it; with other bytes `instead` of those of some files."""
    return load(
        path,
        variables=options.variables,
        var_file=options.var_file,
        environ=Learned(os.environ),
        allow_env=environment(options.allow_env).allowed,
        instead=instead,
    )


def account(provider_name: str, options: ProjectOptions) -> tuple[str, str]:
    """(address, key) of the account that the options and the environment name. What it is is asked by this and not by
    a request: a saved plan is for one address and one key."""
    if not known(provider_name):
        raise ReconcilerError(f"there is no provider {provider_name!r}; known: {', '.join(names())}")
    if options.emulator is not False:
        file = "" if options.emulator is True else Path(options.emulator).absolute()
        return f"emulator:{file}", EMULATOR_KEY
    access = provider(provider_name).access
    return _address(options, access), _key(access.key_variables)


def shown(provider_name: str, options: ProjectOptions) -> str:
    """Which account it is, for people and programs: no path of this machine, and a key is a digest."""
    from reconciler.planfile import account_of

    if options.emulator is not False:
        return "emulator"
    try:
        return account_of(*account(provider_name, options)).partition("://")[2]
    except ReconcilerError:
        return ""


def _address(options: ProjectOptions, access: Access) -> str:
    """Where the API is: as was said, or the environment, or as its vendor does."""
    from reconciler.http.environment import address_of

    given = {name: os.environ.get(name) for name in access.url_variables}
    name = "--endpoint" if options.endpoint is not None else next((it for it in given if given[it]), "")
    url = options.endpoint if options.endpoint is not None else given.get(name)
    return access.base_url if url is None else address_of(url, name, allow_http=options.allow_http)


def _key(names: tuple[str, ...]) -> str:
    key = next((value for name in names if (value := os.environ.get(name))), None)
    if not key:
        raise Unauthorised(f"no API key: set {names[0]} in the environment, or try it offline with --emulator")
    learn(key)
    return key


def _emulator_file(root: Path, options: ProjectOptions) -> Path:
    return root / ".reconciler" / "emulator.db" if isinstance(options.emulator, bool) else Path(options.emulator)


def in_process(stack: Stack, options: ProjectOptions) -> tuple[str, httpx.AsyncBaseTransport]:
    """The provider's own emulator: its address, and what requests go through."""
    import sqlite3
    from urllib.parse import urlsplit

    from reconciler.state.files import refuse_links

    path = _emulator_file(stack.root, options)
    try:
        from reconciler.emulator import transport
    except ImportError as error:
        raise ReconcilerError(f"the emulator is an extra: {how_to_install('emulator')}") from error
    chosen = provider(stack.provider)
    refuse_links(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        app = chosen.emulator(path)
    except (OSError, sqlite3.Error) as error:
        raise ReconcilerError(f"{path} cannot keep the emulator's account ({error}); give --emulator=FILE") from error
    if app is None:
        raise ReconcilerError(f"the provider {stack.provider} has no emulator; leave --emulator out")
    return f"http://emulator{urlsplit(chosen.access.base_url).path}", transport(app)


def shelf(stack: Stack, options: ProjectOptions) -> Shelf:
    """Where results are kept. What an emulator made up is kept beside its account: it must never be taken for what a
    model has made."""
    from reconciler.results.shelf import DEFAULT, Shelf

    if options.emulator is False:
        return Shelf(stack.name, stack.root, stack.results)
    beside = _emulator_file(stack.root, options)
    said = stack.results or {DEFAULT: {}}
    places = {name: f"{beside.stem}.results" + ("" if name == DEFAULT else f"-{name}") for name in said}
    return Shelf(stack.name, beside.parent, {name: {**one, "to": places[name]} for name, one in said.items()})


async def kept_of_the_emulator(stack: Stack, options: ProjectOptions) -> int:
    """How many sets a run with `--emulator` has kept beside its account, for who looks for them where those of the real
    one are."""
    beside = replace(options, emulator=True)
    if options.emulator is not False or not _emulator_file(stack.root, beside).exists():
        return 0
    with closing(shelf(stack, beside)) as there:
        return len(await there.places())


def state_url(root: Path, options: ProjectOptions) -> str:
    """Where the state is: as given, beside the emulator's account, or under the stack."""
    if options.shared_state:
        return options.shared_state
    if options.emulator is False:
        file = root / ".reconciler" / "state.db"
    else:
        beside = _emulator_file(root, options)
        file = beside.with_name(f"{beside.stem}.state.db")
    return f"sqlite:///{file.absolute()}"


def open_state(stack: str, root: Path, options: ProjectOptions, *, create: bool) -> State:
    """The state of a stack of that name; made when it is to be written to."""
    from reconciler.state import State

    learn(*passwords_in(options.shared_state or ""))
    return State.open(state_url(root, options), stack, create=create)


def looking(stack: Stack, options: ProjectOptions, account: str, kinds: Kinds) -> Looks:
    """How the account is read: as the options say, else as `refresh:` of the stack does. What was read is kept where
    anybody has said anything of it."""
    from reconciler.refresh import KeptLists, Looks, owner_of
    from reconciler.state.files import DIRECTORY

    said = stack.reading
    if said is None and options.refresh is None:
        return Looks()
    said = said or ReadSettings()
    file = stack.root / DIRECTORY / f"{stack.name}.seen.db"
    if options.emulator is not False:
        beside = _emulator_file(stack.root, options)
        file = beside.with_name(f"{beside.stem}.{stack.name}.seen.db")
    mode = said.mode if options.refresh is None else ReadMode(options.refresh)
    kept = KeptLists(file, owner_of(account, stack.name, kinds))
    return Looks(mode, kept, timedelta(seconds=said.full_every_s))


def keeper(provider_name: str, options: ProjectOptions, address: str, key: str) -> Keeper | None:
    """Who keeps what runs of one account share of its rate limits: the state's database, where it is one for many
    machines; else a file in the user's cache. None where nothing is shared."""
    name = options.shared_budget
    if options.emulator is not False or name == "off":
        return None
    from reconciler.planfile import account_of

    said = f"reconciler budget\n{provider_name}\n{name or account_of(address, key)}"
    digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]
    if (url := options.shared_state) and not url.startswith("sqlite"):
        from reconciler.state.budget_rows import BudgetRows

        return BudgetRows(url, digest)
    from reconciler.files.cache import cache_path
    from reconciler.state.budget_file import BudgetFile

    path = cache_path()
    return BudgetFile(path.parent / "budgets", digest) if path is not None else None


def limits(stack: Stack) -> Mapping[str, tuple[Limit, ...]]:
    """What the account's plan allows, by bucket, where the stack says which plan that is."""
    return provider(stack.provider).tariff.limits.get(str(stack.guards.get("plan")), {})


def said_of_the_place(options: ProjectOptions) -> Iterator[Problem]:
    """What is to be said of where this runs."""
    if os.environ.get("CI") and not options.shared_state and options.emulator is False:
        text = (
            "this runs in CI with its state in the checkout: unless that is kept, each run knows nothing of the ones "
            "before. Give all of them one state with --state or RECONCILER_STATE"
        )
        yield Problem("", 0, 0, "", text, "warning")
