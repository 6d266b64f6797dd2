"""The changes and the steps that make them: what a reviewer reads is what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.change import Action, Change
from reconciler.model.steps import Step

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What apply would do: complete in itself."""

    stack: str
    provider: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Change, ...] = ()
    estimate: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    diagnostics: tuple[Any, ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    """How many foreign objects of each kind were seen."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """address → why: what has failed again and again, and is not made anew by itself."""
    left_out: int = 0
    """How many changes are not in it, because only a part was asked for."""

    def count(self, action: Action) -> int:
        """How many changes have this action."""
        return sum(change.action is action for change in self.changes)
