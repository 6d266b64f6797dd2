"""A plan's steps walked over values: what account and state would be afterwards, and whether the API would mind.

It knows of the API what decides the order: an index's name and an asset in an index are unique, an asset that is
indexed cannot be deleted, an entity keeps an asset, an asset must be ready before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.diff import Difference
from reconciler.kind import Updating
from reconciler.model import (
    Action,
    BulkCreate,
    Change,
    Create,
    Delete,
    Forget,
    Link,
    Live,
    Plan,
    Record,
    Recorded,
    Rename,
    Snapshot,
    Stack,
    Stamp,
    Status,
    Step,
    Unlink,
    Update,
    Wait,
    parent_of,
)
from reconciler.ownership import Claims
from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import snapshot_of


@dataclass
class Account:
    """Objects and rows; `do` changes both."""

    stack: Stack
    objects: dict[tuple[str, str], Live]
    rows: dict[tuple[str, str], Recorded]
    made: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        return snapshot_of(list(self.objects.values()))

    def walk(self, plan: Plan, claims: Claims, difference: Difference, *, most: int | None = None) -> None:
        """Rows that are behind, then all steps in their order, or as many as that until it is interrupted."""
        self.ids = {address: live.id for address, live in claims.live.items()}
        self.changes = {change.address: change for change in plan.changes}
        done: set[str] = set()
        for row in claims.gone:
            self.rows.pop((row.address, row.id), None)
        for row in difference.refreshed.values():
            self.rows[row.address, row.id] = row
        for step in plan.steps[:most]:
            assert set(step.needs) <= done, f"{step.id} came before what it needs"
            self._do(step)
            done.add(step.id)

    def _do(self, step: Step) -> None:
        match step:
            case Create() | BulkCreate():
                for each in step.addresses:
                    self._create(each)
            case Wait():
                self._change(step.kind, self.ids[step.address], status=Status.READY)
            case Update() | Rename():
                self._update(step)
            case Link() | Unlink():
                self._members(step)
            case Delete():
                self._delete(step)
            case Record():
                self._record(step.address)
            case Forget():
                self._change(step.kind, step.object_id, stamp=None)
                self.rows.pop((step.address, step.object_id), None)

    def _create(self, address: str) -> None:
        change = self.changes[address]
        kind = KINDS[change.kind]
        self.made += 1
        parent = parent_of(address)
        fields = {name: spec.default for name, spec in kind.specs.items() if not (spec.source or spec.identity)}
        declared = {name: value for name, value in change.fields.items() if name in fields}
        live = Live(change.kind, f"new-{self.made}", fields | self._resolved(change.kind, declared))
        live = replace(live, parent_id=self.ids[parent] if parent else None, stamp=self._stamp(address))
        live = replace(live, status=Status.PENDING if kind.asynchronous else Status.READY)
        for field_ in kind.refs():
            value = live.fields[field_.name]
            for id in value if field_.many else [value]:
                used = self.objects[str(field_.ref), id]
                assert used.status is Status.READY, f"{address} uses {id}, which is not ready"
        self._assert_unique(live)
        self.objects[live.kind, live.id] = live
        if change.action is Action.REPLACE:
            self._depose(change)
        self.ids[address] = live.id
        self._record(address)

    def _assert_unique(self, live: Live) -> None:
        kind = KINDS[live.kind]
        if not kind.unique:
            return
        key = [live.fields[name] for name in kind.natural_key]
        rivals = [
            other.id
            for other in self.objects.values()
            if (other.kind, other.parent_id) == (live.kind, live.parent_id)
            and other.id != live.id
            and [other.fields[name] for name in kind.natural_key] == key
        ]
        assert rivals == [], f"{live.kind} {key} is there already"

    def _depose(self, change: Change) -> None:
        old = self.rows.pop((change.previous_address or change.address, change.id or ""), None)
        row = old or Recorded(change.address, change.kind, change.id or "", {}, change.parent_id)
        self.rows[change.address, row.id] = replace(row, address=change.address, deposed=True)

    def _update(self, step: Update | Rename) -> None:
        address = step.address
        live = self.objects[step.kind, step.object_id]
        kind, fields = KINDS[step.kind], dict(live.fields)
        for name, value in step.fields.items():
            if kind.specs[name].update is Updating.MERGE:
                merged = {**(fields[name] or {}), **value}
                fields[name] = {key: item for key, item in merged.items() if item is not None}
            else:
                fields[name] = value
        marked = kind.field_with(lambda spec: spec.stamped)
        stamp = self._stamp(address) if marked and marked.name in step.fields else live.stamp
        self.objects[live.kind, live.id] = live = replace(live, fields=fields, stamp=stamp)
        self._assert_unique(live)
        if isinstance(step, Update):
            self._record(address)
            return
        change = self.changes[address]
        if row := self.rows.get((change.previous_address or address, live.id)):
            self.rows[row.address, row.id] = replace(row, fields={**row.fields, **step.fields})

    def _members(self, step: Link | Unlink) -> None:
        address = step.address
        live = self.objects[step.kind, step.object_id]
        ((name, given),) = (step.added if isinstance(step, Link) else step.removed).items()
        changed = self._resolved(step.kind, {name: given})[name]
        there = live.fields[name]
        now = [*there, *changed] if isinstance(step, Link) else [id for id in there if id not in changed]
        assert now, f"{address} is left without any {name}"
        self._change(live.kind, live.id, fields={**live.fields, name: now})
        self._record(address)

    def _delete(self, step: Delete) -> None:
        id = step.object_id
        users = [
            other.id
            for other in self.objects.values()
            if other.kind == "IndexedAsset" and step.kind == "Asset" and other.fields["asset"] == id
        ]
        assert users == [], f"{step.id}: {users} still refer to it"
        for other in list(self.objects.values()):
            if other.kind == "Entity" and step.kind == "Asset" and id in other.fields["assets"]:
                rest = [asset for asset in other.fields["assets"] if asset != id]
                assert rest, f"{step.id} takes the last asset of {other.id}"
                assert other.stamp is None or other.stamp.stack != self.stack.name, f"{other.id} loses {id} silently"
        gone = {(step.kind, id)} | {(live.kind, live.id) for live in self.objects.values() if live.parent_id == id}
        if not KINDS[step.kind].cascades:
            ours = [id for _, id in gone if not id.startswith("their-")]
            assert len(ours) == 1, f"{step.id} takes {ours} along"
        for key in gone:
            self.objects.pop(key, None)
        ids = {id for _, id in gone}
        self.rows = {key: row for key, row in self.rows.items() if row.id not in ids}

    def _record(self, address: str) -> None:
        change = self.changes[address]
        live = self.objects[change.kind, self.ids[address]]
        names = {address, change.previous_address or address}
        self.rows = {key: row for key, row in self.rows.items() if key[0] not in names or row.deposed}
        row = Recorded(address, change.kind, live.id, change.fields, live.parent_id, change.protect)
        self.rows[address, live.id] = row

    def _change(self, kind: str, id: str, **what: Any) -> None:
        self.objects[kind, id] = replace(self.objects[kind, id], **what)

    def _resolved(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        result = dict(fields)
        for ref in KINDS[kind].refs():
            if ref.name in result:
                value = result[ref.name]
                result[ref.name] = [self.ids.get(a, a) for a in value] if ref.many else self.ids.get(value, value)
        return result

    def _stamp(self, address: str) -> Stamp | None:
        change = self.changes[address]
        marked = KINDS[change.kind].field_with(lambda spec: spec.stamped)
        if marked is None or not self.stack.stamps:
            return None
        return Stamp(self.stack.name, address, change.fields.get("content"))


__all__ = ["Account"]
