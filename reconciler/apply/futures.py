"""Telling whoever waits for a future what became of it."""

from __future__ import annotations

import asyncio

__all__ = ["tell_future"]


def tell_future(future: asyncio.Future[None], error: BaseException | None = None) -> None:
    """That it is done, or failed so; unless whoever waited has gone away."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # heard, also when whoever waited was cancelled: asyncio would print it with its traceback
