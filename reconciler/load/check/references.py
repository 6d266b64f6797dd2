"""Names that declarations refer by → addresses; what is not there, and what is named twice, is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.frozen import dataclass
from reconciler.kind import Field
from reconciler.load.grammar.declarations import Declaration, Declarations
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import Problems
from reconciler.load.wording import cut
from reconciler.load.yaml.positions import Path
from reconciler.model import parent_of
from reconciler.redact import Secret

__all__ = ["References"]


@dataclass(frozen=True, slots=True)
class References:
    """Those of one stack. `closed` says that all of it was read, so that an unknown name is wrong."""

    entries: Declarations
    shapes: Mapping[str, Shape]
    """By the name of the kind."""
    problems: Problems
    closed: bool
    say: Callable[[Declaration, Path, str], None]

    def addresses(self, entry: Declaration, spec: Field, value: Any) -> Any:
        """The names in a field as addresses."""
        if isinstance(value, str):
            return self._address(entry, spec, value, (spec.name,) if spec.name in entry.raw else ())
        if not isinstance(value, list):
            return value
        target = self.shapes[spec.ref or ""]
        if not self.entries.groups and (found := self._plain(value, target, _prefix(target, entry))) is not None:
            return found
        return self._one_by_one(entry, spec, value)

    def _plain(self, names: list[Any], target: Shape, prefix: str) -> list[str] | None:
        """The addresses of names of which each is there, and there once, as nearly always; as their entries hold them,
        so that each is held once."""
        found: list[str] = []
        for name in names:
            if type(name) is not str:
                return None
            referred = self.entries.get(name if "/" in name else prefix + name)
            if referred is None or referred.shape is not target:
                return None
            found.append(referred.address)
        return found if len(found) == 1 or len(set(found)) == len(found) else None

    def _one_by_one(self, entry: Declaration, spec: Field, value: list[Any]) -> list[Any]:
        found: list[Any] = []
        seen: dict[Any, int] = {}
        for index, name in enumerate(value):
            path = (spec.name, index)
            for address in self._addresses_of(entry, spec, name, path):
                if type(address) is str and seen.setdefault(address, index) != index:
                    self.say(entry, path, f"{spec.name}: names {cut(address)} twice; keep one")
                found.append(address)
        return found

    def _addresses_of(self, entry: Declaration, spec: Field, name: Any, path: Path) -> list[Any]:
        """What one name in a list stands for: an address, or those of a group."""
        if not isinstance(name, str):
            return [name]
        if self.entries.groups and type(name) is str:
            target = self.shapes[spec.ref or ""]
            group = self.entries.groups.get(name if "/" in name else f"{_prefix(target, entry)}{name}")
            if group is not None:
                return list(group)
        return [self._address(entry, spec, name, path)]

    def _address(self, entry: Declaration, spec: Field, name: str, path: Path) -> str:
        """The address that a name stands for, as its entry holds it; the name itself when there is none."""
        target = self.shapes[spec.ref or ""]
        if isinstance(name, Secret):
            self.say(entry, path, f"{spec.name}: a reference cannot come from the environment")
            return name
        address = name if "/" in name else f"{_prefix(target, entry)}{name}"
        referred = self.entries.get(address)
        if referred is not None and referred.shape is target:
            return referred.address
        if referred is not None:
            self.say(entry, path, f"{spec.name}: {cut(address)} is none of `{target.kind.section}:`")
        # Where a file could not be read nobody knows what it declares: one problem, not a hundred that follow from it.
        elif self.closed:
            near = self._near(name, target, "" if "/" in name else _prefix(target, entry))
            hint = near or f"; declare it under `{target.kind.section}:`"
            self.say(entry, path, f"{spec.name}: there is no {cut(address)}{hint}")
        return name

    def _near(self, name: str, target: Shape, prefix: str) -> str:
        """A hint among those that could be meant."""
        of_target = (address for address, entry in self.entries.items() if entry.shape is target)
        groups = self.entries.groups if target.file is not None else ()
        known = (address for address in (*groups, *of_target) if address.startswith(prefix))
        return self.problems.hint(name, (address.removeprefix(prefix) for address in known))


def _prefix(target: Shape, entry: Declaration) -> str:
    """What a bare name is completed with: a child is looked for beside the entry that names it."""
    if target.kind.parent is None:
        return target.prefix
    return f"{parent_of(entry.address) or entry.address}/{target.kind.section}/"
