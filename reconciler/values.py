"""When two values of a field mean the same, in one place. Pure.

Equality, the form in which equal values are written alike (for digests and DeepDiff), and the order in which a value is
shown all follow from the same markers of the field, so that none of them can say what another denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.kind import Field, Part

_ABSENT: Final = object()

__all__ = ["canonical", "held", "same", "steady"]


def same(field: Field, left: Any, right: Any) -> bool:
    """Whether two values of a field mean the same: 5 is 5.0 but not True, nothing is as good as empty."""
    if type(left) is str and type(right) is str:  # by far the most
        return left == right
    left, right = canonical(field, left), canonical(field, right)
    # An API leaves out what is empty, or sends null, as it likes: neither is a change that anybody could make.
    return _equal(left, right) or (_blank(left) and _blank(right))


def held(value: Any, like: Any) -> Any:
    """A value as it is kept in memory: `like`, where nothing but the order of keys tells the two apart, so that what is
    declared, recorded and there alike is held once. Nobody changes a value of a field, so nobody sees it."""
    return like if _no_other(value, like) else value


def _no_other(value: Any, like: Any) -> bool:
    """Unlike for `same`, 1 is neither 1.0 nor True, and a secret is no string."""
    if value is like:
        return True
    kind = type(value)
    if kind is not type(like):
        return False
    if kind is str or kind is int or kind is bool:
        return bool(value == like)
    if kind is dict:
        return len(value) == len(like) and _are_no_others(value, like)
    if kind is list:
        return len(value) == len(like) and all(map(_no_other, value, like))
    return kind is float and repr(value) == repr(like)  # 0.0 == -0.0


def _are_no_others(values: Mapping[str, Any], like: Mapping[str, Any]) -> bool:
    for key, value in values.items():  # noqa: SIM110 - asked of every mapping that is read, and twice as fast as `all`
        if not _no_other(value, like.get(key, _ABSENT)):
            return False
    return True


def canonical(field: Field, value: Any) -> Any:
    """The value in a form in which equal means equal: unordered lists sorted, parts filled with their defaults."""
    if value is None:
        return None
    if field.part is not None:
        items = [_canonical_part(field.part, item) for item in (value if field.many else [value])]
        if field.unordered:
            items.sort(key=repr)
        return items if field.many else items[0]
    if field.unordered and isinstance(value, (list, tuple)):
        return sorted(value, key=repr)
    return value


def steady(field: Field, value: Any) -> Any:
    """The value as it is shown: the same whatever the order of keys, and of items where order does not matter.

    Unlike `canonical` it adds nothing: what is shown is what somebody wrote, or what the API has.
    """
    if isinstance(value, Mapping):
        parts = field.part.parts if field.part else {}
        names = list(parts) if parts else sorted(value)
        return {name: steady(parts.get(name, field), value[name]) for name in names if name in value}
    if isinstance(value, list | tuple):
        items = [steady(field, item) if isinstance(item, Mapping) else item for item in value]
        return sorted(items, key=repr) if field.unordered else items
    return value


def _canonical_part(part: type[Part], value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: canonical(field, value.get(name, field.default)) for name, field in part.parts.items()}


def _blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _equal(left: Any, right: Any) -> bool:
    # In Python True is 1; in JSON, and in metadata that people search by, it is not.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
