"""Values that are known only in a run: those of results that it has made, for whoever is to have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.apply.run import Run
from reconciler.frozen import dataclass
from reconciler.kind import Derived, Kind, Updating
from reconciler.later import Later, value_at
from reconciler.model import Fill, Resource
from reconciler.provider import Drivers
from reconciler.values import same

__all__ = ["Said", "answer_of", "nothing_at", "said", "to_send"]

Path = tuple[str, str]
"""Field and key."""


@dataclass(slots=True)
class Said:
    """What results say: values with the ids of the results that they are from, and why others are not there."""

    values: dict[Path, tuple[Any, str]] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)


async def said(run: Run, step: Fill) -> Said:
    """The values of one step, as far as they are there."""
    found = Said()
    for name, values in step.fields.items():
        for key, later in values.items():
            if not isinstance(later, Later):
                continue
            if later.address in run.bad or later.address not in run.ids:
                found.lacking[f"{name}.{key}"] = f"waits for {later.address}"
                continue
            id = run.ids[later.address]
            answer = await answer_of(run.drivers, run.stack.resources[later.address], id, later.address)
            if (value := value_at(answer, later.pointer)) is None:
                found.lacking[f"{name}.{key}"] = f"stays as it is: {nothing_at(later)}"
            else:
                found.values[name, key] = value, id
    return found


async def answer_of(drivers: Drivers, resource: Resource, id: str, address: str) -> Any:
    """What a result says that is kept under an address; None if it is not there, or no answer (any more)."""
    kind = drivers.kinds[resource.kind]
    text = await drivers[resource.kind].text(id, address)
    if text is None or not issubclass(kind, Derived):
        return None
    try:
        return kind.answer(resource.fields, text)
    except ValueError:  # somebody has changed it in the store
        return None


def nothing_at(later: Later) -> str:
    """That a result lacks a value, or that it is an empty one."""
    return f"{later.address} has nothing{f' at {later.pointer}' if later.pointer else ' to say'}"


def to_send(run: Run, kind: type[Kind], step: Fill, values: Mapping[Path, tuple[Any, str]]) -> dict[str, Any]:
    """The fields to be sent: none of those that the object has already. What is not known stays as it is."""
    address = step.address
    live, row = run.claims.live.get(address), run.rows.get(address)
    there = live.fields if live and live.id == run.ids[address] else row.fields if row else {}
    fields: dict[str, Any] = {}
    for name, said in step.fields.items():
        spec, has = kind.specs[name], there.get(name) or {}
        known = {key: value for (field, key), (value, _) in values.items() if field == name}
        if all(same(spec, value, has.get(key)) for key, value in known.items()):
            continue
        if spec.update is Updating.MERGE:
            fields[name] = {key: value for key, value in known.items() if not same(spec, value, has.get(key))}
        else:
            kept = {key: has[key] for key, value in said.items() if isinstance(value, Later) and key in has}
            plain = {key: value for key, value in said.items() if not isinstance(value, Later)}
            fields[name] = {**plain, **kept, **known}
    return fields
