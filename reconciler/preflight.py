"""What is looked at before anything is sent: new files against what the API takes, and bytes that are sent twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.errors import Invalid, Problem
from reconciler.kinds import Kinds
from reconciler.model import MAKING, Plan, Stack
from reconciler.provider import Drivers

__all__ = ["inspected", "lengths"]


async def inspected(drivers: Drivers, stack: Stack, plan: Plan) -> list[Problem]:
    """Notes and warnings about what the plan makes. Raises Invalid with all that the API would refuse."""
    making = _making(stack, plan)
    findings = await drivers.provider.inspect(drivers.hands, stack.resources, making) if making else []
    problems = [
        stack.problem(it.address, it.text, *([it.field] if it.field else []), severity=it.severity) for it in findings
    ]
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise Invalid(errors)
    return [*problems, *_twice(drivers.kinds, stack, making)]


async def lengths(drivers: Drivers, stack: Stack, plan: Plan) -> Mapping[str, float]:
    """address → seconds, of new media that can be looked into."""
    making = _making(stack, plan)
    return await drivers.provider.lengths(drivers.hands, stack.resources, making) if making else {}


def _making(stack: Stack, plan: Plan) -> list[str]:
    made = (it.address for it in plan.changes if it.action in MAKING)
    return [address for address in made if address in stack.resources]


def _twice(kinds: Kinds, stack: Stack, making: Collection[str]) -> Iterator[Problem]:
    """The same bytes under two keys are two uploads, and that is said: one object cannot serve both."""
    for kind in kinds:
        file = kind.field_with(lambda field: field.file)
        if file is None:
            continue
        by_identity: dict[str, list[str]] = {}
        for address, resource in stack.resources.items():
            if resource.kind == kind.__name__ and file.name in resource.fields:
                by_identity.setdefault(str(resource.fields.get(kind.identity_name)), []).append(address)
        first = {address: same[0] for same in by_identity.values() for address in same[1:]}
        for address in making:
            if other := first.get(address):
                yield stack.problem(
                    address,
                    f"has the same bytes as {other} and is uploaded as well: one {kind.label[0]} has one key, one name "
                    f"and one metadata. If they need not differ, drop it and refer to {other}",
                    severity="warning",
                )
