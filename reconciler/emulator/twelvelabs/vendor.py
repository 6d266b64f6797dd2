"""TwelveLabs, as `core` must know it: where it lives, its families, and what it says to what it does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.emulator.core.app import Emulator
from reconciler.emulator.core.endpoints import Api, EndpointFamily
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.vendor import Unserved, Vendor
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.families import FAMILIES
from reconciler.emulator.twelvelabs.options import Options
from reconciler.emulator.twelvelabs.problems import envelope, invalid
from reconciler.emulator.twelvelabs.rates import Limiter

__all__ = ["VENDOR", "app"]


def app(db: Path | None = None, *, families: Sequence[EndpointFamily] = FAMILIES, **settings: Any) -> Emulator:
    """The emulator of this vendor. Its account is in memory, or in the file `db`.

    `settings` are what every emulator takes (`key`, `keys`, `speed`, `seed`, `clock`), and the fields of `Options`.
    """
    return Emulator(replace(VENDOR, families=tuple(families)), db, **settings)


def unserved(why: Unserved, what: str) -> ApiProblem:
    """Why no handler was asked, in the vendor's words; the 405 is chosen, for nobody has seen one."""
    match why:
        case "no endpoint":
            return ApiProblem(404, "endpoint_not_exists", "There is no such endpoint.")
        case "wrong method":
            return ApiProblem(405, "method_not_allowed", f"{what} is not supported here.")
        case "bad key":
            return ApiProblem(401, "api_key_invalid", "The API key is missing, or it is not valid.")
        case "wrong type":
            message = f"The content type '{what}' is not supported. Please use 'multipart/form-data'."
            return ApiProblem(400, "content_type_invalid", message)
        case "broken form":
            return invalid(f"The form cannot be read: {what}")


VENDOR = Vendor(
    name="twelvelabs",
    api=Api("/v1.3", "x-api-key", {"X-Api-Version": "1.3"}),
    families=FAMILIES,
    options=Options(),
    arrival=ApiCall,
    unserved=unserved,
    envelope=envelope,
    limiter=Limiter,
    whole_numbers=True,
)
