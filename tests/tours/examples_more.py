"""What the rest of the vendor's own example scripts call, each in its order: assets, indexes, tasks, videos, search,
entities, analysis, responses, embeddings of marengo3.5 and of the first version, and the asynchronous client.

An index has the models of the newest vintage: the script about indexes still names those of 2024, which are gone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
Pauses = import_module("pauses").Pauses
PICTURES = [f"https://example.org/gallery/{number}.jpg" for number in (1, 2, 3)]
t: Any = import_module("twelvelabs.types")
sdk: Any = import_module("twelvelabs")
indexes: Any = import_module("twelvelabs.indexes")
stream_end = t.StreamAnalyzeResponse_StreamEnd


class Waits:
    """Loops until a status is no longer one of some; the most pauses that any of them took."""

    def __init__(self, pauses: Any) -> None:
        self.most = 0
        self._pauses = pauses

    def __call__(self, read: Any, *, while_in: tuple[str, ...] = ("processing",), every: float = 5) -> Any:
        self._pauses.taken()
        found = read()
        while found.status in while_in:
            time.sleep(every)
            found = read()
        self.most = max(self.most, self._pauses.taken())
        return found


def films(client: Any, **more: Any) -> Any:
    with Path(sys.argv[2]).open("rb") as film:
        return client.assets.create(method="direct", file=film, **more)


def assets(client: Any, waits: Waits) -> dict[str, Any]:
    video = films(client, enable_hls=True, enable_thumbnail=True, user_metadata=json.dumps({"kind": "demo"}))
    ready = waits(lambda: client.assets.retrieve(asset_id=video.id))
    image = client.assets.create(method="url", url=PICTURES[0])
    picture = waits(lambda: client.assets.retrieve(asset_id=image.id))
    newest = [asset.id for asset in itertools.islice(client.assets.list(page_limit=5), 5)]
    client.assets.update_user_metadata(asset_id=video.id, user_metadata={"reviewed": True})
    told = client.assets.retrieve_transcription(asset_id=video.id)
    large = client.multipart_upload.upload_file(file_path=sys.argv[2], filename="large.mp4")
    client.assets.delete(asset_id=image.id, force=True)
    return {
        "types": [ready.file_type, picture.file_type],
        "listed": newest == [image.id, video.id],
        "metadata": client.assets.retrieve(asset_id=video.id).user_metadata,
        "transcription": [told.status, told.sentences or []],
        "large": bool(large.asset_id),
        "video": video.id,
    }


def index(client: Any) -> dict[str, Any]:
    model = indexes.IndexesCreateRequestModelsItem(model_name="marengo3.0", model_options=["visual", "audio"])
    made = client.indexes.create(index_name=f"idx-{uuid.uuid4()}", models=[model], addons=["thumbnail"])
    client.indexes.update(index_id=made.id, index_name="renamed")
    return {
        "id": made.id,
        "name": client.indexes.retrieve(index_id=made.id).index_name,
        "all": len(list(client.indexes.list())),
    }


def tasks(client: Any, in_index: str) -> dict[str, Any]:
    with Path(sys.argv[2]).open("rb") as film:
        task = client.tasks.create(index_id=in_index, video_file=film)
    seen: list[str] = []
    done = client.tasks.wait_for_done(task_id=task.id, callback=lambda one: seen.append(one.status))
    return {
        "done": done.status,
        "told": bool(seen),
        "listed": [one.status for one in client.tasks.list(index_id=in_index)],
    }


def videos(client: Any, in_index: str) -> dict[str, Any]:
    pager = client.indexes.videos.list(in_index)
    video = pager.items[0]
    client.indexes.videos.update(in_index, video.id, user_metadata={"from_sdk": True})
    options = ["visual", "audio"]
    shown = client.indexes.videos.retrieve(in_index, video.id, embedding_option=options)
    segments = shown.embedding.video_embedding.segments
    return {
        "file": video.system_metadata.filename,
        "metadata": client.indexes.videos.retrieve(in_index, video.id).user_metadata,
        "options": sorted({segment.embedding_option for segment in segments}),
        "length": len(segments[0].float_),
    }


def search(client: Any, waits: Waits, in_index: str, asset: str) -> dict[str, Any]:
    """The script waits with ten seconds between two reads, and looks once before its loop."""
    indexed = client.indexes.indexed_assets.create(index_id=in_index, asset_id=asset)
    here = {"index_id": in_index, "indexed_asset_id": indexed.id}
    beginning = ("validating", "pending", "queued", "indexing")
    detail = waits(lambda: client.indexes.indexed_assets.retrieve(**here), while_in=beginning, every=10)
    asked = {"index_id": in_index, "search_options": ["visual", "audio"], "query_text": "A man talking"}
    groups = list(client.search.query(**asked, group_by="video"))
    clips = list(client.search.query(**asked))
    return {
        "status": detail.status,
        "groups": [len(group.clips) > 0 for group in groups],
        "ranks": [clip.rank for clip in clips[:3]],
    }


def entities(client: Any, in_index: str) -> dict[str, Any]:
    pictures = [client.assets.create(method="url", url=url).id for url in PICTURES]
    players = client.entity_collections.create(name=f"Players {uuid.uuid4().hex[:8]}")
    one = client.entity_collections.entities.create(
        entity_collection_id=players.id, name="Somebody", asset_ids=pictures
    )
    clips = client.search.query(
        index_id=in_index, search_options=["visual", "audio"], query_text=f"<@{one.id}> is walking"
    )
    return {"assets": len(one.asset_ids), "found": all(clip.video_id for clip in clips)}


def analysis(client: Any, asset: str) -> dict[str, Any]:
    asked = {"model_name": "pegasus1.5", "video": sdk.VideoContext_AssetId(asset_id=asset)}
    whole = client.analyze(**asked, prompt="Describe it in one sentence.")
    pieces, ends = [], []
    for chunk in client.analyze_stream(**asked, prompt="List three facts."):
        if chunk.event_type == "text_generation":
            pieces.append(chunk.text)
        elif isinstance(chunk, stream_end):
            ends.append(chunk.finish_reason)
    short = client.analyze(**asked, prompt="Shortly.", max_tokens=1)
    return {
        "text": bool(whole.data),
        "usage": whole.usage.output_tokens > 0,
        "streamed": bool("".join(pieces)),
        "ends": [*ends, short.finish_reason],
    }


def said(text: str) -> list[Any]:
    return [sdk.ResponseInputItem(type="message", role="user", content=text)]


def responses(client: Any, waits: Waits, asset: str) -> dict[str, Any]:
    store = client.knowledge_stores.create(name=f"ks-{uuid.uuid4()}").id
    item = client.knowledge_store_items.create(knowledge_store_id=store, asset_id=asset, asset_type="video").id
    one = {"knowledge_store_id": store, "item_id": item}
    waits(lambda: client.knowledge_store_items.retrieve(**one), while_in=("queued", "pending", "processing"), every=10)
    here = {"knowledge_store_id": store}
    first = client.responses.create(**here, input=said("Sum it up in two sentences."))
    again = client.responses.create(**here, session_id=first.session_id, input=said("And the best moments?"))
    steps = client.responses.create(**here, input=said("What is the mood?"), include=["intermediate_outputs"])
    shown = {
        "status": first.status,
        "tokens": first.usage.input_tokens > 0,
        "same session": again.session_id == first.session_id,
        "steps": [each.type for each in steps.output],
        "structured": structured(client, here),
        "item": selected(client, here, "item", item),
        "collection": collected(client, here, item),
        "stream": streamed(client, here),
    }
    client.knowledge_stores.delete(knowledge_store_id=store)
    return shown


def structured(client: Any, here: dict[str, Any]) -> list[str]:
    tags = {"type": "array", "description": "A few.", "items": {"type": "string", "description": "One."}}
    title = {"type": "string", "description": "A short one."}
    schema = {
        "type": "object",
        "properties": {"title": title, "tags": tags},
        "required": ["title", "tags"],
        "additionalProperties": False,
    }
    form_of = import_module("twelvelabs.types.text_param_format").TextParamFormat_JsonSchema
    form = form_of(name="summary", description="In short.", schema_=schema, strict=True)
    made = client.responses.create(**here, input=said("A title and tags."), text=sdk.TextParam(format=form))
    return sorted(json.loads(made.output[0].content[0].text))


def selected(client: Any, here: dict[str, Any], kind: str, object_id: str) -> list[str]:
    chosen = [sdk.ResponseSelection(kind=kind, id=object_id)]
    made = client.responses.create(**here, input=said("Describe {{sel:0}} in one sentence."), selections=chosen)
    return [each.type for each in made.output[0].content[0].annotations]


def collected(client: Any, here: dict[str, Any], item: str) -> list[str]:
    collections = client.knowledge_store_item_collections
    some = collections.create(**here, name=f"some-{uuid.uuid4()}").id
    collections.add_items(**here, collection_id=some, item_ids=[item])
    cited = selected(client, here, "collection", some)
    collections.delete(**here, collection_id=some)
    return cited


def streamed(client: Any, here: dict[str, Any]) -> list[Any]:
    text, ended = "", False
    for event in client.responses.create_stream(**here, input=said("In one sentence.")):
        if event.type == "response.output_text.delta":
            text += event.delta or ""
        ended = ended or event.type == "response.completed"
    return [bool(text), ended]


def newer_embeddings(client: Any, waits: Waits, video: str) -> dict[str, Any]:
    second, model = client.embed.v_2, "marengo3.5"
    song, guide = (
        client.assets.create(method="url", url=f"https://example.org/{name}").id for name in ("a.mp3", "a.pdf")
    )
    for asset in (song, guide):
        waits(lambda asset=asset: client.assets.retrieve(asset_id=asset))
    asked = second.create(
        input_type="multi_input", model_name=model, multi_input=sdk.MultiInputRequest(input_text="a dog on the beach")
    )
    dynamic = sdk.TemporalSegmentationDynamicDynamic(min_duration_sec=3)
    cut = sdk.AsyncTemporalSegmentation(temporal=sdk.TemporalSegmentation_Dynamic(dynamic=dynamic))
    parts = {
        "video": (sdk.AsyncVideoInputRequest, video, {"segmentation": cut, "embedding_option": ["visual", "audio"]}),
        "audio": (sdk.AsyncAudioInputRequest, song, {"segmentation": cut, "embedding_option": ["audio"]}),
        "document": (sdk.AsyncDocumentInputRequest, guide, {"embedding_option": ["visual"]}),
    }
    shown: dict[str, Any] = {"query": [len(asked.data[0].embedding), bool(asked.usage)]}
    for kind, (request, asset, more) in parts.items():
        part = request(media_source=sdk.MediaSource(asset_id=asset), embedding_scope=["local"], **more)
        task = second.tasks.create(input_type=kind, model_name=model, **{kind: part})
        done = waits(lambda task=task: second.tasks.retrieve(task.id))
        shown[kind] = [done.status, sorted({row.embedding_scope for row in done.data}), len(done.data[0].embedding)]
    return shown


def older_embeddings(client: Any) -> dict[str, Any]:
    first, model = client.embed, "marengo3.0"
    before = len(list(first.tasks.list()))
    text = first.create(model_name=model, text="a man crosses the street").text_embedding
    with Path(sys.argv[3]).open("rb") as face:
        image = first.create(model_name=model, image_file=face).image_embedding
    with Path(sys.argv[4]).open("rb") as song:
        audio = first.create(model_name=model, audio_file=song).audio_embedding
    with Path(sys.argv[2]).open("rb") as film:
        task = first.tasks.create(model_name=model, video_file=film)
    seen: list[str] = []
    done = first.tasks.wait_for_done(task.id, callback=lambda one: seen.append(one.status))
    found = first.tasks.retrieve(task_id=task.id, embedding_option=["visual"]).video_embedding
    return {
        "before": before,
        "lengths": [len(each.segments[0].float_) for each in (text, image, audio, found)],
        "done": [done.status, bool(seen)],
        "options": sorted({segment.embedding_option for segment in found.segments}),
    }


async def asynchronous(in_index: str) -> dict[str, Any]:
    async with sdk.AsyncTwelveLabs(api_key="any") as client:
        names = [one.index_name async for one in await client.indexes.list()]
        asked = {"index_id": in_index, "search_options": ["visual", "audio"], "query_text": "A man talking"}
        clips = [clip.video_id async for clip in await client.search.query(**asked)]
    return {"indexes": names, "clips": len(clips) > 0}


def main() -> None:
    pauses = Pauses(float(sys.argv[1]))
    waits = Waits(pauses)
    client: Any = sdk.TwelveLabs(api_key="any")
    shown: dict[str, Any] = {"assets": assets(client, waits), "index": index(client)}
    catalog, video = shown["index"].pop("id"), shown["assets"].pop("video")
    shown["tasks"] = tasks(client, catalog)
    shown["videos"] = videos(client, catalog)
    shown["search"] = search(client, waits, catalog, video)
    shown["entities"] = entities(client, catalog)
    shown["analysis"] = analysis(client, video)
    shown["responses"] = responses(client, waits, video)
    shown["newer embeddings"] = newer_embeddings(client, waits, video)
    shown["older embeddings"] = older_embeddings(client)
    shown["asynchronous"] = asyncio.run(asynchronous(catalog))
    sys.stdout.write(json.dumps({**shown, "pauses": waits.most}))


main()
