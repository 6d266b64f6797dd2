"""Our stamp as keys of a map that people store: metadata of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from sys import intern
from typing import Any

from reconciler.model import Recorded, Stamp
from reconciler.values import held

__all__ = ["Marks"]


@dataclass(frozen=True)
class Marks:
    """The key of each part of a stamp, in an API's metadata."""

    stack: str = "reconciler_stack"
    stack_id: str = "reconciler_id"
    key: str = "reconciler_key"
    content: str = "reconciler_sha256"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All of them."""
        return astuple(self)

    @cached_property
    def _ours(self) -> frozenset[str]:
        return frozenset(self.keys)

    def of(self, stamp: Stamp | None) -> dict[str, str]:
        """A stamp as it is stored; {} without one."""
        if stamp is None:
            return {}
        values = (stamp.stack, stamp.stack_id, stamp.key, stamp.content)
        return {key: value for key, value in zip(self.keys, values, strict=True) if value}

    def apart(self, metadata: Any, like: Recorded | None = None) -> tuple[Stamp | None, Any]:
        """The stamp in what is stored, and what is stored besides; what is recorded alike is held once."""
        if not isinstance(metadata, Mapping) or self.stack not in metadata:
            return None, metadata
        key, content = str(metadata.get(self.key, "")), metadata.get(self.content)
        if like is not None:
            key = held(key, like.address)
            alike = (it for it in like.fields.values() if type(it) is str is type(content) and it == content)
            content = next(alike, content)
        stamp = Stamp(
            stack=intern(str(metadata[self.stack])),
            key=key,
            content=content,
            stack_id=intern(str(metadata[self.stack_id])) if metadata.get(self.stack_id) else None,
        )
        ours = self._ours
        return stamp, {key: value for key, value in metadata.items() if key not in ours}
