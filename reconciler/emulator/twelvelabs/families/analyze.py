"""Analyze: a text about a video, at once or piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.twelvelabs.analysis import generation_id, read
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.reading import body
from reconciler.emulator.twelvelabs.writer import Written, tokens_in

__all__ = ["CUT", "FAMILY"]

CUT = {"message": "The response was cut because it reached the maximum length."}
PIECE = 40
"""Letters in one event of a stream."""

# -- wire


def _whole(written: Written, generation: str, asked: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": generation,
        "data": written.text,
        "finish_reason": "length" if written.cut else "stop",
        "usage": {"output_tokens": written.tokens, "input_tokens": asked},
    }
    return {**shown, **({"error": CUT} if written.cut else {})}


def _events(written: Written, generation: str, asked: int) -> Iterator[dict[str, Any]]:
    yield {"event_type": "stream_start", "metadata": {"generation_id": generation}}
    for start in range(0, len(written.text), PIECE):
        yield {"event_type": "text_generation", "text": written.text[start : start + PIECE]}
    end: dict[str, Any] = {
        "event_type": "stream_end",
        "finish_reason": "length" if written.cut else "stop",
        "metadata": {
            "generation_id": generation,
            "usage": {"output_tokens": written.tokens, "input_tokens": asked},
        },
    }
    yield {**end, **({"error": CUT} if written.cut else {})}


# -- routes


def create(call: ApiCall) -> Reply:
    """A stream of lines, each a JSON object, unless `stream` is false."""
    fields = body(call)
    stream = fields.flag("stream", default=True)
    analysis = read(call, fields, task=False)
    fields.done()
    written, generation, asked = analysis.write(), generation_id(call), tokens_in(analysis.subject.prompt)
    analysis.spend(call, written)
    if not stream:
        return Reply(200, _whole(written, generation, asked))
    lines = [json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in _events(written, generation, asked)]
    return Reply(200, chunks=iter(lines), media_type="application/x-ndjson")


FAMILY = EndpointFamily(
    name="analyze",
    routes=(Route("POST", "/analyze", create, body="json", bucket="analyze", limited="empty"),),
)
