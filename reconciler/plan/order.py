"""Steps in an order in which they can be done, and addresses in the order of a tree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from reconciler.errors import Invalid, Problem
from reconciler.model import Step, StepId

__all__ = ["DoubleStep", "UnknownNeed", "by_id", "by_path", "order"]


class UnknownNeed(AssertionError):
    """A step needs one that is not in the plan. It would seem free to run, and would run too early."""


class DoubleStep(AssertionError):
    """Two steps have one id: whoever needs it could not tell when it is done."""


def by_path(address: str) -> list[str]:
    """To sort by: what lives in something follows it at once, whatever its neighbours are called."""
    return address.split("/")


def by_id(steps: Iterable[Step]) -> Mapping[StepId, Step]:
    """The steps by their ids. Raises UnknownNeed and DoubleStep: both are mistakes of the planner, or of whoever made
    a part of a plan and did not take out what the rest needs."""
    found: dict[StepId, Step] = {}
    for step in steps:
        if found.setdefault(step.id, step) is not step:
            raise DoubleStep(f"two steps are called {step.id!r}")
    for step in found.values():
        for need in step.needs:
            if need not in found:
                raise UnknownNeed(f"{step.id!r} needs {need!r}, which is no step of the plan")
    return found


def order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each after all it needs; among equals by name, so that the same plan always reads the same."""
    named = by_id(steps)
    # By needs and never by kind: within one kind too there is an order, as where names change hands ("rename: a chain
    # begins where the name is free").
    graph = TopologicalSorter({id: step.needs for id, step in named.items()})
    try:
        graph.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise Invalid([Problem("", 0, 0, "", f"these wait for each other in a circle: {circle}")]) from error
    result: list[Step] = []
    while graph.is_active():
        ready = sorted(graph.get_ready())
        result += [named[id] for id in ready]
        graph.done(*ready)
    return tuple(result)
