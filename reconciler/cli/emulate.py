"""emulate: the fake API of a provider, served."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.errors import ReconcilerError, how_to_install

if TYPE_CHECKING:
    from reconciler.emulator import Emulator

__all__ = ["emulate"]

VENDORS = ("twelvelabs", "mixpeek")
VINTAGES = {"twelvelabs": ("2024-11", "2026-07", "newest"), "mixpeek": ("2024-10", "2024-11")}
PLANS = {"twelvelabs": ("free", "developer-1", "developer-2", "developer-3"), "mixpeek": ("free", "pro")}
"""Written down here too, so that `--help` loads no server; a test holds them equal to the emulator's."""
EVERY = frozenset({"provider", "host", "port", "db", "names"})
"""What can be said of the emulator of any provider; the rest is of those that come along."""


def _by_vendor(words: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{vendor} {', '.join(some)}" for vendor, some in words.items())


@click.command()
@click.option("--provider", default=VENDORS[0], show_default=True, metavar="NAME", help="Whose API it is.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8099, show_default=True, help="0 takes a free one.")
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the account in this SQLite file.")
@click.option("--speed", type=click.Choice(["instant", "real"]), default="instant", show_default=True)
@click.option("--vintage", metavar="NAME", help=f"The API as it was: {_by_vendor(VINTAGES)} [the last].")
@click.option("--plan", metavar="NAME", help=f"Rate limits and quotas of this plan: {_by_vendor(PLANS)} [none].")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY[=ACCOUNT]",
    help="Accept this API key only [any]. Several: each ACCOUNT has objects of its own.",
)
@click.option("--deny", multiple=True, metavar="FAMILY", help="A family of endpoints that the keys may not use.")
@click.option("--transcripts", type=click.Path(file_okay=False, exists=True), help="What is said, as FILENAME.json.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A name by which it may be called.")
@click.option("--seed", type=int, default=0, show_default=True, help="What ids are made from.")
@click.pass_context
def emulate(
    ctx: click.Context, /, provider: str, host: str, port: int, db: Path | None, names: tuple[str, ...], **given: Any
) -> int:
    """Serve a fake of a provider's API on this machine: no model runs, nothing leaves it.

    \b
    reconciler emulate --port 8099 &
    TWELVELABS_API_KEY=any reconciler plan --endpoint http://127.0.0.1:8099/v1.3
    """
    try:
        from reconciler.emulator import serve
    except ImportError as error:
        raise ReconcilerError(f"the emulator is an extra: {how_to_install('emulator')}") from error

    try:
        app, prefix = _ours(provider, db, **given) if provider in VENDORS else _theirs(ctx, provider, db)
    except (OSError, sqlite3.Error) as error:
        raise ReconcilerError(f"{db} cannot keep the emulator's account ({error}); give another --db") from error
    try:
        serve(app, host, port, prefix=prefix, names=names, on_listening=_say)
    except OSError as error:
        raise ReconcilerError(f"cannot serve on {host}:{port}: {error.strerror}; take another --port") from error
    return 0


def _ours(vendor: str, db: Path | None, *, keys: tuple[str, ...], deny: tuple[str, ...], **given: Any) -> Any:
    """One that comes along, with all that can be said of it."""
    from reconciler.emulator import factory

    for option, words in (("vintage", VINTAGES[vendor]), ("plan", PLANS[vendor])):
        if given[option] is None:
            del given[option]
        elif given[option] not in words:
            raise ReconcilerError(f"--{option}: {given[option]!r} is not one of {', '.join(words)}")
    denied = {"*": list(deny)} if deny else {}
    try:
        emulator: Emulator = factory(vendor)(db, keys=dict(map(_account_of, keys)), denied=denied, **given)
    except ValueError as error:
        raise ReconcilerError(str(error)) from error
    known = [family.name for family in emulator.families]
    if unknown := set(deny) - set(known):
        raise ReconcilerError(f"there is no family {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return emulator, emulator.vendor.api.prefix


def _theirs(ctx: click.Context, name: str, db: Path | None) -> Any:
    """That of a provider of a package of its own, which knows no options but the file; where its API begins."""
    from urllib.parse import urlsplit

    from reconciler.provider import names, provider

    if name not in names():
        raise ReconcilerError(f"there is no provider {name!r}; there are {', '.join(names())}")
    said = [it for it in ctx.params if ctx.get_parameter_source(it) is ParameterSource.COMMANDLINE and it not in EVERY]
    if said:
        option = next(it.opts[0] for it in ctx.command.params if it.name == said[0])
        raise ReconcilerError(f"the emulator of {name} takes no {option}")
    chosen = provider(name)
    app = chosen.emulator(db)
    if app is None:
        raise ReconcilerError(f"the provider {name} has no emulator")
    return app, urlsplit(chosen.access.base_url).path.rstrip("/")


def _account_of(given: str) -> tuple[str, str]:
    """The key, and the account it opens: the main one, if none is named."""
    key, _, account = given.partition("=")
    return key, account


def _say(url: str) -> None:
    click.echo(f"Serving on {url} (Ctrl-C ends it)", err=True)
