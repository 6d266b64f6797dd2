"""Embed, the first version: vectors of a text, a picture or a sound, at once."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embeddings import EmbeddingPlan, check_image, content_vector
from reconciler.emulator.twelvelabs.models import model_problem, models
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.reading import form_number
from reconciler.emulator.twelvelabs.sources import MediaSource, from_file, from_url
from reconciler.emulator.twelvelabs.wire import SentForm

__all__ = ["FAMILY", "model_name", "source_of", "spend"]

MOST_TOKENS = 500

# -- wire


def model_name(call: ApiCall, form: SentForm) -> str:
    """The model that is named; raises the 400 that names the successor of one that is gone."""
    name, offered = form.text("model_name"), models(call.options).embed
    if name not in offered:
        raise model_problem(name, offered, call.options)
    return name


def spend(call: ApiCall, seconds: float) -> None:
    """Sound and video have limits of their own: of requests, and of minutes."""
    call.spend("embed-media", "requests", 1)
    call.spend("embed-media", "media_minutes", seconds / 60)


def source_of(form: SentForm, kind: str) -> MediaSource | None:
    """The URL wins over the file, as the documentation says."""
    url, file = form.maybe_text(f"{kind}_url"), form.file(f"{kind}_file")
    if url is not None:
        found = from_url(url, f"{kind}_url", kind)
    elif file is not None:
        found = from_file(file, f"{kind}_file")
    else:
        return None
    return found.must_be((kind,), f"{kind}_file" if url is None else f"{kind}_url")


def _metadata(source: MediaSource) -> dict[str, Any]:
    return {"input_url" if source.how == "url" else "input_filename": source.given}


def _text(text: str, dimensions: int) -> dict[str, Any]:
    if len(text.split()) > MOST_TOKENS:
        raise invalid(f"The text parameter may have {MOST_TOKENS} tokens at most.")
    return {"segments": [{"float": content_vector([f"text:{text}"], dimensions)}]}


def _image(source: MediaSource, dimensions: int) -> dict[str, Any]:
    vector = content_vector([check_image(source).media["sha256"]], dimensions)
    return {"segments": [{"float": vector}], "metadata": _metadata(source)}


def _audio(source: MediaSource, start: float, dimensions: int) -> dict[str, Any]:
    if start and start >= source.duration:
        raise invalid(f"The audio_start_offset_sec parameter must be below {source.duration:g}.")
    plan = EmbeddingPlan(source.media["sha256"], start, source.duration, ("audio",), ("clip",), dimensions=dimensions)
    segments = [
        {"float": vector, "start_offset_sec": first, "end_offset_sec": last}
        for _, _, first, last, vector in plan.parts()
    ]
    return {"segments": segments, "metadata": _metadata(source)}


# -- routes


def create(call: ApiCall) -> Reply:
    """What was sent, each with its own vectors; at least one of the three."""
    form = call.form()
    shown: dict[str, Any] = {"model_name": model_name(call, form)}
    dimensions = models(call.options).dimensions
    text, image, audio = form.maybe_text("text"), source_of(form, "image"), source_of(form, "audio")
    start = form_number(form, "audio_start_offset_sec") or 0.0
    if not call.options.since("2026-07"):
        form.maybe_text("text_truncate")
    form.done()
    if text is None and image is None and audio is None:
        raise missing("text")
    if text is not None:
        shown["text_embedding"] = _text(text, dimensions)
    if image is not None:
        shown["image_embedding"] = _image(image, dimensions)
    if audio is not None:
        shown["audio_embedding"] = _audio(audio, start, dimensions)
        spend(call, audio.duration - start)
    return Reply(200, shown)


FAMILY = EndpointFamily(name="embed", routes=(Route("POST", "/embed", create, body="form", bucket="embed"),))
