"""Search: clips of an index that answer a question, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from starlette.datastructures import UploadFile

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs import kept_results
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.corpus import Sought, asked, candidates, shown_on
from reconciler.emulator.twelvelabs.kept_results import LIFETIME_S, Expired, Unknown
from reconciler.emulator.twelvelabs.models import models
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.ranking import Likeness, Piece, rank
from reconciler.emulator.twelvelabs.ranking import words as split
from reconciler.emulator.twelvelabs.reading import form_number
from reconciler.emulator.twelvelabs.search_filter import conditions
from reconciler.emulator.twelvelabs.sources import MediaSource, from_file, from_url
from reconciler.emulator.twelvelabs.wire import SentFile, SentForm

__all__ = ["FAMILY"]

KIND = "search"
VIDEO = "indexed_asset"
MOST_IMAGES, MOST_WORDS, MOST_RESULTS = 10, 500, 10_000


@dataclass(frozen=True, slots=True)
class _Request:
    """The form, read."""

    index: Obj
    options: list[str]
    text: str
    images: list[MediaSource]
    semantic: bool
    group: bool
    every_option: bool
    limit: int
    filter: Any
    with_metadata: bool


@dataclass(frozen=True, slots=True)
class _Results:
    """What was found, as it is kept between two pages. A row is a clip, or with `group` all clips of one video."""

    rows: list[list[list[Any]]]
    group: bool
    limit: int
    pool: dict[str, Any]
    thumbnails: bool
    scores: bool = False
    """Whether clips have a score and a confidence, as they had once."""

    def as_json(self) -> dict[str, Any]:
        """Without `asdict`, which would copy every row."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


# -- wire: the request


def _read(call: ApiCall) -> _Request:
    form = call.form()
    index = call.find("index", form.text("index_id"))
    options = _options(call, index, form.texts("search_options"))
    ways = _among(form, "transcription_options", ("lexical", "semantic")) or ["lexical", "semantic"]
    text = form.maybe_text("query_text") or ""
    if len(text.split()) > MOST_WORDS:
        raise invalid(f"The query_text parameter may have {MOST_WORDS} tokens at most.")
    images = _images(form)
    if not text.strip() and not images:
        raise missing("query_text")
    request = _Request(
        index=index,
        options=options,
        text=text,
        images=images,
        semantic="semantic" in ways,
        group=_one_of(form, "group_by", ("clip", "video")) == "video",
        every_option=_one_of(form, "operator", ("or", "and")) == "and",
        limit=_limit(form),
        filter=_filter(form),
        with_metadata=form.flag("include_user_metadata", default=False),
    )
    form.passed_over("_")  # an empty file part, by which the oldest client makes its form a multipart one
    if not call.options.since("2026-07"):
        _among(form, "threshold", ("high", "medium", "low", "none"))
        _among(form, "sort_option", ("score", "clip_count"))
        form_number(form, "adjust_confidence_level", most=1)
    form.done()
    return request


def _options(call: ApiCall, index: Obj, options: list[str]) -> list[str]:
    """What the index was made for decides: spoken words need its audio option."""
    marengo = [model for model in index.doc["models"] if model["model_name"].startswith("marengo")]
    if not marengo:
        raise ApiProblem(400, "index_not_supported_for_search", "The index has no model that can search.")
    if not options:
        raise missing("search_options")
    for option in options:
        needed = "audio" if option == "transcription" else option
        if option not in models(call.options).search_options or needed not in marengo[0]["model_options"]:
            message = f"The search option {option[:40]!r} is not supported by this index."
            raise ApiProblem(400, "search_option_not_supported", message)
    return list(dict.fromkeys(options))


def _images(form: SentForm) -> list[MediaSource]:
    kind, urls = form.maybe_text("query_media_type"), form.texts("query_media_url")
    form.file("query_media_file")
    files = [SentFile(value) for value in form.form.getlist("query_media_file") if isinstance(value, UploadFile)]
    if not urls and not files:
        if kind is not None:
            raise missing("query_media_url")
        return []
    if kind is None:
        raise missing("query_media_type")
    if kind != "image":
        raise invalid("The query_media_type parameter must be image.")
    if len(urls) + len(files) > MOST_IMAGES:
        raise invalid(f"A query may have {MOST_IMAGES} images at most.")
    linked = [from_url(url, "query_media_url", "image").must_be(("image",), "query_media_url") for url in urls]
    return linked + [from_file(file, "query_media_file").must_be(("image",), "query_media_file") for file in files]


def _limit(form: SentForm) -> int:
    text = form.maybe_text("page_limit") or "10"
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= value <= 50:
        raise invalid("The page_limit parameter must be an integer from 1 to 50.")
    return value


def _filter(form: SentForm) -> Any:
    try:
        return form.json("filter")
    except ApiProblem as problem:
        raise ApiProblem(400, "search_filter_invalid", problem.message) from problem


def _one_of(form: SentForm, name: str, allowed: tuple[str, ...]) -> str:
    found = _among(form, name, allowed)
    return found[0] if found else allowed[0]


def _among(form: SentForm, name: str, allowed: tuple[str, ...]) -> list[str]:
    found = form.texts(name)
    if not set(found) <= set(allowed):
        raise invalid(f"The {name} parameter must be among {', '.join(allowed)}.")
    return found


# -- state


