"""What the vendor's own example scripts call, in their order: second embeddings, uploads, knowledge stores, analysis.

Indexes, tasks, videos, search and entities are in the other tour.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
Pauses = import_module("pauses").Pauses
FILM, SONG = "https://example.org/example.mp4", "https://example.org/song.mp3"
t: Any = import_module("twelvelabs.types")
sdk: Any = import_module("twelvelabs")


def waited(pauses: Any, read: Any, *, every: float = 5) -> list[Any]:
    """The loop that all of them have; how it ended, and after how many pauses."""
    pauses.taken()
    found = read()
    while found.status not in ("ready", "failed"):
        import_module("time").sleep(every)
        found = read()
    return [found.status, pauses.taken()]


def embeddings(client: Any, pauses: Any) -> dict[str, Any]:
    second, model = client.embed.v_2, "marengo3.0"
    shown: dict[str, Any] = {"before": len(list(second.tasks.list()))}
    film, face = (base64.b64encode(Path(path).read_bytes()).decode() for path in sys.argv[2:4])
    kinds = {
        "text": t.TextInputRequest(input_text="a man crosses the street"),
        "image": t.ImageInputRequest(media_source=t.MediaSource(url="https://example.org/1.jpg")),
        "audio": t.AudioInputRequest(media_source=t.MediaSource(base_64_string=film)),
        "video": t.VideoInputRequest(media_source=t.MediaSource(base_64_string=film)),
    }
    shown["made"] = {
        kind: len(second.create(input_type=kind, model_name=model, **{kind: part}).data[0].embedding)
        for kind, part in kinds.items()
    }
    sent = t.ImageInputRequest(media_source=t.MediaSource(base_64_string=face))
    shown["sent image"] = len(second.create(input_type="image", model_name=model, image=sent).data)
    for kind, url, part in (("video", FILM, t.VideoInputRequest), ("audio", SONG, t.AudioInputRequest)):
        source = part(media_source=t.MediaSource(url=url))
        task = second.tasks.create(input_type=kind, model_name=model, **{kind: source})
        shown[kind] = waited(pauses, lambda task=task: second.tasks.retrieve(task.id))
    return shown


async def chunked_async() -> str:
    client = sdk.AsyncTwelveLabs(api_key="any")
    result = await client.multipart_upload.upload_file(
        file_path=sys.argv[2], filename="async.mp4", file_type="video", batch_size=8, max_workers=4
    )
    return str(result.asset_id)


def uploads(client: Any) -> dict[str, Any]:
    seen: list[float] = []
    result = client.multipart_upload.upload_file(
        file_path=sys.argv[2],
        filename="mine.mp4",
        file_type="video",
        batch_size=5,
        max_workers=3,
        progress_callback=lambda progress: seen.append(progress.percentage),
    )
    plain = client.multipart_upload.upload_file(sys.argv[2])
    other = asyncio.run(chunked_async())
    return {"progress": seen[-1], "url": bool(result.asset_url), "three": len({result.asset_id, plain.asset_id, other})}


def stores(client: Any, pauses: Any) -> dict[str, Any]:
    enrichment = sdk.EnrichmentConfig_Description(description="Subject and mood of each shot.")
    schema = sdk.EnrichmentConfigJsonSchemaJsonSchema(
        type="object", properties={"subject": {"type": "string", "description": "What is to be seen."}}
    )
    variants = [None, enrichment, sdk.EnrichmentConfig_JsonSchema(json_schema=schema)]
    for number, variant in enumerate(variants):
        config = {"ingestion_config": sdk.IngestionConfig(enrichment_config=variant)} if variant else {}
        made = client.knowledge_stores.create(name=f"variant-{number}", metadata={"team": "qa"}, **config)
        client.knowledge_stores.delete(knowledge_store_id=made.id)
    store = client.knowledge_stores.create(name="films").id
    client.knowledge_stores.update(knowledge_store_id=store, name="more films", description="d", metadata={"a": "b"})
    shown: dict[str, Any] = {"stores": [row.name for row in client.knowledge_stores.list(page_limit=5)]}
    with Path(sys.argv[2]).open("rb") as film:
        asset = client.assets.create(method="direct", file=film).id
    shown["asset"] = waited(pauses, lambda: client.assets.retrieve(asset_id=asset))
    item = client.knowledge_store_items.create(knowledge_store_id=store, asset_id=asset, asset_type="video").id
    one = {"knowledge_store_id": store, "item_id": item}
    shown["item"] = waited(pauses, lambda: client.knowledge_store_items.retrieve(**one), every=10)
    shown["ready"] = len(list(client.knowledge_store_items.list(knowledge_store_id=store, status=["ready"])))
    shown["members"] = members(client, store, item)
    shown["found"] = found(client, store, item)
    client.knowledge_stores.delete(knowledge_store_id=store)
    return shown


def members(client: Any, store: str, item: str) -> list[int]:
    collections = client.knowledge_store_item_collections
    made = collections.create(knowledge_store_id=store, name="some", description="d", metadata={"group": "g"}).id
    here = {"knowledge_store_id": store, "collection_id": made}
    collections.add_items(**here, item_ids=[item])
    counts = [len(list(collections.list_items(**here)))]
    collections.update(**here, description="other")
    collections.remove_items(**here, item_ids=[item])
    counts.append(len(list(collections.list_items(**here))))
    collections.delete(**here)
    return [*counts, len(list(collections.list(knowledge_store_id=store)))]


def found(client: Any, store: str, item: str) -> list[int]:
    visual = sdk.SearchKnowledgeStoreOptions(video=sdk.VideoSearchOptions(modalities=["visual"]))
    both = sdk.SearchKnowledgeStoreOptions(video=sdk.VideoSearchOptions(modalities=["visual", "audio"]))
    of_type = sdk.SearchKnowledgeStoreFilter(asset_type=sdk.AssetTypeFilter(eq="video"))
    of_item = sdk.SearchKnowledgeStoreFilter(item_id=sdk.ItemIdFilter(in_=[item]))
    asked: list[dict[str, Any]] = [
        {"search_options": visual},
        {"search_options": visual, "group_by": "item"},
        {"search_options": both, "filter": of_type, "include_metadata": True},
        {"search_options": visual, "filter": of_item},
        {"search_options": visual, "page_size": 1},
    ]
    query = sdk.KnowledgeStoreSearchQuery(text="the final game")
    return [len(client.knowledge_stores.search(knowledge_store_id=store, query=query, **more).data) for more in asked]


def analyses(client: Any, pauses: Any) -> dict[str, Any]:
    tasks, video = client.analyze_async.tasks, sdk.VideoContext_Url(url=FILM)
    asked = {"video": video, "model_name": "pegasus1.5"}
    plain = tasks.create(
        **asked, analysis_mode="general", prompt="Sum it up.", custom_id="example-1", max_tokens=1024
    ).task_id
    mood = {"name": "mood", "type": "string", "description": "Its tone.", "enum": ["positive", "negative"]}
    scene = {"id": "scene", "description": "A change of setting.", "fields": [mood]}
    form = t.AsyncResponseFormat(type="segment_definitions", segment_definitions=[scene])
    cut = tasks.create(
        **asked, analysis_mode="time_based_metadata", response_format=form, min_segment_duration=5.0
    ).task_id
    ended = [waited(pauses, lambda task=task: tasks.retrieve(task)) for task in (plain, cut)]
    segments = json.loads(tasks.retrieve(cut).result.data)
    return {"ended": ended, "text": bool(tasks.retrieve(plain).result.data), "definitions": list(segments)}


def main() -> None:
    pauses = Pauses(float(sys.argv[1]))
    client: Any = sdk.TwelveLabs(api_key="any")
    shown = {
        "embeddings": embeddings(client, pauses),
        "uploads": uploads(client),
        "stores": stores(client, pauses),
        "analyses": analyses(client, pauses),
    }
    sys.stdout.write(json.dumps(shown))


main()
