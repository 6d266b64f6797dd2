"""What is awaited from run to run: an object that was made and was not ready when its run ended. Pure.

It is an open operation like any other, in the journal from the transaction that records the object: who looks next,
on whatever machine, sees since when it is awaited, and counts it once when it has failed.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import Operation, Recorded, Status
from reconciler.state import Close, Put, Write

__all__ = ["seen"]


def seen(operation: Operation, row: Recorded | None, status: Status | None) -> list[Write]:
    """What is to be recorded of what is awaited when it was looked at: nothing as long as the API works on it.

    `row` is what is recorded of the object by now, of one that is not recorded any more nothing is awaited; `status` is
    None of one that is not there. That it has failed is counted here, for no run was there to see it.
    """
    if row is not None and status is Status.PENDING:
        return []
    writes: list[Write] = [Close(operation.op)]
    if row is not None and not row.deposed and status is Status.FAILED:
        writes.insert(0, Put(replace(row, failures=row.failures + 1)))
    return writes
