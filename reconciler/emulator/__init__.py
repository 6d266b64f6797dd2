"""A fake of the vendors' HTTP APIs that people can trust: strict where they are strict, hostile where networks are.

    emulator = twelvelabs.app()                              # state in memory; or app(Path("emulator.db"))
    httpx.AsyncClient(base_url="http://emulator/v1.3", transport=transport(emulator))
    serve(emulator, "127.0.0.1", 8080)

`core` is what all vendors share; each vendor is a package beside it with one factory, `app`. Nothing of the engine is
imported here: it is the other side of the contract.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.emulator.core.app import Emulator
from reconciler.emulator.core.clock import MachineClock, ManualClock, SettableClock
from reconciler.emulator.core.inprocess import transport
from reconciler.emulator.core.request_log import Exchange

if TYPE_CHECKING:
    from reconciler.emulator.core.server import ServedEmulator, serve

__all__ = [
    "VENDORS",
    "Emulator",
    "Exchange",
    "MachineClock",
    "ManualClock",
    "ServedEmulator",
    "SettableClock",
    "factory",
    "serve",
    "transport",
]

VENDORS = ("twelvelabs", "mixpeek")
"""The packages beside `core`."""


def factory(vendor: str) -> Callable[..., Emulator]:
    """`app(db=None, *, key=…, keys=…, speed=…, seed=…, clock=…, **options)` of a vendor. KeyError if there is none."""
    if vendor not in VENDORS:
        raise KeyError(vendor)
    app: Callable[..., Emulator] = import_module(f"reconciler.emulator.{vendor}").app
    return app


def __getattr__(name: str) -> Any:
    """What needs uvicorn is imported when it is asked for: in process nobody pays for a server."""
    if name in ("ServedEmulator", "serve"):
        from reconciler.emulator.core import server

        return getattr(server, name)
    raise AttributeError(name)
