"""Which models there are, by vintage; and what is said about one that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs.options import NEWEST, VINTAGES, Options, Vintage
from reconciler.emulator.twelvelabs.problems import invalid

__all__ = ["DIMENSIONS", "MODELS", "Models", "model_problem", "models"]

DIMENSIONS = 512
"""Of a vector, where nobody asks for another length."""


@dataclass(frozen=True, slots=True)
class Models:
    """The names that the endpoints take; the first is what is used when none is named."""

    index: tuple[str, ...]
    analyze: tuple[str, ...]
    embed: tuple[str, ...]
    """Of the first version."""
    embed_v2: tuple[str, ...] = ()
    dimensions: int = DIMENSIONS
    """Of the vectors of the first version, and of what is indexed."""
    embedding_options: tuple[str, ...] = ("visual", "audio", "transcription")
    search_options: tuple[str, ...] = ("visual", "audio", "transcription")


MODELS: Mapping[Vintage, Models] = {
    "2024-11": Models(
        index=("marengo2.7", "pegasus1.2"),
        analyze=("pegasus1.2",),
        embed=("Marengo-retrieval-2.7",),
        dimensions=1024,
        embedding_options=("visual-text", "audio"),
        search_options=("visual", "audio"),
    ),
    "2026-07": Models(
        index=("marengo3.0", "pegasus1.2"),
        analyze=("pegasus1.2", "pegasus1.5"),
        embed=("marengo3.0",),
        embed_v2=("marengo3.0",),
    ),
    NEWEST: Models(
        index=("marengo3.0",),
        analyze=("pegasus1.5", "pegasus1.6"),
        embed=("marengo3.0",),
        embed_v2=("marengo3.0", "marengo3.5"),
    ),
}
SUCCESSORS = {"marengo": "marengo3.0", "pegasus": "pegasus1.5"}


def models(options: Options) -> Models:
    """Those of the vintage that is followed."""
    return MODELS[options.vintage]


def model_problem(name: str, offered: Sequence[str], options: Options, *, where: str = "model_name") -> ApiProblem:
    """Of a model that was there once the successor is named, as the vendor does."""
    earlier = VINTAGES[: VINTAGES.index(options.vintage)]
    family = name.lower().partition("-")[0].rstrip("0123456789.")
    if any(name in (*MODELS[old].index, *MODELS[old].embed, *MODELS[old].analyze) for old in earlier):
        # Both words were seen, of one family each; clients look for them in the message.
        gone = "has been sunset" if family == "pegasus" else "is no longer supported"
        return invalid(f"The {where} parameter is invalid. {name} {gone}. Please use {SUCCESSORS[family]} instead.")
    return invalid(f"The {where} parameter is invalid. It must be one of {', '.join(offered)}.")
