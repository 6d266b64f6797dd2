"""Our stamp as keys of a map that people store: metadata of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

from reconciler.model import Stamp

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

    def apart(self, metadata: Any) -> tuple[Stamp | None, Any]:
        """The stamp in what is stored, and what is stored besides."""
        if not isinstance(metadata, Mapping) or self.stack not in metadata:
            return None, metadata
        stamp = Stamp(
            stack=str(metadata[self.stack]),
            key=str(metadata.get(self.key, "")),
            content=metadata.get(self.content),
            stack_id=str(metadata[self.stack_id]) if metadata.get(self.stack_id) else None,
        )
        ours = self._ours
        return stamp, {key: value for key, value in metadata.items() if key not in ours}
