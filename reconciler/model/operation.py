"""What is begun on the server and not known to be finished: durable before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Intent", "Upload"]


@dataclass(frozen=True, slots=True)
class Intent:
    """A line of the journal: what we are about to send, durable before it is sent, and how to find it afterwards."""

    op: str
    run: str
    address: str
    kind: str
    verb: str
    digest: str
    look_for: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in flight: all that another process needs to go on with it.

    `content` is the sha256 of the bytes; `path`, `size_bytes` and `mtime_ns` tell whether the file is still the one
    that was begun. `proofs` maps the index of a stored chunk (from 1) to its ETag. `expires_at` is RFC 3339.
    """

    upload_id: str
    asset_id: str
    address: str
    content: str
    path: str
    size_bytes: int
    mtime_ns: int
    chunk_size: int
    total_chunks: int
    headers: Mapping[str, str]
    proofs: Mapping[int, str]
    expires_at: str
