"""Assets: a video or an image behind an address, or a text, indexed into a collection by a task of the platform.

Neither the address nor the settings can be read back. So what an asset is stands in its stamp, as a digest of both.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from reconciler import rest
from reconciler.errors import ApiError, NotFound, Unclear
from reconciler.identity import of_url
from reconciler.kind import IDENTITY, MERGE, SOURCE, STAMPED, Before, Bounds, Kind, Read, WrongItems, fresh
from reconciler.lazily import asyncio, hashlib
from reconciler.model import Live, Operation, Status
from reconciler.provider import Cursor, Done, ExistsWhen, Failed, Keep, Lost, Page, Progress, Running, Traits, Want
from reconciler.providers.mixpeek.collections import ENVELOPE, PAGE_SIZE, MediaCollection
from reconciler.providers.mixpeek.settings import ImageSettings, TextSettings, VideoPass, written_out
from reconciler.wire import answer_to, below, identifier, mapping, moment_text, segment, text

__all__ = ["MediaAsset", "MediaAssets"]

SERVERS = frozenset({"asset", "preview_url"})
"""Keys of the metadata that are the platform's own."""
TASK = "task"
SETTINGS = {"video": "video_settings", "image": "image_settings", "text": "text_settings"}
PATHS = {"video": "/index/videos/url", "image": "/index/images/url", "text": "/index/text"}


def _metadata(value: Any) -> Any:
    """Any JSON may be kept; but not under the keys of the platform, or ours."""
    if not isinstance(value, Mapping):
        return value
    wrong = dict.fromkeys(SERVERS & set(value), "the platform keeps something of its own there; choose another name")
    for key, item in value.items():
        if key.startswith("reconciler_"):
            wrong[key] = "keys that begin with reconciler_ are the tool's own; choose another name"
        elif item is None:
            wrong[key] = "null is as good as nothing here; leave the key out"
    if wrong:
        raise WrongItems(wrong)
    return value


def _own_metadata(raw: Mapping[str, Any]) -> Any:
    kept = mapping(raw.get("metadata") or {}, "metadata")
    return {key: value for key, value in kept.items() if key not in SERVERS}


class MediaAsset(Kind, section="assets", parent=MediaCollection, label=("asset", "assets")):
    """What is indexed: a video or an image that the platform fetches from an address, or a text."""

    url: Annotated[str | None, SOURCE, Bounds(pattern=r"^https?://\S+$")] = None
    """Address of a video or an image; it is part of what the asset is."""
    text: Annotated[str | None, SOURCE, Bounds(min_length=1)] = None
    """A text instead of an address."""
    video: Annotated[list[VideoPass] | None, SOURCE] = None
    """Passes over a video; without any the platform does what it usually does."""
    image: Annotated[ImageSettings | None, SOURCE] = None
    """What is looked for in an image: that it is one, if its address does not end as one."""
    text_settings: Annotated[TextSettings | None, SOURCE] = None
    """What is made of a text."""
    content: Annotated[str | None, IDENTITY] = None
    """What it is: a digest of its address or text and its settings."""
    metadata: Annotated[dict[str, Any], Before(_metadata), MERGE, STAMPED, Read(_own_metadata)] = fresh(dict)
    """Your own facts about it: any JSON."""

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """One thing to be indexed, and settings that fit it."""
        if ("url" in declared) is ("text" in declared):
            return "needs `url: https://…` or `text: …`, one of them"
        of_text = sorted({"video", "image"} & set(declared)) if "text" in declared else []
        if of_text:
            return f"is a text, and `{of_text[0]}` is of addresses; its settings are `text_settings`"
        if "url" in declared and "text_settings" in declared:
            return "is no text; its settings are `video` or `image`"
        if "video" in declared and "image" in declared:
            return "has both `video` and `image`; keep what it is"
        if "url" in declared and not modality_of(declared):
            return "needs `video: []` or `image: {}`: its address does not say what it is"
        return None

    @classmethod
    def identity(cls, fields: Mapping[str, Any], of: Callable[[str], str]) -> str | None:
        """A change of the address, the text or a setting is another asset: none of them can be changed in place."""
        modality = modality_of(fields)
        if not modality:
            return None
        source = of_url(str(fields["url"])) if "url" in fields else str(fields["text"])
        whole = {"format": 1, "modality": modality, "source": source, "settings": settings_of(modality, fields)}
        return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def modality_of(fields: Mapping[str, Any]) -> str:
    """`video`, `image` or `text`: by its settings, else by how its address ends; "" if nothing says it."""
    if fields.get("text") is not None:
        return "text"
    if fields.get("url") is None:
        return ""
    for modality in ("video", "image"):
        if fields.get(modality) is not None:
            return modality
    major = (mimetypes.guess_type(urlsplit(str(fields["url"])).path)[0] or "").partition("/")[0]
    return major if major in ("video", "image") else ""


