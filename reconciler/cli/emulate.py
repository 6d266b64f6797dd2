"""emulate: the fake API, served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.errors import ReconcilerError, how_to_install

__all__ = ["emulate"]

VENDORS = ("twelvelabs",)
VINTAGES = ("2024-11", "2026-07", "newest")
PLANS = ("free", "developer-1", "developer-2", "developer-3")
"""Written down here too, so that `--help` loads no server; a test holds them equal to the emulator's."""


@click.command()
@click.option("--provider", type=click.Choice(VENDORS), default=VENDORS[0], show_default=True, help="Whose API it is.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8099, show_default=True, help="0 takes a free one.")
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the account in this SQLite file.")
@click.option("--speed", type=click.Choice(["instant", "real"]), default="instant", show_default=True)
@click.option("--vintage", type=click.Choice(VINTAGES), default=VINTAGES[-1], show_default=True)
@click.option("--plan", type=click.Choice(PLANS), help="Rate limits and quotas of this plan [none].")
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
def emulate(
    provider: str, host: str, port: int, db: Path | None, keys: tuple[str, ...], names: tuple[str, ...], **given: Any
) -> int:
    """Serve a fake of a provider's API on this machine: no model runs, nothing leaves it.

    \b
    reconciler emulate --port 8099 &
    TWELVELABS_API_KEY=any reconciler plan --endpoint http://127.0.0.1:8099/v1.3
    """
    try:
        from reconciler.emulator import factory, serve
    except ImportError as error:
        raise ReconcilerError(f"the emulator is an extra: {how_to_install('emulator')}") from error

    deny = given.pop("deny")
    denied = {"*": list(deny)} if deny else {}
    try:
        emulator = factory(provider)(db, keys=dict(map(_account_of, keys)), denied=denied, **given)
        unknown = set(deny) - {family.name for family in emulator.families}
    except ValueError as error:
        raise ReconcilerError(str(error)) from error
    if unknown:
        known = ", ".join(family.name for family in emulator.families)
        raise ReconcilerError(f"there is no family {', '.join(sorted(unknown))}; there are {known}")
    try:
        serve(emulator, host, port, names=names, on_listening=_say)
    except OSError as error:
        raise ReconcilerError(f"cannot serve on {host}:{port}: {error.strerror}; take another --port") from error
    return 0


def _account_of(given: str) -> tuple[str, str]:
    """The key, and the account it opens: the main one, if none is named."""
    key, _, account = given.partition("=")
    return key, account


def _say(url: str) -> None:
    click.echo(f"Serving on {url} (Ctrl-C ends it)", err=True)
