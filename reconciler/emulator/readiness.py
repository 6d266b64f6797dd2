"""What is said of an asset that is used before it is ready."""

from __future__ import annotations

from reconciler.emulator.problems import Problem, invalid
from reconciler.emulator.store import Obj

__all__ = ["not_ready"]


def not_ready(asset: Obj) -> Problem:
    """Clients look for "being processed" in the message: of the answer nothing else is known."""
    if asset.status == "processing":
        return invalid(f"The asset {asset.id} is still being processed. Try again when its status is ready.")
    return invalid(f"The asset {asset.id} is {asset.status}, not ready.")
