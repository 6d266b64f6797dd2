"""`replace:` of what others live in: how it is replaced, which checks the new one has to pass, how long the old one is
kept.

    replace: allow
    replace: {how: beside, checks: [goals], hold: 24h, allow: true}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from reconciler.load.grammar.declarations import Declarations
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import Problems
from reconciler.load.wording import a, cut, did_you_mean
from reconciler.load.yaml.positions import Path
from reconciler.model import Check, Replacing, Resource

__all__ = ["HOLD", "KEYS", "WAYS", "known_checks", "replacing_of", "replacing_problems"]

ALLOW: Final = "allow"
WAYS: Final = ("beside", "aside")
KEYS: Final = ("how", "checks", "hold", "allow")
HOLD: Final = r"^[0-9]+[smhd]$"
_LONGEST_S: Final = 366 * 86_400


def replacing_problems(value: Any, shape: Shape) -> Iterator[tuple[Path, str]]:
    """What is wrong with `replace:`: (path below it, summary)."""
    if value == ALLOW:
        return
    if not isinstance(value, Mapping) and not shape.children:
        yield (), f"takes the word allow only, got {a(value)}"
        return
    if not isinstance(value, Mapping):
        yield (), f"takes the word allow, or how it is replaced ({{how: beside, hold: 24h}}), got {a(value)}"
        return
    if not shape.children:
        yield (), "how it is replaced can be said only of what others live in; takes the word allow"
        return
    for name in value:
        if name not in KEYS:
            yield (name,), f'unknown word "{cut(str(name))}"{did_you_mean(str(name), KEYS)}'
    if "how" in value and value["how"] not in WAYS:
        yield ("how",), f"takes {' or '.join(WAYS)}, got {a(value['how'])}"
    if "allow" in value and not isinstance(value["allow"], bool):
        yield ("allow",), f"expected true or false, got {a(value['allow'])}"
    yield from _hold_problems(value)
    yield from _checks_problems(value)


def _hold_problems(value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if "hold" not in value:
        return
    hold = value["hold"]
    if not (isinstance(hold, str) and re.match(HOLD, hold)):
        yield ("hold",), f"expected a time such as 90m, 24h or 7d, got {a(hold)}"
    elif Replacing(hold=hold).hold_s > _LONGEST_S:
        yield ("hold",), f"{hold} is longer than a year; what is kept so long is better declared"
    elif value.get("how") == "aside":
        yield ("hold",), "only what is replaced beside is kept; say how: beside"


def _checks_problems(value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if "checks" not in value:
        return
    names = value["checks"]
    if not isinstance(names, list):
        yield ("checks",), f"expected a list of names of checks, got {a(names)}"
        return
    for number, name in enumerate(names):
        if not isinstance(name, str):
            yield ("checks", number), f"expected the name of a check, got {a(name)}"
    if names and value.get("how") == "aside":
        yield ("checks",), "only what is made beside can be checked before it takes the place; say how: beside"


def replacing_of(value: Any) -> dict[str, Any]:
    """`replace` and `replacing` of a resource, of a value in which nothing is wrong."""
    if not isinstance(value, Mapping):
        return {"replace": True}
    how = Replacing(
        beside=value.get("how", "beside") == "beside",
        checks=tuple(dict.fromkeys(value.get("checks", ()))),
        hold=value.get("hold", ""),
    )
    return {"replace": bool(value.get("allow")), "replacing": how}


def known_checks(
    entries: Declarations,
    resources: Mapping[str, Resource],
    checks: Mapping[str, Check],
    names: Collection[str],
    problems: Problems,
) -> None:
    """Complain of checks that there are not, and of those that search something else. `names` are all that are written:
    of one that is wrong itself nobody knows what it searches."""
    for address, resource in resources.items():
        for number, name in enumerate(resource.replacing.checks):
            check = checks.get(name)
            place = entries[address].place(("replace", "checks", number))
            if name not in names:
                near = did_you_mean(name, names) or "; declare it under `checks:`"
                problems.add(place, f'replace: there is no check "{cut(name)}"{near}', address=address)
            elif check is not None and check.of != address:
                text = f"replace: checks/{name} searches {check.of}, so it says nothing of {address}"
                problems.add(place, text, address=address)
