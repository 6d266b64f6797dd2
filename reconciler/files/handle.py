"""How to go on with a file in chunks: what an operation's handle says, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.errors import StateError
from reconciler.frozen import dataclass
from reconciler.model import Operation

__all__ = ["Upload", "proof_of"]

CHUNK = "chunk:"
"""What a stored chunk is called in the handle, with its number behind it: each is kept alone, once it is there."""
TEXTS = ("upload_id", "path", "expires_at")
NUMBERS = ("size_bytes", "mtime_ns", "chunk_size", "total_chunks")


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in flight: all that another process needs to go on with it.

    `identity` is that of the bytes; `path`, `size_bytes` and `mtime_ns` tell whether the file is still the one
    that was begun. `proofs` maps the index of a stored chunk (from 1) to its ETag. `expires_at` is RFC 3339.
    """

    upload_id: str
    object_id: str
    address: str
    identity: str
    path: str
    size_bytes: int
    mtime_ns: int
    chunk_size: int
    total_chunks: int
    headers: Mapping[str, str]
    proofs: Mapping[int, str] = field(default_factory=dict)
    expires_at: str = ""

    def handle(self) -> dict[str, Any]:
        """To be kept."""
        said = {name: getattr(self, name) for name in (*TEXTS, *NUMBERS)}
        chunks = {f"{CHUNK}{index}": proof for index, proof in self.proofs.items()}
        return {**said, "headers": dict(self.headers), **chunks}

    @classmethod
    def of(cls, operation: Operation) -> Upload:
        """What was kept. Raises StateError when it is not as we write it: a database may be damaged."""
        try:
            return _read(operation)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"the state is damaged: the handle of what is made at {operation.address} is not as we write it "
                f"({error!r:.80}). Nothing in the account was touched. Restore a copy of the state; or run `reconciler "
                "state rebuild`, which forgets all rows of this stack and makes them anew from the account"
            ) from None


def proof_of(index: int, proof: str) -> dict[str, str]:
    """What a handle says of one stored chunk."""
    return {f"{CHUNK}{index}": proof}


def _read(operation: Operation) -> Upload:
    handle = operation.handle or {}
    texts = {name: handle[name] for name in TEXTS}
    numbers = {name: handle[name] for name in NUMBERS}
    proofs = {int(name.removeprefix(CHUNK)): it for name, it in handle.items() if name.startswith(CHUNK)}
    headers = handle["headers"]
    known = (*texts.values(), *proofs.values(), operation.id, operation.identity)
    if not isinstance(headers, dict) or not all(isinstance(it, str) for it in known):
        raise TypeError("something in it is not text")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers.values()):
        raise TypeError("something in it is no number")
    if not (numbers["chunk_size"] > 0 and numbers["total_chunks"] > 0 and all(index > 0 for index in proofs)):
        raise ValueError("chunks are of no size")
    made: dict[str, Any] = {"object_id": operation.id, "address": operation.address, "identity": operation.identity}
    return Upload(**texts, **numbers, **made, headers=headers, proofs=proofs)
