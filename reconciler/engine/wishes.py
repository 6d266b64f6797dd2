"""What somebody wants made anew though nothing of it changed: `--replace`. Guards hold as for any replacement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.errors import Invalid, Problem
from reconciler.kinds import Kinds
from reconciler.lazily import difflib
from reconciler.model import Stack
from reconciler.ownership import Claims

__all__ = ["as_seen", "wished_for"]


def wished_for(stack: Stack, kinds: Kinds, replace: Mapping[str, str]) -> Mapping[str, str]:
    """The wishes. Raises Invalid with all that cannot be wished for."""
    if problems := list(_problems(stack, kinds, replace)):
        raise Invalid(problems)
    return replace


def _problems(stack: Stack, kinds: Kinds, replace: Mapping[str, str]) -> Iterator[Problem]:
    for address in replace:
        if (resource := stack.resources.get(address)) is None:
            near = difflib.get_close_matches(address, stack.resources, n=1)
            hint = f"did you mean {near[0]}?" if near else "name one that YAML declares"
            yield Problem("", 0, 0, "", f"--replace {address}: the stack declares no such address; {hint}")
        elif resource.external:
            yield stack.problem(address, "--replace: it is external, and never changed from here")
        elif kinds[resource.kind].stored:
            what = "the same input and options make the same result, which would be paid again"
            yield stack.problem(address, f"--replace: {what}; change an option, or see `reconciler results refresh`")


def as_seen(replace: Mapping[str, str], claims: Claims) -> tuple[tuple[str, str], ...]:
    """The wishes, each for the object that is there now: once it is replaced, the wish is fulfilled."""
    seen = (
        (address, id or (claims.live[address].id if address in claims.live else "")) for address, id in replace.items()
    )
    return tuple((address, id) for address, id in seen if id)
