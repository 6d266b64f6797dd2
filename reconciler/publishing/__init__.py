"""What a run came to, told where a team reads it: comments, issues and pages of a code host."""

from __future__ import annotations

from reconciler.publishing.hosts import CodeHost
from reconciler.publishing.marks import Message
from reconciler.publishing.told import RunTold, read_told

__all__ = ["CodeHost", "Message", "RunTold", "read_told"]
