"""What TwelveLabs limits together: creates, by family; embeddings also by what is embedded. Reads are not in its table.

Source: https://docs.twelvelabs.io/docs/get-started/rate-limits, as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["bucket"]

FAMILIES: Mapping[str, str] = {
    "/assets": "index",
    "/indexes/*/indexed-assets": "index",
    "/tasks": "index",
    "/analyze": "analyze",
    "/analyze/tasks": "analyze",
    "/search": "search",
}
"""Uploading and indexing share one limit."""
EMBED = "embed"


def bucket(method: str, path: str, sent: Mapping[str, Any]) -> str:
    """The family of a request, with what is embedded; "" for what is limited by itself, if at all."""
    if method != "POST":
        return ""
    if path in ("/embed-v2", "/embed-v2/tasks"):
        return f"{EMBED} {sent.get('input_type', '')}"
    if path in ("/embed", "/embed/tasks"):
        return f"{EMBED} {_embedded(path, sent)}"
    return FAMILIES.get(path, "")


def _embedded(path: str, form: Mapping[str, Any]) -> str:
    """The first version of the API takes a field for each."""
    if path == "/embed/tasks":
        return "video"
    return next((sort for sort in ("audio", "image") if any(name.startswith(sort) for name in form)), "text")
