"""What is written when the object of an operation is there: the one place that says so, whoever has found it."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import Operation, Recorded
from reconciler.state import Close, Drop, Put, Write

__all__ = ["made"]


def made(operation: Operation, row: Recorded, old: Recorded | None, at: str = "", *, stays: bool = True) -> list[Write]:
    """To be written in one transaction: the object is recorded, and its operation is concluded.

    `old` is the row of another object that had the address, which stands at the address `at` if that is another. If its
    object `stays` it is deposed, to be deleted when nothing needs it any more: an id that we made is never forgotten.
    """
    writes: list[Write] = []
    if old is not None and (at or not stays):
        writes.append(Drop(at or old.address, old.id))
    if old is not None and stays and old.id != row.id:
        writes.append(Put(replace(old, address=row.address, deposed=True)))
    return [*writes, Put(row), Close(operation.op)]
