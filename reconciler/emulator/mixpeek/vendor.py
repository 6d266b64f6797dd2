"""Mixpeek, as `core` must know it: where it lives, its families, and what it says to what it does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.emulator.core.app import Emulator
from reconciler.emulator.core.endpoints import Api, EndpointFamily
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.vendor import Unserved, Vendor
from reconciler.emulator.mixpeek.call import MixpeekCall
from reconciler.emulator.mixpeek.families import FAMILIES
from reconciler.emulator.mixpeek.options import MixpeekOptions
from reconciler.emulator.mixpeek.problems import enveloped
from reconciler.emulator.mixpeek.rates import MinuteLimiter

__all__ = ["VENDOR", "app"]


def app(db: Path | None = None, *, families: Sequence[EndpointFamily] = FAMILIES, **settings: Any) -> Emulator:
    """The emulator of this vendor. Its account is in memory, or in the file `db`.

    `settings` are what every emulator takes (`key`, `keys`, `speed`, `seed`, `clock`), and fields of `MixpeekOptions`.
    """
    return Emulator(replace(VENDOR, families=tuple(families)), db, **settings)


def unserved(why: Unserved, what: str) -> ApiProblem:
    """Why no handler was asked, in words of our own: nobody has published any."""
    match why:
        case "no endpoint":
            return ApiProblem(404, "NotFoundError", "There is no such endpoint.")
        case "wrong method":
            return ApiProblem(405, "MethodNotAllowed", f"{what} is not supported here.")
        case "bad key":
            return ApiProblem(401, "UnauthorizedError", "The API key is missing, or it is not valid.")
        case "wrong type" | "broken form":
            return ApiProblem(400, "BadRequestError", f"The form cannot be read: {what}")


VENDOR = Vendor(
    name="mixpeek",
    api=Api("", "authorization", key_scheme="Bearer"),
    families=FAMILIES,
    options=MixpeekOptions(),
    arrival=MixpeekCall,
    unserved=unserved,
    envelope=enveloped,
    limiter=MinuteLimiter,
)
