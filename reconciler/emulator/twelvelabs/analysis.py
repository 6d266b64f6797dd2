"""One analysis, as both the immediate and the asynchronous endpoint are asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.models import model_problem, models
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.schema_times import check_times
from reconciler.emulator.twelvelabs.segment_formats import media_sources, read_definitions
from reconciler.emulator.twelvelabs.sources import MediaSource, media_source
from reconciler.emulator.twelvelabs.writer import Definition, Subject, Written, free_text, segmented, structured

__all__ = ["Analysis", "generation_id", "read", "subject_of_video"]

SYNC_TOKENS = (1, 4096)
"""Of an answer at once, since the newest vintage: an example of the vendor's says so, its SDK does not."""
TOKENS = {"pegasus1.2": (2, 4096), "pegasus1.5": (512, 98304), "pegasus1.6": (512, 98304)}
SEGMENT_TOKENS = 2048
"""Segments need as many at least."""
USUAL_TOKENS, UNLIMITED = 4096, 98304
SHORTEST_S, LONGEST_S, LONGEST_TASK_S = 4.0, 3600.0, 7200.0
LONGEST_CUT_S = 4 * 3600.0
"""Of a video of which a window is analysed, since the newest vintage; the window is no longer than a video was."""
SHORTEST_WINDOW_S = {False: 4.0, True: 1.0}
"""Before and since the newest vintage."""
MOST_BASE64 = 48 * 1024 * 1024
MOST_IMAGES = 20


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """In what form the answer is wanted; free text unless a schema or definitions say otherwise."""

    schema: Any = None
    definitions: tuple[Definition, ...] = ()
    segment_s: float = 6.0
    time_format: str = "seconds"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A request, read and found good. `echo` is what a task shows of it later."""

    subject: Subject
    source: MediaSource | None
    shape: AnswerForm
    most_tokens: int
    echo: dict[str, Any]

    def spend(self, call: ApiCall, written: Written) -> None:
        """What it takes of the plan: minutes looked at, and tokens written."""
        call.spend("analyze", "media_minutes", (self.subject.end - self.subject.start) / 60)
        call.spend("analyze", "tokens", written.tokens)

    def write(self) -> Written:
        """The answer, in the form that was asked for."""
        shape = self.shape
        if shape.definitions:
            return segmented(self.subject, shape.definitions, shape.segment_s, shape.time_format)
        if shape.schema is not None:
            return structured(self.subject, shape.schema, self.most_tokens)
        return free_text(self.subject, self.most_tokens)


def generation_id(call: ApiCall) -> str:
    """A UUID of the fourth version by its looks, as recorded ones are; it follows from the seed."""
    digits = call.store.token(call.store.next(), 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def read(call: ApiCall, fields: Body, *, task: bool) -> Analysis:
    """`task`: segments may be asked for, longer videos may be sent, and an unknown asset is a 400, not a 404."""
    offered = models(call.options).analyze
    model = fields.maybe_text("model_name") or offered[0]
    if model not in offered:
        raise model_problem(model, offered, call.options)
    mode = fields.choice("analysis_mode", ("general", "time_based_metadata"), "general") if task else "general"
    source, images = _media(call, fields, model, task=task)
    prompt, prompt_echo = _prompt(call, fields, taken=mode == "general")
    span, window = _window(call, fields, source)
    if source is not None:
        _check_length(call, source, span, task=task)
    lengths = _segment_lengths(fields, mode) if task else (None, None)
    shape, shape_echo = _shape(call, fields, span, lengths, model=model, mode=mode, task=task)
    if any(definition.is_bounded for definition in shape.definitions) and {*window.values(), *lengths} != {None}:
        raise invalid("time_ranges go neither with start_time and end_time nor with the lengths of segments.")
    most = _most_tokens(call, fields, model, mode=mode, task=task)
    echo = {
        "analysis_mode": mode,
        **prompt_echo,
        "response_format": shape_echo,
        "temperature": fields.number("temperature", least=0, most=1),
        "max_tokens": most,
        "min_segment_duration": lengths[0],
        "max_segment_duration": lengths[1],
        **window,
    }
    # Of several pictures the first speaks: a template has no use for more.
    subject = _subject(call, source or images[0], span, prompt)
    return Analysis(subject, source, shape, most or USUAL_TOKENS, echo)


def _media(call: ApiCall, fields: Body, model: str, *, task: bool) -> tuple[MediaSource | None, list[MediaSource]]:
    """A video; or, where the newest model is, pictures."""
    missing_status = 400 if task else 404
    if model == "pegasus1.2" and not task and "video_id" in fields:
        source: MediaSource | None = _indexed(call, fields.text("video_id"))
    else:
        source = _video(call, fields.maybe_section("video"), status=missing_status)
    images = []
    if model == "pegasus1.6":
        for image in fields.sections("image", most=MOST_IMAGES):
            image.text("name")
            images.append(media_source(call, image, "image", most=MOST_BASE64, status=missing_status))
            image.done()
    if source is None and not images:
        raise missing("video")
    return source, images


def _video(call: ApiCall, part: Body | None, *, status: int) -> MediaSource | None:
    if part is None:
        return None
    way = part.one_of("type", ("url", "asset_id", "base64_string"))
    if way not in part:
        raise missing(f"video.{way}")
    found = media_source(call, part, "video", most=MOST_BASE64, status=status)
    part.done()
    return found


def _indexed(call: ApiCall, video_id: str) -> MediaSource:
    """The older way: a video that is in an index which has a Pegasus model."""
    video = call.store.get("indexed_asset", video_id)
    index = call.store.at(video.parent) if video else None
    if video is None or index is None:
        raise call.lost("video", video_id, 404)
    if not any(model["model_name"].startswith("pegasus") for model in index.doc["models"]):
        raise ApiProblem(400, "index_not_supported_for_generate", "The index has no model that can generate text.")
    video = call.walker.up_to_now(call.store, video)
    if video.status != "ready":
        raise invalid(f"The video {video.id} is {video.status}, not ready.")
    about = {**video.doc["media"], "user_metadata": video.doc["user_metadata"], "index_id": index.id}
    return MediaSource("video_id", video.name, about, video.id)


def subject_of_video(call: ApiCall, video_id: str, prompt: str) -> Subject:
    """All of an indexed video, for the endpoints that know nothing else."""
    source = _indexed(call, video_id)
    return _subject(call, source, (0.0, source.duration), prompt)


def _check_length(call: ApiCall, source: MediaSource, span: tuple[float, float], *, task: bool) -> None:
    if source.duration < SHORTEST_S:
        raise ApiProblem(400, "video_duration_too_short", f"It must last {SHORTEST_S:g} s at least.")
    longest = LONGEST_TASK_S if task else LONGEST_S
    if task and call.options.since("newest") and span[1] - span[0] <= LONGEST_TASK_S:
        longest = LONGEST_CUT_S
    if source.duration > longest:
        raise ApiProblem(400, "video_duration_too_long", f"It must last {longest:g} s at most.")


def _prompt(call: ApiCall, fields: Body, *, taken: bool) -> tuple[str, dict[str, Any]]:
    plain, structured_prompt = fields.maybe_text("prompt"), fields.maybe_section("prompt_v2")
    if not taken and (plain or structured_prompt):
        raise invalid("A prompt is not supported when analysis_mode is time_based_metadata.")
    if plain and structured_prompt:
        raise invalid("prompt and prompt_v2 cannot be used together.")
    if structured_prompt is None:
        if taken and not (plain or "").strip():
            raise missing("prompt")
        return plain or "", {"prompt": plain, "prompt_v2": None}
    text = structured_prompt.text("input_text")
    sources = media_sources(call, structured_prompt)
    structured_prompt.done()
    return text, {"prompt": None, "prompt_v2": {"input_text": text, "media_sources": sources}}


def _window(
    call: ApiCall, fields: Body, source: MediaSource | None
) -> tuple[tuple[float, float], dict[str, float | None]]:
    """The part of the video to look at; the whole, if nothing is said."""
    length = source.duration if source else 0.0
    start, end = fields.number("start_time", least=0), fields.number("end_time", least=0)
    first, last = start or 0.0, length if end is None else end
    least = SHORTEST_WINDOW_S[call.options.since("newest")]
    if (start is not None or end is not None) and (last > length or last - first < least):
        raise invalid(f"start_time and end_time must be within the video's {length:g} s, and {least:g} s apart.")
    return (first, last), {"start_time": start, "end_time": end}


def _segment_lengths(fields: Body, mode: str) -> tuple[float | None, float | None]:
    shortest = fields.number("min_segment_duration", least=2)
    longest = fields.number("max_segment_duration", least=2)
    if mode == "general" and (shortest, longest) != (None, None):
        raise invalid("The lengths of segments go with the analysis_mode time_based_metadata.")
    if shortest is not None and longest is not None and shortest > longest:
        raise invalid("min_segment_duration must not be above max_segment_duration.")
    return shortest, longest


def _shape(
    call: ApiCall,
    fields: Body,
    span: tuple[float, float],
    lengths: tuple[float | None, float | None],
    *,
    model: str,
    mode: str,
    task: bool,
) -> tuple[AnswerForm, dict[str, Any] | None]:
    part = fields.maybe_section("response_format")
    kind = part.one_of("type", ("json_schema", "segment_definitions") if task else ("json_schema",)) if part else ""
    # The contract has each only with the other.
    if (kind == "segment_definitions") != (mode == "time_based_metadata"):
        raise invalid("The analysis_mode time_based_metadata and segment_definitions go together.")
    if part is None:
        return AnswerForm(), None
    if kind == "json_schema":
        found = AnswerForm(part.anything("json_schema"))
        if found.schema is None:
            raise missing("response_format.json_schema")
        check_times(found.schema)
    elif model == "pegasus1.2":
        raise invalid(f"The model {model} does not extract segments.")
    else:
        definitions, form = read_definitions(call, part, span)
        found = AnswerForm(None, definitions, lengths[1] or max(lengths[0] or 0.0, 6.0), form)
    part.done()
    return found, _without_bytes(part.raw)


def _without_bytes(sent: Any) -> Any:
    """What was sent, to be shown again; pictures that came as base64 are not."""
    if isinstance(sent, dict):
        return {name: _without_bytes(value) for name, value in sent.items() if name != "base64_string"}
    return [_without_bytes(value) for value in sent] if isinstance(sent, list) else sent


def _most_tokens(call: ApiCall, fields: Body, model: str, *, mode: str, task: bool) -> int | None:
    if task and call.options.since("newest") and fields.anything("max_tokens") == "unlimited":
        return UNLIMITED
    least, most = TOKENS[model] if task or not call.options.since("newest") else SYNC_TOKENS
    if mode == "time_based_metadata":
        least = SEGMENT_TOKENS
    return fields.whole("max_tokens", least=least, most=most)


def _subject(call: ApiCall, source: MediaSource, span: tuple[float, float], prompt: str) -> Subject:
    """What is known: metadata of the asset or of the indexed video, and what is said in it."""
    about = dict(source.media.get("user_metadata", {}))
    if source.how == "asset_id":
        asset = call.store.get("asset", source.given)
        about = dict(asset.doc["user_metadata"]) if asset else {}
    spoken = call.said_in(source.name)
    return Subject(source.name, source.media["sha256"], span[0], span[1], prompt, about, spoken)
