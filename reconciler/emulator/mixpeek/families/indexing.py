"""Indexing: the only way to make anything. It answers with a task, and the asset is there when that is done."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.media import kind_of, mime_of
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.mixpeek.bodies import Indexing, ReindexInto
from reconciler.emulator.mixpeek.call import MixpeekCall, new_id
from reconciler.emulator.mixpeek.families import assets, tasks
from reconciler.emulator.mixpeek.problems import Unprocessable

__all__ = ["FAMILY"]

TAKES: Mapping[str, frozenset[str]] = {
    "video": frozenset({"url", "should_save", "prevent_duplicate", "video_settings"}),
    "image": frozenset({"url", "should_save", "prevent_duplicate", "image_settings"}),
    "text": frozenset({"text", "text_settings"}),
}
"""What each call takes beside what all take."""
OF_ALL = frozenset({"collection_id", "metadata", "asset_update"})


def queue(call: MixpeekCall, modality: str) -> Reply:
    """Begin, and say by which task; or answer with the asset that has this address already, if that is wanted."""
    sent = call.sent(Indexing)
    modality = modality or _kind_of_url(sent)
    _check(call, sent, modality)
    if sent.prevent_duplicate and (known := _known(call, sent)):
        return Reply(200, assets.shown(assets.seen(call, known)))
    task = tasks.new(call, _indexed(call, sent, modality))
    return Reply(200, {"message": _says(modality), "task_id": task.id})


def _says(modality: str) -> str:
    """Of a video as the guide prints it, of the others in the same manner (chosen)."""
    return f"{modality.capitalize()} {'' if modality == 'text' else 'URL '}processing queued"


def _check(call: MixpeekCall, sent: Indexing, modality: str) -> None:
    takes = OF_ALL | TAKES[modality]
    for name in sorted(sent.model_fields_set - takes):
        raise _wrong(name, "Extra inputs are not permitted", "extra_forbidden")
    due = "text" if modality == "text" else "url"
    given = sent.text if due == "text" else sent.url
    if given is None:
        raise _wrong(due, "Field required", "missing")
    if due == "url" and call.options.only_http and urlsplit(given).scheme not in ("http", "https"):
        raise _wrong("url", "The URL must be one of http or https", "value_error")


def _wrong(name: str, message: str, kind: str) -> Unprocessable:
    return Unprocessable([{"loc": ["body", name], "msg": message, "type": kind}])


def _kind_of_url(sent: Indexing) -> str:
    """By the older path, which was for any media: what the address ends in says which."""
    return "image" if kind_of(mime_of((sent.url or "").rsplit("/", 1)[-1])) == "image" else "video"


def _known(call: MixpeekCall, sent: Indexing) -> Obj | None:
    """The first asset of the collection that came from this address."""
    chosen = Selection(
        assets.KIND,
        where=(("name = ?", (sent.collection_id,)), ("json_extract(doc, '$.source') = ?", (sent.url,))),
        descending=False,
    )
    return next(iter(call.store.select(chosen, limit=1)), None)


def _indexed(call: MixpeekCall, sent: Indexing, modality: str) -> Obj:
    given = sent.model_dump(exclude_none=True)
    doc: dict[str, Any] = {
        "modality": modality,
        "source": sent.url or "",
        "text": sent.text,
        "settings": given.get(f"{modality}_settings"),
        "saved": sent.should_save is not False and modality != "text",
        "found": False,
    }
    if sent.asset_update is not None:
        return _again(call, sent, sent.asset_update, doc)
    return call.store.insert(
        assets.KIND,
        {**doc, "metadata": sent.metadata or {}, "keeps": False},
        id=new_id(call.store),
        name=sent.collection_id,
        type=modality,
        status=call.walker.start(assets.KIND),
        walking=True,
        fate=call.fate,
    )


def _again(call: MixpeekCall, sent: Indexing, update: ReindexInto, doc: dict[str, Any]) -> Obj:
    """Into an asset that is there: what was found before goes, or stays."""
    asset = call.find(assets.KIND, update.asset_id)
    if asset.name != sent.collection_id:
        raise _wrong("asset_update", "The asset is of another collection", "value_error")
    merged = {**asset.doc["metadata"], **(sent.metadata or {})}
    new = {**asset.doc, **doc, "metadata": merged, "keeps": update.mode == "append"}
    return call.walker.restart(call.store, asset, doc=new, type=doc["modality"], fate=call.fate)


FAMILY = EndpointFamily(
    name="index",
    routes=(
        Route("POST", "/index/videos/url", partial(queue, modality="video"), body="json", bucket="index url"),
        Route("POST", "/index/images/url", partial(queue, modality="image"), body="json", bucket="index url"),
        Route("POST", "/index/text", partial(queue, modality="text"), body="json", bucket="index text"),
        # Documented at the same time, and in no contract of that day.
        Route("POST", "/index/url", partial(queue, modality=""), body="json", bucket="index url"),
    ),
)
