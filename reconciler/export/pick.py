"""Which objects of an account are exported, under which addresses, and what is declared of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from pydantic import ValidationError

from reconciler.errors import Invalid, Problem
from reconciler.export.names import Names
from reconciler.frozen import dataclass
from reconciler.kind import Field, Kind
from reconciler.kind.declarable import validated
from reconciler.kinds import Kinds
from reconciler.model import Live, Snapshot, Stamp, Status, key_of, parent_of
from reconciler.plan.targeting import Targeting
from reconciler.values import same

__all__ = ["Declared", "Picked", "pick"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One object as it stands in the files."""

    address: str
    live: Live
    fields: Mapping[str, Any] = field(default_factory=dict)
    """As they are written: references by name."""
    ignore: tuple[str, ...] = ()
    external: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """All of it. `marked` says whether every object that can carry the new stack's stamp does."""

    declared: tuple[Declared, ...]
    notes: tuple[str, ...]
    marked: bool


def pick(stack: str, kinds: Kinds, snapshot: Snapshot, targets: Sequence[str] = ()) -> Picked:
    """What is exported into a stack of that name. Raises Invalid when a target matches nothing."""
    one = _Pick(stack, kinds, snapshot)
    for kind in kinds:
        one.kind(kind)
    return one.chosen(targets)


