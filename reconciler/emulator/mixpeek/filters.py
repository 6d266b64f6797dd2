"""Filters and orders of lists: conditions on what is shown of an object, by keys with dots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.emulator.mixpeek.bodies import FilterCondition, ListFilter, ListQuery

__all__ = ["chosen", "value_at"]

Row = Mapping[str, Any]
MISSING = object()


def chosen(rows: Sequence[Row], query: ListQuery) -> list[dict[str, Any]]:
    """The rows that fit, in the order that was asked for, with only the fields that were."""
    filters, sort = query.filters, query.sort
    found = [row for row in rows if filters is None or fits(row, filters)]
    if sort is not None:
        found.sort(key=lambda row: _rank(value_at(row, sort.field)), reverse=sort.direction == "desc")
    if query.select:
        return [_only(row, query.select) for row in found]
    return [dict(row) for row in found]


def fits(row: Row, given: ListFilter, *, exact: bool = True) -> bool:
    """Whether a row fits; what says nothing fits everything."""
    exact = exact if given.case_sensitive is None else given.case_sensitive

    def one(part: FilterCondition | ListFilter) -> bool:
        return fits(row, part, exact=exact) if isinstance(part, ListFilter) else _meets(row, part, exact)

    return (
        all(map(one, given.AND or ()))
        and (not given.OR or any(map(one, given.OR)))
        and not any(map(one, given.NOR or ()))
    )


def value_at(row: Any, key: str) -> Any:
    """What stands at a key with dots; MISSING if nothing does."""
    for step in key.split("."):
        if not isinstance(row, Mapping) or step not in row:
            return MISSING
        row = row[step]
    return row


def _meets(row: Row, condition: FilterCondition, exact: bool) -> bool:
    found, wanted = value_at(row, condition.key), condition.value
    if condition.operator == "exists":
        return (found is not MISSING) is (wanted is not False)
    if condition.operator == "is_null":
        return (found is MISSING or found is None) is (wanted is not False)
    if condition.operator == "text":
        return str(wanted).lower() in str(found).lower() if found is not MISSING else False
    return COMPARE[condition.operator](_told(found, exact), _told(wanted, exact))


def _told(value: Any, exact: bool) -> Any:
    if isinstance(value, list):
        return [_told(each, exact) for each in value]
    return value.lower() if isinstance(value, str) and not exact else value


def _in(found: Any, wanted: Any) -> bool:
    return isinstance(wanted, list) and found in wanted


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Between what cannot be compared there is no order."""

    def ordered(found: Any, wanted: Any) -> bool:
        try:
            return compare(found, wanted)
        except TypeError:
            return False

    return ordered


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "ne": lambda found, wanted: bool(found != wanted),
    "in": _in,
    "nin": lambda found, wanted: not _in(found, wanted),
    "gt": _ordered(lambda found, wanted: found > wanted),
    "lt": _ordered(lambda found, wanted: found < wanted),
    "gte": _ordered(lambda found, wanted: found >= wanted),
    "lte": _ordered(lambda found, wanted: found <= wanted),
}


def _rank(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 1, float(value), ""
    return (0, 0.0, "") if value is MISSING or value is None else (2, 0.0, str(value))


def _only(row: Row, keys: Sequence[str]) -> dict[str, Any]:
    """The fields that were asked for, and what a row is known by."""
    return {name: value for name, value in row.items() if name in keys or name in ("asset_id", "feature_id")}
