"""The transcription of an asset: what its side-file says, cut in three ways. Only the newer contract has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.problems import gone, invalid

__all__ = ["FAMILY"]

Spoken = list[dict[str, Any]]
STATUSES = {"ready": "ready", "failed": "failed"}

# -- wire


def _words(spoken: Spoken) -> Iterator[dict[str, Any]]:
    """Each as long as the others of its entry."""
    for entry in spoken:
        words = entry["value"].split()
        step = (entry["end"] - entry["start"]) / max(len(words), 1)
        for number, word in enumerate(words):
            start = entry["start"] + number * step
            yield {"start": round(start, 3), "end": round(start + step, 3), "value": word}


def _sentences(spoken: Spoken) -> Iterator[dict[str, Any]]:
    """As the side-file has them."""
    yield from spoken


def _utterances(spoken: Spoken) -> Iterator[dict[str, Any]]:
    """One, if anything is said: nothing says who speaks."""
    if not spoken:
        return
    value = " ".join(entry["value"] for entry in spoken)
    yield {"start": spoken[0]["start"], "end": spoken[-1]["end"], "value": value}


CUTS: Mapping[str, Callable[[Spoken], Iterator[dict[str, Any]]]] = {
    "words": _words,
    "sentences": _sentences,
    "utterances": _utterances,
}

# -- routes


def retrieve(call: ApiCall) -> Reply:
    """404 if the asset has none, as an image; one in which nothing is said is empty. It is done when the asset is."""
    include = call.query.texts("include") or ["words"]
    if not set(include) <= set(CUTS):
        raise invalid(f"The include parameter must be among {', '.join(CUTS)}.")
    asset = call.find("asset", call.path["asset_id"], status=404)
    if asset.type not in ("video", "audio"):
        raise gone("transcription", asset.id, 404)
    spoken = call.said_in(asset.name)
    asset = call.look(asset)
    shown: dict[str, Any] = {"status": STATUSES.get(asset.status, "processing")}
    if asset.status == "ready":
        shown.update({name: list(CUTS[name](spoken)) for name in include})
    elif asset.status == "failed":
        shown["error"] = {"message": "The file could not be processed."}
    return Reply(200, shown)


FAMILY = EndpointFamily(
    name="transcriptions",
    since="newest",
    routes=(Route("GET", "/assets/{asset_id}/transcription", retrieve),),
)
