"""emulate: the fake API, served."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.errors import ReconcilerError, how_to_install

__all__ = ["emulate"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8099, show_default=True, help="0 takes a free one.")
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the account in this SQLite file.")
@click.option("--speed", type=click.Choice(["instant", "real"]), default="instant", show_default=True)
@click.option("--key", help="Accept this API key only [any].")
@click.option("--seed", type=int, default=0, show_default=True, help="What ids are made from.")
def emulate(host: str, port: int, db: Path | None, speed: str, key: str | None, seed: int) -> int:
    """Serve a fake of the TwelveLabs API on this machine: no model runs, nothing leaves it.

    \b
    reconciler emulate --port 8099 &
    TWELVELABS_API_KEY=any reconciler plan --endpoint http://127.0.0.1:8099/v1.3
    """
    try:
        from reconciler.emulator import Emulator, serve
    except ImportError as error:
        raise ReconcilerError(f"the emulator is an extra: {how_to_install('emulator')}") from error

    emulator = Emulator(db, key=key, speed="real" if speed == "real" else "instant", seed=seed)
    try:
        serve(emulator, host, port, on_listening=lambda url: click.echo(f"Serving on {url} (Ctrl-C ends it)", err=True))
    except OSError as error:
        raise ReconcilerError(f"cannot serve on {host}:{port}: {error.strerror}; take another --port") from error
    return 0
