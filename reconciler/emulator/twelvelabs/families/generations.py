"""Gist and summarize: titles, topics, summaries of a video, as they were before `analyze` took their place."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.synthetic import segments
from reconciler.emulator.twelvelabs.analysis import generation_id, subject_of_video
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import body
from reconciler.emulator.twelvelabs.schema_values import KnownFacts
from reconciler.emulator.twelvelabs.writer import tokens_in

__all__ = ["FAMILY"]

GIST = ("topic", "hashtag", "title")
SUMMARIES = ("summary", "chapter", "highlight")
CHAPTERS, CHAPTER_S = 3, 60.0

# -- wire


def _gist(known: KnownFacts, wanted: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": known.title,
        "topics": [" ".join(known.keywords)],
        "hashtags": list(known.keywords),
    }
    names = {"topic": "topics", "hashtag": "hashtags", "title": "title"}
    return {names[kind]: found[names[kind]] for kind in wanted}


def _summary(known: KnownFacts, kind: str) -> dict[str, Any]:
    if kind == "summary":
        return {"summary": known.summary}
    parts = list(segments(known.start, known.end, CHAPTER_S))[:CHAPTERS]
    if kind == "highlight":
        said = {"highlight": known.title, "highlight_summary": known.summary}
        return {"highlights": [{"start": start, "end": end, **said} for start, end in parts]}
    return {
        "chapters": [
            {
                "chapter_number": number,
                "start": start,
                "end": end,
                "chapter_title": f"{known.title}, part {number + 1}",
                "chapter_summary": known.summary,
            }
            for number, (start, end) in enumerate(parts)
        ]
    }


# -- routes


def gist(call: ApiCall) -> Reply:
    fields = _read(call)
    subject = subject_of_video(call, fields.text("video_id"), "")
    wanted = fields.texts("types", least=1)
    fields.done()
    if not set(wanted) <= set(GIST):
        raise invalid(f"The types parameter must be among {', '.join(GIST)}.")
    return _made(call, _gist(subject.known(), wanted))


def summarize(call: ApiCall) -> Reply:
    fields = _read(call)
    video_id, kind = fields.text("video_id"), fields.one_of("type", SUMMARIES)
    subject = subject_of_video(call, video_id, fields.maybe_text("prompt") or "")
    fields.number("temperature", least=0, most=1)
    fields.done()
    return _made(call, _summary(subject.known(), kind))


def _read(call: ApiCall) -> Any:
    if call.options.since("2026-07"):
        # Seen since February 2026.
        raise ApiProblem(410, "endpoint_deprecated", "This endpoint is no longer available. Use /analyze instead.")
    return body(call)


def _made(call: ApiCall, result: dict[str, Any]) -> Reply:
    return Reply(200, {"id": generation_id(call), **result, "usage": {"output_tokens": tokens_in(str(result))}})


FAMILY = EndpointFamily(
    name="generations",
    routes=(
        Route("POST", "/gist", gist, body="json", bucket="analyze"),
        Route("POST", "/summarize", summarize, body="json", bucket="analyze"),
    ),
)
