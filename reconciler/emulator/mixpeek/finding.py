"""What is found in an asset when its indexing is done: features, made up from what is behind it and from its settings.

No model runs. A vector, a text and a description follow from the content and where in it they are, so that two equal
runs are equal, and none of them says anything about what is in a video.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.emulator.core.media import imagine
from reconciler.emulator.core.synthetic import segments, vector

__all__ = ["content_of", "features_of", "length_of", "vectors_of"]

USUAL_INTERVAL_S = 10
USUAL_MODEL = "multimodal-v1"
"""What embeds when nobody says what should (chosen): the guide sends no settings, and gets vectors of it."""
WORDS = ("two", "people", "inside", "a", "car", "beside", "the", "sea", "at", "night", "in", "rain", "music", "laughs")


def content_of(doc: Mapping[str, Any]) -> str:
    """What an asset's content is known by."""
    told = doc["text"] if doc["modality"] == "text" else doc["source"]
    return hashlib.sha256(f"{doc['modality']}:{told}".encode("utf-8", "replace")).hexdigest()


def length_of(doc: Mapping[str, Any]) -> float:
    """Seconds of a video, from its address: nothing is downloaded."""
    return imagine(content_of(doc), "video/mp4").duration or 0.0


def features_of(doc: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The features of an asset, as they are kept."""
    content = content_of(doc)
    if doc["modality"] == "video":
        for number, setting in enumerate(doc["settings"] or [{"embed": {}}]):
            interval = setting.get("interval_sec") or USUAL_INTERVAL_S
            for start, end in segments(0.0, length_of(doc), interval):
                span = {"start_time": start, "end_time": end, "interval_sec": interval}
                yield {**span, **_found(f"{content}:{number}:{start:g}", setting)}
    elif doc["modality"] == "image":
        yield _found(content, doc["settings"] or {"embed": {}})
    else:
        yield {"text": doc["text"], **_found(content, doc["settings"] or {"embed": {}})}


def _found(content: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    """What one pass over one piece finds."""
    found: dict[str, Any] = {"content": content}
    for wanted, name in (("read", "text"), ("describe", "description"), ("transcribe", "transcription")):
        if wanted in setting:
            found[name] = _sentence(f"{content}:{wanted}", setting[wanted].get("max_length"))
    if "detect" in setting:
        found["detect"] = {kind: [] for kind in setting["detect"]}
    if "json_output" in setting:
        shape = setting["json_output"].get("response_shape", {})
        found["json_output"] = {name: _sentence(f"{content}:{name}", None) for name in shape}
    if "embed" in setting:
        found["models"] = [setting["embed"].get("model_id", USUAL_MODEL)]
    return found


def vectors_of(found: Mapping[str, Any], dimensions: int) -> dict[str, list[float]]:
    """Its named vectors."""
    return {model: vector(f"{found['content']}:{model}", dimensions) for model in found.get("models", ())}


def _sentence(content: str, most: int | None) -> str:
    noise = hashlib.sha256(content.encode()).digest()
    text = " ".join(WORDS[byte % len(WORDS)] for byte in noise[:7])
    return text if most is None else text[:most]