def _search(call: ApiCall, request: _Request) -> _Results:
    index = request.index
    for unfinished in call.store.unfinished(VIDEO, index.seq):
        call.walker.up_to_now(call.store, unfinished)
    where = (("status = ?", ("ready",)), *conditions(request.filter))
    pool = call.store.select(Selection(VIDEO, parent=index.seq, where=where))
    question, linked = _question(call, request)
    clips = rank(candidates(call, pool, linked, "user_metadata"), question)[:MOST_RESULTS]
    # Whole seconds in every recorded sample, though the contract calls it a number.
    duration = round(sum(video.doc["media"]["duration"] or 0.0 for video in pool))
    return _Results(
        rows=_rows(clips, group=request.group),
        group=request.group,
        limit=request.limit,
        pool={"total_count": len(pool), "total_duration": duration, "index_id": index.id},
        thumbnails="thumbnail" in index.doc["addons"],
        scores=not call.options.since("2026-07"),
    )


def _question(call: ApiCall, request: _Request) -> tuple[Likeness, set[int]]:
    """Words of the text, and of the pictures: their names, and whom the account knows them to show."""
    words: Sought = asked(call, request.text)
    for image in request.images:
        words.add(image.name.rsplit(".", 1)[0])
        for entity in shown_on(call, image.media["sha256"]):
            words.mention(call, entity)
    question = Likeness(
        words=_remembered(call, request.index, words.words),
        options=request.options,
        every_option=request.every_option,
        semantic=request.semantic,
        # Seen: a search of a filled index always finds something, for vectors are always near to one another.
        always=True,
        content="|".join(image.media["sha256"] for image in request.images),
    )
    return question, words.linked


def _remembered(call: ApiCall, index: Obj, asked: Sequence[str]) -> list[str]:
    """The words of a question without those that this index was made to forget."""
    gone = {
        word
        for which, texts in call.options.forgotten.items()
        if which == index.id or fnmatchcase(index.name, which)
        for text in texts
        for word in split(text)
    }
    return [word for word in asked if word not in gone]


def _rows(clips: list[Piece], *, group: bool) -> list[list[list[Any]]]:
    flat: list[list[Any]] = [
        [clip.seq, clip.start, clip.end, position, clip.transcription, round(clip.score, 2)]
        for position, clip in enumerate(clips, 1)
    ]
    if not group:
        return [[clip] for clip in flat]
    by_video: dict[int, list[list[Any]]] = {}
    for clip in flat:
        by_video.setdefault(clip[0], []).append(clip)
    return list(by_video.values())


# -- wire: the answer


def _clip(results: _Results, video: Obj, row: list[Any], *, with_metadata: bool) -> dict[str, Any]:
    _, start, end, position, text, score = row
    shown: dict[str, Any] = {"start": start, "end": end, "video_id": video.id, "rank": position}
    if results.scores:
        del shown["rank"]
        shown["score"] = score
        shown["confidence"] = "high" if score >= 2 else "medium" if score >= 1 else "low"
    if results.thumbnails:
        shown["thumbnail_url"] = f"https://media.emulator.invalid/{video.id}/{start:g}.jpg"
    if text:
        shown["transcription"] = text
    if with_metadata and video.doc["user_metadata"]:
        shown["user_metadata"] = video.doc["user_metadata"]
    return shown


def _data(call: ApiCall, results: _Results, page: int, *, with_metadata: bool) -> list[dict[str, Any]]:
    """A page of rows; a video that was deleted since the search is left out."""
    shown = []
    for row in results.rows[(page - 1) * results.limit : page * results.limit]:
        video = call.store.at(row[0][0])
        if video is None:
            continue
        clips = [_clip(results, video, clip, with_metadata=with_metadata) for clip in row]
        shown.append({"id": video.id, "clips": clips} if results.group else clips[0])
    return shown


def _page(call: ApiCall, results: _Results, kept: Obj | None, page: int, *, with_metadata: bool) -> Reply:
    born = kept.created_at if kept else call.store.now()
    info: dict[str, Any] = {
        "limit_per_page": results.limit,
        "total_results": len(results.rows),
        # Recorded: whole seconds, a quarter of an hour ahead.
        "page_expires_at": rfc3339(born + LIFETIME_S, digits=0),
    }
    if results.group:
        info["total_inner_matches"] = sum(len(row) for row in results.rows)
    if kept and page * results.limit < len(results.rows):
        info["next_page_token"] = kept_results.token(kept, page + 1)
    if kept and page > 1:
        info["prev_page_token"] = kept_results.token(kept, page - 1)
    data = _data(call, results, page, with_metadata=with_metadata)
    return Reply(200, {"data": data, "page_info": info, "search_pool": results.pool})


# -- routes


def create(call: ApiCall) -> Reply:
    request = _read(call)
    results = _search(call, request)
    kept = None
    if len(results.rows) > results.limit:
        kept = kept_results.keep(call, KIND, results.as_json(), parent=request.index)
    return _page(call, results, kept, 1, with_metadata=request.with_metadata)


def retrieve(call: ApiCall) -> Reply:
    """A later page, or an earlier one. Whether metadata is shown is asked anew for each."""
    try:
        with_metadata = call.query.flag("include_user_metadata")
        call.query.done()
        kept, page = kept_results.opened(call, KIND, call.path["page_token"])
    except ApiProblem as problem:
        raise ApiProblem(400, problem.code, problem.message, envelope="search") from problem
    except Unknown as error:
        raise _bad_token("The page token is not valid.") from error
    except Expired as error:
        raise _bad_token("The page token has expired; search again.") from error
    results = _Results(**kept.doc)
    if (page - 1) * results.limit >= len(results.rows):
        raise _bad_token("The page token is not valid.")
    return _page(call, results, kept, page, with_metadata=with_metadata)


def _bad_token(message: str) -> ApiProblem:
    return ApiProblem(400, "search_page_token_expired", message, envelope="search")


FAMILY = EndpointFamily(
    name="search",
    routes=(
        Route("POST", "/search", create, body="form", bucket="search", limited="empty"),
        Route("GET", "/search/{page_token}", retrieve),
    ),
)
