"""The steps of each change. What they wait for is in `needs`, how a replacement goes in `replacement`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.diff import without_laters
from reconciler.kind import Field
from reconciler.later import laters_in
from reconciler.model import (
    Action,
    BulkCreate,
    Change,
    Create,
    Fill,
    Forget,
    Link,
    Record,
    Stack,
    Status,
    Step,
    StepId,
    Unlink,
    Update,
    Wait,
)
from reconciler.plan.needs import Needs, at, present
from reconciler.plan.replacement import deleted, renamed, replaced
from reconciler.plan.sending import changed_fields, to_fill
from reconciler.plan.targeting import EVERYTHING, Targeting

__all__ = ["steps_of"]


def steps_of(stack: Stack, needs: Needs, targeting: Targeting = EVERYTHING) -> list[Step]:
    """The steps of all changes, in no order."""
    build = _Building(stack, needs, targeting)
    steps: list[Step] = [build.bulk(batch) for batch in needs.together]
    steps += [step for change in needs.changes.values() for step in build.of(change)]
    return [*steps, *_still_waiting(steps, needs, targeting)]


def _still_waiting(steps: list[Step], needs: Needs, targeting: Targeting) -> Iterator[Wait]:
    """What an earlier run made and did not see ready: waited for again, never made again. Of what was not asked for,
    only what a step needs."""
    planned = {step.id for step in steps}
    needed = {need for step in steps for need in step.needs}
    for address, live in needs.claims.live.items():
        if live.status is not Status.PENDING or (id := Wait.id_of(address)) in planned:
            continue
        if targeting.has(address) or id in needed:
            yield Wait(address, live.kind)


class _Building:
    def __init__(self, stack: Stack, needs: Needs, targeting: Targeting) -> None:
        self.stack, self.needs, self.kinds, self.targeting = stack, needs, needs.kinds, targeting

    def of(self, change: Change) -> Iterator[Step]:
        match change.action:
            case Action.CREATE:
                yield from self._creates(change)
            case Action.REPLACE:
                yield from replaced(change, self.needs, self._creates)
            case Action.DELETE:
                yield from deleted(change, self.needs)
            case Action.HOLD:
                yield from renamed(change, self.needs)
            case Action.FORGET:
                yield Forget(*at(change), self._can_be_stamped(change.kind))
            case Action.UPDATE | Action.MOVE | Action.ADOPT:
                yield from self._updates(change)

    def bulk(self, batch: tuple[Change, ...]) -> BulkCreate:
        """One call for all of a batch, so it waits for all that any of them needs."""
        needs = {need for change in batch for need in self.needs.to_make(change)}
        return BulkCreate(
            {it.address: without_laters(it.fields, {}) for it in batch}, batch[0].kind, needs=tuple(sorted(needs))
        )

    def _creates(self, change: Change, after: tuple[StepId, ...] = ()) -> Iterator[Step]:
        address, kind = change.address, change.kind
        if address not in self.needs.in_bulk:
            fields = without_laters(change.fields, {})
            needs = present(*self.needs.to_make(change), *self._moved_away(change), *after)
            yield Create(address, kind, fields, needs=needs)
        if self.kinds[kind].asynchronous:
            yield Wait(address, kind, needs=present(self.needs.made(address)))
        yield from self._fills(change, self._to_fill(change))

    def _moved_away(self, change: Change) -> tuple[StepId, ...]:
        """What is kept in a store takes the place of what was at its address: that has moved on before."""
        mover = self.needs.movers.get(change.address)
        return (Update.id_of(mover),) if mover and self.stack.stamps else ()

    def _to_fill(self, change: Change) -> dict[str, Any]:
        return to_fill(self.kinds[change.kind], change, self.stack, self.needs.claims.live.get(change.address))

    def _fills(self, change: Change, fields: Mapping[str, Any], after: StepId | None = None) -> Iterator[Step]:
        """The values that are known only when results are made: a step of its own, so that nothing else waits for
        them. What is not asked for in this plan is left as it is."""
        made_of = {it.address for it in laters_in(fields) if self.targeting.has(it.address)}
        if made_of:
            ready = self.needs.usable(change.address)
            used = (self.needs.usable(address) for address in sorted(made_of))
            yield Fill(change.address, change.kind, fields, needs=present(after, ready, *used))

    def _updates(self, change: Change) -> Iterator[Step]:
        kind, address = self.kinds[change.kind], change.address
        paths = {delta.path for delta in change.deltas}
        members = [field for field in kind.specs.values() if field.members and field.name in paths]
        fields = changed_fields(kind, change, self.stack, self.needs.claims.live[address])
        later = self._to_fill(change)
        first: StepId | None = None
        if fields:
            # Names that go round in a circle: one is renamed for a moment, so that the others have room.
            renames = list(renamed(change, self.needs)) if address in self.needs.names.turned else []
            yield from renames
            named = (it for ref in kind.refs() if ref.name in fields and not ref.members for it in ref.named_in(fields))
            used = (self.needs.usable(it) for it in named if isinstance(it, str))
            after = present(
                self.needs.name_free(change), self.needs.parent_named(change), *used, *(step.id for step in renames)
            )
            yield (update := Update(*at(change), fields, needs=after))
            first = update.id
        elif change.action is not Action.UPDATE or not (members or later):
            yield (record := Record(address, change.kind))
            first = record.id
        yield from self._fills(change, later, first)
        if members:
            steps = list(self._member_steps(change, members))
            yield from steps
            if kind.asynchronous:  # a changed set has it looked at anew
                yield Wait(address, change.kind, needs=present(*(step.id for step in steps)))

    def _member_steps(self, change: Change, fields: Sequence[Field]) -> Iterator[Step]:
        """Added before others are taken away: a set is never empty ("replace: an entity gets the new asset, then loses
        the old one, then the old asset goes")."""
        both = {field.name: self.needs.members(change, field) for field in fields}
        added = {name: tuple(new) for name, (new, _) in both.items() if new}
        removed = {name: tuple(old) for name, (_, old) in both.items() if old}
        if added:
            used = (self.needs.usable(address) for new in added.values() for address in new)
            yield Link(*at(change), added, needs=present(*used))
        if removed:
            yield Unlink(*at(change), removed, needs=(Link.id_of(change.address),) if added else ())

    def _can_be_stamped(self, kind: str) -> bool:
        return self.stack.stamps and self.kinds[kind].field_with(lambda field: field.stamped) is not None