class _Pick:
    def __init__(self, stack: str, kinds: Kinds, snapshot: Snapshot) -> None:
        self.stack, self.kinds, self.snapshot = stack, kinds, snapshot
        self.kinds = kinds
        self.addresses: dict[tuple[str, str], str] = {}
        """(kind, id) → address"""
        self.lives: dict[str, Live] = {}
        self.names = Names()
        self.notes: list[str] = []
        self.others = self._others()

    def _others(self) -> dict[str, set[str]]:
        """id → stacks that have stamped it, or what lives in it."""
        found: dict[str, set[str]] = {}
        for objects in self.snapshot.by_kind.values():
            for live in objects.values():
                if live.stamp:
                    found.setdefault(live.id, set()).add(live.stamp.stack)
                    if live.parent_id:
                        found.setdefault(live.parent_id, set()).add(live.stamp.stack)
        return found

    def kind(self, kind: type[Kind]) -> None:
        """Give the objects of a kind their addresses, the oldest first."""
        lives = self.snapshot.by_kind.get(kind.__name__, {}).values()
        ordered = sorted(lives, key=lambda live: (str(live.facts.get("created_at")), live.id))
        for live in [*filter(self._is_marked, ordered), *(it for it in ordered if not self._is_marked(it))]:
            parent = self.addresses.get((kind.parent.__name__, live.parent_id or "")) if kind.parent else None
            if why := self._why_not(kind, live, parent):
                self.notes.append(f"left out: {kind.__name__} {live.id}: {why}")
                continue
            address = self._address(kind, live, parent)
            self.addresses[kind.__name__, live.id] = address
            self.lives[address] = live

    def _is_marked(self, live: Live) -> bool:
        return live.stamp is not None and live.stamp.stack == self.stack

    def _why_not(self, kind: type[Kind], live: Live, parent: str | None) -> str:
        """Why an object cannot be declared; '' when it can."""
        if kind.parent and parent is None:
            return "what it lives in is left out"
        if live.status is Status.FAILED:
            return "it failed"
        for spec in kind.refs():
            if not spec.many and (spec.ref or "", str(live.fields.get(spec.name))) not in self.addresses:
                return f"its {spec.name} is not in the account, or left out"
        return ""

    def _address(self, kind: type[Kind], live: Live, parent: str | None) -> str:
        prefix = f"{parent}/{kind.section}/" if parent else f"{kind.section}/"
        if self._is_marked(live) and live.stamp and self.names.take_as_it_is(prefix, live.stamp.key):
            return live.stamp.key
        wish = self._key_by_reference(kind, live) or self._key_by_name(kind, live)
        return self.names.take(prefix, wish, kind.__name__)

    def _key_by_reference(self, kind: type[Kind], live: Live) -> str:
        spec = kind.field_with(lambda spec: spec.from_key and spec.ref is not None)
        return key_of(self.addresses[spec.ref or "", str(live.fields[spec.name])]) if spec else ""

    def _key_by_name(self, kind: type[Kind], live: Live) -> str:
        spec = kind.field_with(lambda spec: spec.from_key)
        if spec:
            return str(live.fields.get(spec.name) or "")
        name = kind.called(live.fields)
        stem, dot, _ = name.rpartition(".")
        return stem if dot else name

    # What is declared

    def chosen(self, targets: Sequence[str]) -> Picked:
        """All of it, or what is asked for with what that needs, which is external then."""
        targeting = Targeting(target=tuple(targets))
        idle = [one for one in targets if not any(map(Targeting(target=(one,)).has, self.lives))]
        if idle:
            raise Invalid([Problem("", 0, 0, one, "there is nothing of that name in the account") for one in idle])
        asked = {address for address in self.lives if targeting.has(address)}
        needed = {need for address in asked for need in self._needs(address)} - asked
        declared = [
            self._declared(address, external=address in needed) for address in self.lives if address in asked | needed
        ]
        marked = all(self._carries_stamp(it) for it in declared if not it.external)
        return Picked(tuple(declared), tuple(self.notes), marked)

    def _needs(self, address: str) -> Iterator[str]:
        """What an address lives in and refers to, and what that lives in."""
        live = self.lives[address]
        if parent := parent_of(address):
            yield parent
        for spec in self.kinds[live.kind].refs():
            for id in spec.named_in(live.fields):
                if used := self.addresses.get((spec.ref or "", id)):
                    yield used
                    yield from self._needs(used)

    def _carries_stamp(self, it: Declared) -> bool:
        if self.kinds[it.live.kind].field_with(lambda spec: spec.stamped) is None:
            return True
        stamp = it.live.stamp
        return stamp is not None and stamp == Stamp(self.stack, it.address, stamp.content, stamp.stack_id)

    def _declared(self, address: str, *, external: bool) -> Declared:
        live = self.lives[address]
        owners = self.others.get(live.id, set())
        if external or (owners and self.stack not in owners):
            return Declared(address, live, external=True)
        kind = self.kinds[live.kind]
        fields = dict(self._fields(kind, address, live))
        return Declared(address, live, *self._valid(kind, address, fields))

    def _fields(self, kind: type[Kind], address: str, live: Live) -> Iterator[tuple[str, Any]]:
        """What a person would write: not what goes without saying."""
        for name, spec in kind.specs.items():
            if spec.source or spec.identity or name not in live.fields:
                continue
            value = live.fields[name]
            if spec.ref:
                value = self._names(spec, address, live)
            elif spec.part:
                value = _parts(spec, value)
            goes_without = key_of(address) if spec.from_key else spec.default
            if value is not None and not same(spec, value, goes_without):
                yield name, value

    def _names(self, spec: Field, address: str, live: Live) -> Any:
        """The logical names of what is referred to; None when they are not all known."""
        found = [self.addresses.get((spec.ref or "", id)) for id in spec.named_in(live.fields)]
        names = [key_of(it) for it in found if it is not None]
        if len(names) < len(found):
            self.notes.append(f"not declared: {address}: {spec.name}, of which some are not in the account or left out")
            return None
        return sorted(names) if spec.many else names[0]

    def _valid(self, kind: type[Kind], address: str, fields: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Fields that the loader takes. Of maps single keys are left out, and ignored so that they stay."""
        ignore: list[str] = []
        for name in sorted(_wrong(kind, fields)):
            value = fields.pop(name)
            if isinstance(value, Mapping):
                bad = sorted(key for key, item in value.items() if _wrong(kind, {name: {key: item}}))
                if rest := {key: item for key, item in value.items() if key not in bad}:
                    fields[name] = rest
                    ignore += [f"{name}.{key}" for key in bad]
            self.notes.append(f"not declared: {address}: what cannot be declared of {name}")
        return {name: fields[name] for name in kind.specs if name in fields}, tuple(ignore)


def _wrong(kind: type[Kind], fields: Mapping[str, Any]) -> set[str]:
    """Fields that have a value which cannot be declared."""
    try:
        validated(kind, dict(fields))
    except ValidationError as error:
        found = {str(it["loc"][0]) for it in error.errors() if it["loc"] and it["type"] != "missing"}
        return found & set(fields)
    return set()


def _parts(spec: Field, value: Any) -> Any:
    """Without what is a part's default."""
    assert spec.part is not None
    if value is None:
        return None
    items = [
        {
            name: item[name]
            for name, inner in spec.part.parts.items()
            if name in item and not same(inner, item[name], inner.default)
        }
        for item in (value if spec.many else [value])
    ]
    return items if spec.many else items[0]
