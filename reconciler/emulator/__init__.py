"""A fake of the vendors' HTTP APIs that people can trust: strict where they are strict, hostile where networks are.

    emulator = Emulator()                                    # state in memory; or Emulator(Path("emulator.db"))
    httpx.AsyncClient(base_url="http://emulator/v1.3", transport=transport(emulator))
    serve(emulator, "127.0.0.1", 8080)

A request goes `server | inprocess → app → routing → faults → families/<one> → store`. A family is one file with three
parts: state, wire, routes. It imports nothing of the engine: it is the other side of the contract.
"""

from typing import TYPE_CHECKING, Any

from reconciler.emulator.app import Emulator
from reconciler.emulator.clock import Clock, ManualClock, SystemClock
from reconciler.emulator.inprocess import transport
from reconciler.emulator.journal import Exchange
from reconciler.emulator.options import Options

if TYPE_CHECKING:
    from reconciler.emulator.server import ServedEmulator, serve

__all__ = [
    "Clock",
    "Emulator",
    "Exchange",
    "ManualClock",
    "Options",
    "ServedEmulator",
    "SystemClock",
    "serve",
    "transport",
]


def __getattr__(name: str) -> Any:
    """What needs uvicorn is imported when it is asked for: in process nobody pays for a server."""
    if name in ("ServedEmulator", "serve"):
        from reconciler.emulator import server

        return getattr(server, name)
    raise AttributeError(name)
