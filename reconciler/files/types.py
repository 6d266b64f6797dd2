"""What a file's name says it is."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

__all__ = ["media_type"]

MORE_TYPES = {
    ".heic": "image/heic",
    ".m4a": "audio/mp4",
    ".m4v": "video/x-m4v",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".ts": "video/mp2t",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
"""What a machine's own table may lack: the same file must be the same thing everywhere."""


def media_type(name: str) -> str:
    """The MIME type that a file's name says; `application/octet-stream` when it says none."""
    known = MORE_TYPES.get(PurePosixPath(name).suffix.lower())
    return known or mimetypes.guess_type(name)[0] or "application/octet-stream"
