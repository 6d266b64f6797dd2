"""What TwelveLabs limits together: creates, by family; embeddings also by what is embedded. Reads are not in its table.

Source: https://docs.twelvelabs.io/docs/get-started/rate-limits, as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

__all__ = ["MEDIA", "TOKENS", "MediaLengths", "bucket"]

MEDIA = "seconds of media"
"""What limits count beside requests, by the hour and the day."""
TOKENS = "tokens"
"""What answers of analyses are made of, by the minute and the day. How many one will have nobody knows before."""
USUAL_TOKENS, LETTERS_A_TOKEN = 500, 4
"""What an answer is taken to have until one was seen: of any plan a minute's requests then use up its tokens."""

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
LONGEST_S = 1e6
"""What is longer is no length of media."""


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


class MediaLengths:
    """How long the media of assets is, as far as answers have said it, and how long texts about it are on an average:
    what indexing and analysing it uses up."""

    def __init__(self) -> None:
        self._by_asset: dict[str, int] = {}
        self._answers = self._tokens = 0

    def wrote(self, text: str) -> None:
        """An answer of an analysis is there."""
        self._answers, self._tokens = self._answers + 1, self._tokens + ceil(len(text) / LETTERS_A_TOKEN)

    def seen(self, asset_id: Any, seconds: Any) -> None:
        """An answer shows an asset."""
        if isinstance(asset_id, str) and isinstance(seconds, int | float) and 0 < seconds < LONGEST_S:
            self._by_asset[asset_id] = ceil(seconds)

    def uses(self, method: str, path: str, sent: Mapping[str, Any]) -> Mapping[str, int]:
        """All of it, though a window of it may be embedded or analysed. Nothing of what has no known length."""
        asset_id = _asset_in(sent) if (family := bucket(method, path, sent)) else None
        media = {MEDIA: self._by_asset[asset_id]} if asset_id in self._by_asset else {}
        return {**media, TOKENS: self._a_text} if family == "analyze" else media

    @property
    def _a_text(self) -> int:
        return ceil(self._tokens / self._answers) if self._answers else USUAL_TOKENS


def _asset_in(sent: Mapping[str, Any], depth: int = 3) -> Any:
    """The asset that a request is about, wherever its endpoint wants it."""
    if "asset_id" in sent or not depth:
        return sent.get("asset_id")
    inner = (it for it in sent.values() if isinstance(it, Mapping))
    return next((found for it in inner if (found := _asset_in(it, depth - 1)) is not None), None)
