"""The generated clients (1.0 to 1.3): what each of them has of uploading, indexing, searching, embedding, analyzing."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
Pauses = import_module("pauses").Pauses
FILM = "https://example.org/lebron_dunks.mp4"
MODEL, EMBEDDER, VERSION = sys.argv[4:7]


def indexed(client: Any, pauses: Any) -> tuple[str, str, dict[str, Any]]:
    """By a task; and by an asset too, where the client knows assets."""
    item = import_module("twelvelabs.indexes").IndexesCreateRequestModelsItem
    models = [item(model_name=name, model_options=["visual", "audio"]) for name in MODEL.split(",")]
    index = client.indexes.create(index_name="tour", models=models, addons=["thumbnail"]).id
    client.indexes.update(index_id=index, index_name="renamed")
    shown: dict[str, Any] = {"name": client.indexes.retrieve(index_id=index).index_name}
    task = client.tasks.create(index_id=index, video_url=FILM)
    done = client.tasks.wait_for_done(task_id=task.id)
    shown["done"], shown["pauses"], shown["same id"] = done.status, pauses.taken(), task.id == task.video_id
    shown["tasks"] = [row.status for row in client.tasks.list(index_id=index)]
    client.indexes.videos.update(index, task.video_id, user_metadata={"league": "nba"})
    video = client.indexes.videos.retrieve(index, task.video_id)
    shown["metadata"], shown["file"] = video.user_metadata, video.system_metadata.filename
    if hasattr(client, "assets"):
        shown["asset"] = by_asset(client, index, pauses)
    shown["videos"] = len(list(client.indexes.videos.list(index)))
    return index, str(task.video_id), shown


def by_asset(client: Any, index: str, pauses: Any) -> list[Any]:
    time = import_module("time")
    with Path(sys.argv[2]).open("rb") as film:
        asset = client.assets.create(method="direct", file=film)
    while asset.status == "processing":
        time.sleep(5)
        asset = client.assets.retrieve(asset_id=asset.id)
    member = client.indexes.indexed_assets.create(index_id=index, asset_id=asset.id)
    first, status = pauses.taken(), "pending"
    while status not in ("ready", "failed"):
        time.sleep(5)
        status = client.indexes.indexed_assets.retrieve(index_id=index, indexed_asset_id=member.id).status
    return [asset.status, first, status, pauses.taken()]


def searched(client: Any, index: str) -> dict[str, Any]:
    found = client.search.query(index_id=index, search_options=["visual"], query_text="dunks", page_limit=2)
    grouped = client.search.query(index_id=index, search_options=["visual"], query_text="dunks", group_by="video")
    with Path(sys.argv[3]).open("rb") as face:
        picture = client.search.query(
            index_id=index, search_options=["visual"], query_media_type="image", query_media_file=face
        )
    return {"clips": len(list(found)), "groups": len(list(grouped)), "by picture": len(list(picture)) > 0}


def embedded(client: Any, pauses: Any) -> dict[str, Any]:
    task = client.embed.tasks.create(model_name=EMBEDDER, video_url=FILM, video_embedding_scope=["clip", "video"])
    shown: dict[str, Any] = {"done": client.embed.tasks.wait_for_done(task.id).status, "pauses": pauses.taken()}
    shown["segments"] = len(client.embed.tasks.retrieve(task_id=task.id).video_embedding.segments) > 1
    text = client.embed.create(model_name=EMBEDDER, text="a dunk")
    shown["length"] = len(text.text_embedding.segments[0].float_)
    if hasattr(client.embed, "v_2"):
        part = import_module("twelvelabs.types").TextInputRequest(input_text="a dunk")
        made = client.embed.v_2.create(input_type="text", model_name=EMBEDDER, text=part)
        shown["second"] = len(made.data[0].embedding)
    return shown


def analyzed(client: Any, video_id: str) -> dict[str, Any]:
    if VERSION == "1.3.6":
        video = import_module("twelvelabs").VideoContext_Url(url=FILM)
        asked = {"video": video, "model_name": "pegasus1.5"}
    else:
        asked = {"video_id": video_id}
    whole = client.analyze(prompt="What happens?", **asked)
    events = client.analyze_stream(prompt="What happens?", **asked)
    text = "".join(event.text for event in events if event.event_type == "text_generation")
    return {"text": bool(whole.data), "same": text == whole.data}


def shown_by(client: Any) -> dict[str, Any]:
    """Entities of images that were just sent, without a look at them."""
    images = [client.assets.create(method="url", url=f"https://example.org/{n}.jpg").id for n in range(3)]
    collection = client.entity_collections.create(name="people")
    entity = client.entity_collections.entities.create(
        entity_collection_id=collection.id, name="Somebody", asset_ids=images
    )
    return {"assets": len(entity.asset_ids), "status": entity.status}


def main() -> None:
    pauses = Pauses(float(sys.argv[1]))
    client: Any = import_module("twelvelabs").TwelveLabs(api_key="any")
    shown: dict[str, Any] = {"version": import_module("importlib.metadata").version("twelvelabs")}
    index, video_id, shown["index"] = indexed(client, pauses)
    shown["search"] = searched(client, index)
    shown["embed"] = embedded(client, pauses)
    shown["analyze"] = analyzed(client, video_id)
    if hasattr(client, "entity_collections"):
        shown["entities"] = shown_by(client)
    client.indexes.delete(index_id=index)
    shown["left"] = len(list(client.indexes.list()))
    sys.stdout.write(json.dumps(shown))


main()
