"""What is looked at before anything is sent: new files against what the API takes, and bytes that are sent twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.errors import Invalid, Problem
from reconciler.model import Action, Plan, Stack
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
    return [*problems, *_twice(stack, making)]


async def lengths(drivers: Drivers, stack: Stack, plan: Plan) -> Mapping[str, float]:
    """address → seconds, of new media that can be looked into."""
    making = _making(stack, plan)
    return await drivers.provider.lengths(drivers.hands, stack.resources, making) if making else {}


def _making(stack: Stack, plan: Plan) -> list[str]:
    made = (it.address for it in plan.changes if it.action in (Action.CREATE, Action.REPLACE))
    return [address for address in made if address in stack.resources]


def _twice(stack: Stack, making: Collection[str]) -> Iterator[Problem]:
    """The same bytes under two keys are two uploads, and that is said: one object cannot serve both."""
    by_content: dict[str, list[str]] = {}
    for address, resource in stack.resources.items():
        if "file" in resource.fields:
            by_content.setdefault(str(resource.fields.get("content")), []).append(address)
    for address in making:
        same = by_content.get(str(stack.resources[address].fields.get("content")), [])
        if "file" in stack.resources[address].fields and len(same) > 1 and address != same[0]:
            yield stack.problem(
                address,
                f"has the same bytes as {same[0]} and is uploaded as well: one asset has one key, one filename and one "
                f"metadata. If they need not differ, drop it and refer to {same[0]}",
                severity="warning",
            )
