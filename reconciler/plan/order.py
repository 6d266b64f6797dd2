"""Steps in an order in which they can be done, and addresses in the order of a tree. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from reconciler.errors import Invalid, Problem
from reconciler.model import Step

__all__ = ["by_path", "order"]


def by_path(address: str) -> list[str]:
    """To sort by: what lives in something follows it at once, whatever its neighbours are called."""
    return address.split("/")


def order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each after all it needs; among equals by name, so that the same plan always reads the same."""
    by_id = {step.id: step for step in steps}
    graph = TopologicalSorter({step.id: [need for need in step.needs if need in by_id] for step in steps})
    try:
        graph.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise Invalid([Problem("", 0, 0, "", f"these wait for each other in a circle: {circle}")]) from error
    result: list[Step] = []
    while graph.is_active():
        ready = sorted(graph.get_ready())
        result += [by_id[id] for id in ready]
        graph.done(*ready)
    return tuple(result)
