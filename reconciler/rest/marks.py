"""Our stamp as keys of a map that people store: metadata of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from functools import cached_property
from sys import intern
from typing import Any

from reconciler.frozen import dataclass
from reconciler.model import Recorded, Stamp
from reconciler.values import held

__all__ = ["Marks"]

NOTHING: dict[str, Any] = {}
"""What is stored of most objects besides marks: held once, for nobody changes it."""


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

    def apart(self, metadata: Any, row: Recorded | None = None, like: Any = None) -> tuple[Stamp | None, Any]:
        """The stamp in what is stored, and what is stored besides. What is as in the row of the object, or `like` what
        is recorded of the map, is held once."""
        if (type(metadata) is not dict and not isinstance(metadata, Mapping)) or self.stack not in metadata:
            return None, metadata
        get = metadata.get
        key, content, stack_id = str(get(self.key, "")), get(self.content), get(self.stack_id)
        if row is not None:
            key = row.address if key == row.address else key
            content = _held_in(content, row.fields)
        said = intern(str(metadata[self.stack]))
        stamp = Stamp(said, key, content, intern(str(stack_id)) if stack_id else None)
        if type(like) is dict and self._is_like(metadata, like):
            return stamp, like
        ours = self._ours
        return stamp, {key: value for key, value in metadata.items() if key not in ours} or NOTHING

    def _is_like(self, metadata: Mapping[str, Any], like: dict[str, Any]) -> bool:
        """Whether a map is this one, and marks of ours besides."""
        if len(metadata) != len(like) + sum(key in metadata for key in self.keys):
            return False
        for key, was in like.items():
            if (value := metadata.get(key)) is not was and held(value, was) is not was:
                return False
        return True


def _held_in(content: Any, fields: Mapping[str, Any]) -> Any:
    if type(content) is str:
        for value in fields.values():
            if type(value) is str and value == content:
                return value
    return content
