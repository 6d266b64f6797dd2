"""What a file is: type, pixels, seconds, from its name and its own header. No decoder is involved."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO

from reconciler.emulator.core.prober import Broken, Header, probe

__all__ = ["MediaFacts", "examine", "imagine", "kind_of", "mime_of"]

BLOCK = 1024 * 1024
DOCUMENTS = {"application/pdf", "text/plain", "text/markdown"}
MORE_TYPES = {
    ".heic": "image/heic",
    ".m4a": "audio/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
"""Names that the machine's own table may lack: what a file is must not depend on where the emulator runs."""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """One file. What its header does not tell is made up from its content, always the same for the same bytes."""

    mime: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    measured: bool = False
    """Read from the file's own header, so that limits may be held against it."""
    broken: str = ""
    """What is wrong with a header that begins well; such a file cannot be processed."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an object. Not by `asdict`, which copies every value."""
        return {name: getattr(self, name) for name in self.__slots__}


def kind_of(mime: str) -> str:
    """`video`, `audio`, `image`, `document`, or empty for what is none of them."""
    if mime in DOCUMENTS:
        return "document"
    if mime == "application/vnd.apple.mpegurl":
        return "video"
    major = mime.split("/", 1)[0]
    return major if major in ("video", "audio", "image") else ""


def mime_of(filename: str, sent: str = "", header: Header | None = None) -> str:
    """The file's type: by its header, else by its name, else by what the client called it."""
    if header is not None:
        return header.mime
    stem, dot, last = filename.rpartition(".")
    if dot and f".{last.lower()}" in mimetypes.encodings_map:
        last = f"{stem.rpartition('.')[2]}.{last}"  # a.svg.gz is an svg
    return (_by_ending(f"{'a' * bool(stem)}.{last.lower()}") if dot else None) or sent or "application/octet-stream"


@lru_cache(maxsize=1024)
def _by_ending(name: str) -> str | None:
    """Kept, because a thousand files have a few endings between them, and the table is slow to ask."""
    return MORE_TYPES.get(name.removeprefix("a")) or mimetypes.guess_type(name, strict=False)[0]


def examine(file: BinaryIO, filename: str, sent: str = "") -> MediaFacts:
    """Hash the bytes and read the header."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    for block in _blocks(file):
        digest.update(block)
        size += len(block)
    try:
        header = probe(file, size)
    # A header that begins well and breaks is a file that the vendor takes, and fails later.
    except Broken as error:
        return replace(imagine(digest.hexdigest(), mime_of(filename, sent), size), broken=str(error))
    mime = mime_of(filename, sent, header)
    if header is None:
        return imagine(digest.hexdigest(), mime, size)
    return MediaFacts(
        mime, size, digest.hexdigest(), header.width, header.height, header.duration, header.fps, measured=True
    )


def imagine(content: str, mime: str, size: int | None = None) -> MediaFacts:
    """A file that cannot be looked into (behind a URL, or no media at all): plausible, and the same every time."""
    # From the content and nothing else: the same file has the same length in every run, and in every account.
    noise = int(hashlib.sha256(content.encode()).hexdigest()[:12], 16)
    kind = kind_of(mime)
    return MediaFacts(
        mime=mime,
        size=size if size is not None else 1_000_000 + noise % 50_000_000,
        sha256=content,
        width=1280 if kind in ("video", "image") else None,
        height=720 if kind in ("video", "image") else None,
        duration=10.0 + noise % 590 if kind in ("video", "audio") else None,
        fps=30.0 if kind == "video" else None,
    )


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
