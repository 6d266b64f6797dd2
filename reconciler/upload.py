"""Files: what their bytes are, and how they get to the API.

A file is hashed once: the hash is kept in a cache of the user's, by path, size, modification time and inode.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.errors import MediaError

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["content_of_url", "hashes", "send_file"]

BLOCK_BYTES = 1 << 20


async def hashes(root: Path, files: Iterable[str]) -> dict[str, str]:
    """path under `root` → sha256 (hex) of its bytes. Raises MediaError for a file that cannot be read."""
    names = sorted(set(files))
    found = await asyncio.gather(*(asyncio.to_thread(_sha256, root / name) for name in names))
    return dict(zip(names, found, strict=True))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def content_of_url(url: str, sha256: str | None) -> str:
    """The identity of what a URL serves: the URL itself, and the bytes' hash where it is pinned."""
    return "url-" + hashlib.sha256(f"{url}\n{sha256 or ''}".encode()).hexdigest()


async def send_file(http: Http, path: str, file: Path, form: Mapping[str, Any]) -> Any:
    """Send one file as a multipart form; the answer's JSON. Never repeated by itself: see `Http.request`."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    try:
        with file.open("rb") as stream:
            return await http.request("POST", path, form=form, files={"file": (file.name, stream, kind)})
    except OSError as error:
        raise MediaError(f"{file}: cannot be read ({error.strerror})") from error