def settings_of(modality: str, fields: Mapping[str, Any]) -> Any:
    """As the API wants them; None where nothing is said."""
    if modality == "video":
        return [written_out(VideoPass, each) for each in fields.get("video") or ()] or None
    part, name = (ImageSettings, "image") if modality == "image" else (TextSettings, "text_settings")
    return written_out(part, fields.get(name) or {}) or None


class MediaAssets(rest.Collection):
    """Begun by an index call, known when its task has said which asset it makes. Lists are asked for by POST."""

    kind = MediaAsset
    envelope = ENVELOPE
    id_word = "asset_id"
    ready, failed = frozenset({"DONE"}), frozenset({"FAILED", "CANCELLED"})
    traits = Traits(
        exists=ExistsWhen.FINISHED,
        newest_first=False,  # no order is promised
        page_size=PAGE_SIZE,
        poll_s=5.0,
        poll_max_s=30.0,
        typical_wait_s=30.0,
        wait_per_media_s=0.5,
    )

    # Reading

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """A page of what is in a collection."""
        return await self._listed(parent_id, cursor, {})

    async def _listed(self, collection: str | None, cursor: Cursor | None, filters: Mapping[str, Any]) -> Page:
        body = {"collection_ids": [collection], **({"filters": filters} if filters else {})}
        cursor = 1 if cursor is None else cursor
        answer = await self.http.request("POST", "/assets", query=self.asked(cursor), json=body, reads=True)
        with answer_to("POST /assets"):
            return self.page_in(answer, collection, cursor, detailed=True)

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """One; of another collection it is another one."""
        live = await super().read(id, parent_id)
        return live if live is None or live.facts.get("collection") in (None, parent_id) else None

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """Why it failed stands here, and not in its task."""
        names = {"error": "error", "created_at": "created_at", "modality": "modality"}
        found = {name: text(raw[word], below(where, word)) for name, word in names.items() if raw.get(word) is not None}
        if "created_at" in found:
            found["created_at"] = moment_text(found["created_at"], below(where, "created_at"))
        if raw.get("task_id") is not None:
            found[TASK] = identifier(raw["task_id"], below(where, "task_id"))
        if raw.get("collection_id") is not None:
            found["collection"] = text(raw["collection_id"], below(where, "collection_id"))
        return found

    # Making

    async def start(self, want: Want, keep: Keep) -> Progress:
        """Index it; the answer is a task. What an earlier request has made, whose answer was lost, is known by its
        address: then the answer is the asset, and it is taken if it carries our stamp and nobody else's."""
        modality = modality_of(want.fields)
        body = self.body(want.fields, want.stamp) | {"collection_id": want.parent_id}
        body |= {"text": want.fields["text"]} if modality == "text" else {"url": want.fields["url"]}
        if (settings := settings_of(modality, want.fields)) is not None:
            body[SETTINGS[modality]] = settings
        if modality == "text" or want.stamp is None:  # a text has no address, and without a stamp nothing is ours
            return self._queued(modality, await self.http.request("POST", PATHS[modality], json=body))
        answer = await self.http.request("POST", PATHS[modality], json=body | {"prevent_duplicate": True})
        if isinstance(answer, Mapping) and "asset_id" in answer and "message" not in answer:
            with answer_to(f"POST {PATHS[modality]}", Unclear):
                there = self.live(answer, want.parent_id, detailed=True)
            if there.stamp == want.stamp and there.status is not Status.FAILED:
                return Done(there.id)
            answer = await self.http.request("POST", PATHS[modality], json=body)
        return self._queued(modality, answer)

    def _queued(self, modality: str, answer: Any) -> Running:
        with answer_to(f"POST {PATHS[modality]}", Unclear):
            task = identifier(mapping(answer, "").get("task_id"), "task_id")
        return Running({TASK: task}, f"the platform indexes it (task {task})")

    async def look(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        """One list for all that one collection waits for: an asset says which task made it. What no list shows is asked
        for by its task."""
        tasks = {it.op: str(it.handle[TASK]) for it in operations if it.handle and TASK in it.handle}
        seen = await self._made_by(operations, tasks) if len(tasks) > 1 else {}
        missing = [op for op, task in tasks.items() if task not in seen]
        asked = await asyncio.gather(*(self._task(tasks[op]) for op in missing))
        found = dict(zip(missing, asked, strict=True))
        return found | {op: self._stands(task, seen[task]) for op, task in tasks.items() if task in seen}

    async def _made_by(self, operations: Sequence[Operation], tasks: Mapping[str, str]) -> dict[str, Live]:
        """task → the asset that it makes, of those that lists show."""
        by_collection: dict[str | None, list[str]] = {}
        for it in operations:
            if it.op in tasks:
                by_collection.setdefault(it.parent_id, []).append(tasks[it.op])
        seen: dict[str, Live] = {}
        for collection, some in by_collection.items():
            filters = {"AND": [{"key": "task_id", "operator": "in", "value": sorted(some)}]}
            page, left = await self._listed(collection, None, filters), -(-len(some) // PAGE_SIZE)
            while True:
                seen |= {str(live.facts[TASK]): live for live in page.objects if TASK in live.facts}
                left -= 1
                if left <= 0 or not page.after:
                    break
                page = await self._listed(collection, page.after[0], filters)
        return seen

    def _stands(self, task: str, live: Live) -> Progress:
        """What has failed is there too, and says why: it is recorded, shown, and made anew."""
        if live.status is Status.PENDING:
            return Running({TASK: task}, f"the platform indexes it (task {task})")
        return Done(live.id)

    async def _task(self, task: str) -> Progress:
        path = f"/tasks/{segment(task)}"
        try:
            answer = await self.http.request("GET", path)
        except NotFound:
            return Lost(f"task {task} is not known to the platform any more")
        with answer_to(f"GET {path}"):
            status = text(mapping(answer, "").get("status"), "status")
            asset = answer.get("asset_id")
            if status not in self.ready | self.failed:
                return Running({TASK: task}, f"the platform indexes it (task {task}: {status.lower()})")
            if asset is None:
                return Failed(f"task {task} has ended as {status}, and names no asset")
            return Done(identifier(asset, "asset_id"))

    # Writing

    async def send_change(self, id: str, parent_id: str | None, wire: Mapping[str, Any]) -> None:
        """Keys are laid over what is there by PATCH. No PATCH is said to take one away: then all that stays is sent by
        PUT, and what the answer shows is believed, not what the word means."""
        changes = dict(wire["metadata"])
        gone = {key for key, value in changes.items() if value is None}
        path = self.object_path(id, parent_id)
        if not gone:
            await self.http.request("PATCH", path, json={"metadata": changes}, repeatable=True)
            return
        with answer_to(f"GET {path}"):
            there = _own_metadata(mapping(await self.http.request("GET", path), ""))
        stays = {key: value for key, value in {**there, **changes}.items() if key not in gone}
        answer = await self.http.request("PUT", path, json={"metadata": stays})
        with answer_to(f"PUT {path}"):
            shown = mapping(answer, "")
            left = gone & set(_own_metadata(mapping(shown.get("asset", shown), "asset")))
        if left:
            raise ApiError(f"PUT {path}: {', '.join(sorted(left))} stayed in the metadata, although it was replaced")

    # Where things are

    def collection(self, parent_id: str | None) -> str:
        """Assets are named without their collection."""
        return "/assets"
