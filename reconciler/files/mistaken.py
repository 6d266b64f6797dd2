"""Files that stand where media should be: pointers of Git LFS and git-annex, and pages saved in a download's place.

What a file begins with is enough to tell, and it is read anyway when the file is hashed.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from reconciler.files.types import media_type

__all__ = ["mistaken"]

MOST_OF_A_POINTER = 32 << 10
"""Bytes. Git LFS keeps its pointers under 1 kB, git-annex reads no more than 32 kB of one."""
LFS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
ANNEX = (b"/annex/objects/", b"../.git/annex/objects/", b".git/annex/objects/")
PAGES = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<?xml", "an XML document"))
TEXT = ("image/svg+xml",)
"""What is media and text of that kind all the same."""


def mistaken(name: str, head: bytes, size_bytes: int) -> str:
    """What the file is instead of media, and what to do; empty when it may well be what its name says."""
    if size_bytes <= MOST_OF_A_POINTER:
        if head.startswith(LFS):
            return "is a Git LFS pointer, not the file itself; run `git lfs pull`"
        if head.startswith(ANNEX):
            return f"is a git-annex pointer, not the file itself; run `git annex get {PurePosixPath(name).name}`"
    kind = media_type(name)
    if kind.partition("/")[0] not in ("video", "audio", "image") and kind != "application/pdf":
        return ""
    start = head[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((what for sign, what in PAGES if start.startswith(sign)), "")
    if not found or (found != "an HTML page" and kind in TEXT):
        return ""
    return f"is {found}, saved in place of the file, an error or a login perhaps; download it again"
