"""Two values of one field → the deltas that say where they differ, and who made them differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.kind import Field
from reconciler.model import ChangedBy, Delta
from reconciler.redact import hidden, holds_secret, recalled
from reconciler.values import canonical, same, steady

__all__ = ["field_deltas", "source_of", "unshown"]


def field_deltas(field: Field, recorded: Any, want: Any, have: Any, *, known: bool) -> Iterator[Delta]:
    """Where two values of a field differ, map key by map key; `known` says whether `recorded` means anything."""
    if same(field, want, have):
        return
    if isinstance(want, Mapping) or isinstance(have, Mapping):
        yield from _map_deltas(field, recorded or {}, want or {}, have or {}, known=known)
        return
    source = _told_apart(field, recorded, want, have, known=known)
    # Inner values are shown one by one, and one of them alone does not tell that the whole held a secret.
    if field.part and isinstance(want, list) and isinstance(have, list) and not holds_secret([recorded, want]):
        yield from _part_deltas(field, want, have, source, recorded)
        return
    yield Delta(field.name, unshown(steady(field, have), want, recorded), steady(field, want), source, recorded)


def source_of(*, pending: bool, drift: bool) -> ChangedBy:
    """Who changed it. What neither seems to have changed is git's: it is what will be applied."""
    if pending and drift:
        return ChangedBy.BOTH
    return ChangedBy.DRIFT if drift else ChangedBy.PENDING


def unshown(have: Any, *beside: Any) -> Any:
    """A live value; one that must not be shown where what is declared there, or was applied, holds a secret: it may be
    an older one."""
    return hidden(have) if have is not None and holds_secret(beside) else have


def _map_deltas(
    field: Field, recorded: Mapping[str, Any], want: Mapping[str, Any], have: Mapping[str, Any], *, known: bool
) -> Iterator[Delta]:
    for key in sorted(want.keys() | have.keys()):
        was, wanted, found = recorded.get(key), want.get(key), have.get(key)
        if not same(field, wanted, found):
            source = _told_apart(field, was, wanted, found, known=known)
            yield Delta(f"{field.name}.{key}", unshown(found, wanted, was), wanted, source, was)


def _told_apart(field: Field, recorded: Any, want: Any, have: Any, *, known: bool) -> ChangedBy:
    """Whether git changed it, or somebody else did, or both. A variable with another value than before is git's."""
    if not known:
        return ChangedBy.PENDING
    pending = not same(field, recalled(recorded, want), want)
    return source_of(pending=pending, drift=not same(field, recalled(recorded, have), have))


def _part_deltas(field: Field, want: list[Any], have: list[Any], source: ChangedBy, recorded: Any) -> Iterator[Delta]:
    """Nested lists: say which inner value differs, where both sides have the same shape."""
    from deepdiff import DeepDiff  # takes 145 ms to import, and nested lists differ rarely

    left, right = canonical(field, have), canonical(field, want)
    found = DeepDiff(left, right, ignore_numeric_type_changes=True, ignore_order=field.unordered, view="tree")
    changed = list(found.get("values_changed", []))
    if set(found) != {"values_changed"}:
        yield Delta(field.name, steady(field, have), steady(field, want), source, recorded)
        return
    for item in changed:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item.path(output_format="list"))
        yield Delta(field.name + path, item.t1, item.t2, source)
