"""`refresh:`, which says how the account is read for a plan when nobody says otherwise.

refresh: {mode: delta, full_every: 24h}
"""

from __future__ import annotations

import re
from typing import Any, Final

from reconciler.load.problems import Place, Problems
from reconciler.load.wording import a, cut
from reconciler.model import ReadMode, ReadSettings

__all__ = ["AGE", "MODES", "REFRESH", "reading_of"]

REFRESH: Final = "refresh"
MODES: Final = (ReadMode.FULL.value, ReadMode.DELTA.value)
"""`none` is for one look, and never what a stack is planned by."""
AGE: Final = r"^[1-9][0-9]{0,4}[smhd]$"


def reading_of(given: tuple[Place, Any] | None, problems: Problems) -> ReadSettings | None:
    """What it says; None where it does not stand, or is wrong."""
    if given is None:
        return None
    place, said = given
    right = True
    for name, value in said.items():
        at = Place(place.source, (*place.path, name))
        if name == "mode" and value not in MODES:
            text = f"refresh.mode: expected {' or '.join(MODES)}, got {a(value)}"
        elif name == "full_every" and not (isinstance(value, str) and re.match(AGE, value)):
            text = f"refresh.full_every: expected a time such as 90m, 24h or 7d, got {a(value)}"
        elif name not in ("mode", "full_every"):
            at = Place(place.source, (*place.path, name), on_key=True)
            text = f'refresh: unknown word "{cut(name)}"{problems.hint(name, ("mode", "full_every"))}'
        else:
            continue
        right = False
        problems.add(at, text)
    if not right:
        return None
    return ReadSettings(ReadMode(said.get("mode", MODES[0])), said.get("full_every", "24h"))
