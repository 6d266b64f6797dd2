"""What is said of an asset that is used before it is ready."""

from __future__ import annotations

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj
from reconciler.emulator.twelvelabs.problems import invalid

__all__ = ["not_ready"]


def not_ready(asset: Obj) -> ApiProblem:
    """Clients look for "being processed" in the message: of the answer nothing else is known."""
    if asset.status == "processing":
        return invalid(f"The asset {asset.id} is still being processed. Try again when its status is ready.")
    return invalid(f"The asset {asset.id} is {asset.status}, not ready.")
