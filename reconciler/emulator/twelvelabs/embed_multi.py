"""`multi_input`: pictures, and of marengo3.5 sound, video and documents too, with a text or without; one vector."""

from __future__ import annotations

import re
from collections import Counter

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embed_models import EmbedModel, source_in, text_within
from reconciler.emulator.twelvelabs.embeddings import check_image
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.sources import MediaSource
from reconciler.emulator.twelvelabs.writer import tokens_in

__all__ = ["MOST_TOKENS", "read_several"]

MOST_SOURCES = 10
MOST_TOKENS, MOST_TOKENS_NEWER = 500, 2000
MOST_BYTES, LONGEST_S = 32 * 1024 * 1024, 30.0
"""Of one source, of marengo3.5."""
MENTIONED = re.compile(r"<@([^<>]*)>")
PDF = "application/pdf"

Found = tuple[tuple[str, ...], dict[str, float], bool]
"""What the vector follows from; tokens by kind of content; whether the text was cut."""


def read_several(call: ApiCall, part: Body, model: EmbedModel) -> Found:
    """Up to ten sources in their order, and a text that may speak of them by name; since `newest` a text alone too."""
    alone = call.options.since("newest") and "input_text" in part and "media_sources" not in part
    sources, names = [], set()
    for source in part.sections("media_sources", least=0 if alone else 1, most=MOST_SOURCES):
        names.add(source.maybe_text("name"))
        kind = source.one_of("media_type", ("image", "video", "audio", "document") if model.newer else ("image",))
        sources.append((kind, _checked(source_in(call, source, kind), kind, source.where)))
        source.done()
    parts, tokens, cut = [source.media["sha256"] for _, source in sources], Counter(_lengths(sources)), False
    if "input_text" in part:
        text, cut = text_within(
            part, MOST_TOKENS_NEWER if model.newer else MOST_TOKENS, cut=model.newer and model.truncates
        )
        if model.newer and (unknown := set(MENTIONED.findall(text)) - names):
            raise invalid(f"{part.where}.input_text names a source that is not there: {sorted(unknown)[0][:64]!r}.")
        # Marked as a text: a hash that is written out must not be the picture with that hash.
        parts.append(f"text:{text}")
        tokens["text"] += tokens_in(text)
    if model.newer:
        _check_together(part, sources, model)
    return tuple(parts), dict(tokens), cut


def _checked(source: MediaSource, kind: str, where: str) -> MediaSource:
    """Only what was read from a file's own header is held against its length: behind a URL it is made up."""
    if kind == "image":
        return check_image(source)
    if source.media["measured"] and source.duration > LONGEST_S:
        raise invalid(f"{where} may last {LONGEST_S:g} s at most, not {source.duration:g}.")
    if source.media["measured"] and source.media["size"] > MOST_BYTES:
        raise invalid(f"{where} may have {MOST_BYTES} bytes at most.")
    return source


def _lengths(sources: list[tuple[str, MediaSource]]) -> dict[str, float]:
    tokens: dict[str, float] = {}
    for kind, source in sources:
        tokens[kind] = tokens.get(kind, 0.0) + (source.duration or 1.0)
    return tokens


def _check_together(part: Body, sources: list[tuple[str, MediaSource]], model: EmbedModel) -> None:
    """What marengo3.5 does not make one vector of."""
    texts, kinds = "input_text" in part, {kind for kind, _ in sources}
    documents = [source for kind, source in sources if kind == "document"]
    if len(kinds) > 1 and not texts:
        raise invalid(f"{part.where}: sources of different types need an input_text.")
    if any(source.media["mime"] == PDF for source in documents) and (len(sources) > 1 or texts):
        raise invalid(f"{part.where}: a PDF must be the only input.")
    if documents and kinds == {"document"} and (texts or len(documents) > 1):
        raise invalid(f"{part.where}: all of it is text; add an image, a video or sound.")
    if model.uncertain and (documents or (texts and sources)):
        raise invalid("With embedding_uncertainty the input must be a text alone, or media alone, without documents.")
