"""The files of a stack, hashed and looked into by workers: each by the address that declares it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from reconciler.files import Files, Look, looked_into
from reconciler.spread.alike import declaring, shared
from reconciler.spread.opened import project_here

__all__ = ["FilesThere", "batches"]

BATCH_BYTES, BATCH_FILES = 256 << 20, 200
"""So much is asked for at a time: a hand-over costs a few milliseconds."""


def batches(sizes: Mapping[str, int], most: int = BATCH_FILES) -> Iterator[list[str]]:
    """The paths, the largest first, in groups of about as many bytes."""
    batch, left = list[str](), BATCH_BYTES
    for path in sorted(sizes, key=lambda it: (-sizes[it], it)):
        if batch and (left < sizes[path] or len(batch) == most):
            yield batch
            batch, left = [], BATCH_BYTES
        batch.append(path)
        left -= sizes[path]
    if batch:
        yield batch


class FilesThere:
    """The stack as a worker has it, to look at its files."""

    def __init__(self, run: str) -> None:
        project = project_here()
        self.shared = shared(project, run, 0.0)
        self._stack = project.stack
        self._files = Files(self._stack.root, threads=1)

    def read(self, what: str, addresses: Sequence[str]) -> dict[str, tuple[Any, int, int]]:
        """path → its sha256 or what is in it, size, modification time. What cannot be read is left out: the run reads
        it, and says why."""
        wanted = set(addresses)
        paths = [path for path, address in declaring(self._stack).items() if address in wanted]
        if what != "hash":
            return looked_into(self._files, cast("Look", what), paths)
        found, _ = asyncio.run(self._files.hashed(paths))
        return {path: (it.sha256, it.size_bytes, it.mtime_ns) for path, it in found.items()}
