"""The client of 2024 (0.4): indexes, tasks, videos, search, embeddings and texts, as its reference shows them."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
Pauses = import_module("pauses").Pauses
FILM = "https://example.org/lebron_dunks.mp4"
MODELS = [
    {"name": "marengo2.7", "options": ["visual", "audio"]},
    {"name": "pegasus1.2", "options": ["visual", "audio"]},
]


def embedded(client: Any, pauses: Any) -> dict[str, Any]:
    """The page "Create video embeddings": create, status, wait, retrieve."""
    task = client.embed.task.create(
        model_name="Marengo-retrieval-2.7",
        video_url=FILM,
        video_start_offset_sec=0,
        video_end_offset_sec=10,
        video_clip_length=5,
        video_embedding_scopes=["clip", "video"],
    )
    shown = {"created": task.status, "model": task.model_name}
    shown["status"] = client.embed.task.status(task_id=task.id).status
    shown["done"], shown["pauses"] = task.wait_for_done(), pauses.taken()
    segments = client.embed.task.retrieve(id=task.id).video_embedding.segments
    shown["segments"] = [
        [s.embedding_scope, s.embedding_option, s.start_offset_sec, s.end_offset_sec] for s in segments
    ]
    shown["lengths"] = sorted({len(segment.embeddings_float) for segment in segments})
    shown["text"] = len(client.embed.create("Marengo-retrieval-2.7", text="a dunk").text_embedding.segments)
    picture = client.embed.create("Marengo-retrieval-2.7", image_url="https://example.org/a.jpg")
    shown["image"] = len(picture.image_embedding.segments[0].embeddings_float)
    shown["listed"] = [row.id == task.id for row in client.embed.task.list()]
    return shown


def indexed(client: Any, pauses: Any) -> tuple[Any, Any, dict[str, Any]]:
    index = client.index.create("tour", MODELS, addons=["thumbnail"])
    index.update("renamed")
    shown: dict[str, Any] = {"listed": [row.name for row in client.index.list(name="renamed")]}
    task = client.task.create(index.id, url=FILM)
    shown["done"], shown["pauses"] = task.wait_for_done().status, pauses.taken()
    shown["same id"] = task.id == task.video_id
    shown["tasks"] = [row.status for row in client.task.list(index_id=index.id)]
    shown["counts"] = client.task.status(index.id).ready
    sent = client.task.create(index.id, file=sys.argv[2]).wait_for_done()
    pauses.taken()
    video = client.index.video.retrieve(index.id, sent.video_id, embedding_option=["visual-text"])
    shown["size"] = video.system_metadata.size
    shown["vectors"] = len(video.embedding.video_embedding.segments[0].embeddings_float)
    video.update(user_metadata={"league": "nba"})
    shown["videos"] = sorted(row.system_metadata.filename for row in client.index.video.list(index.id))
    return index, task, shown


def searched(client: Any, index: Any) -> dict[str, Any]:
    found = client.search.query(
        index.id, ["visual", "audio"], query_text="dunks", threshold="low", sort_option="score", page_limit=2
    )
    more = [len(page) for page in found]
    grouped = index.query(["visual"], query_text="dunks", group_by="video")
    picture = client.search.query(index.id, ["visual"], query_media_type="image", query_media_file=sys.argv[3])
    return {
        "pool": found.pool.total_count,
        "confidence": [clip.confidence for clip in found.data][:1],
        "more": more,
        "groups": len(grouped.data),
        "by picture": len(picture.data) > 0,
    }


def written(client: Any, video_id: str) -> dict[str, Any]:
    return {
        "gist": client.gist(video_id, ["title", "topic", "hashtag"]).title,
        "summary": bool(client.summarize(video_id, "summary").summary),
        "chapters": [chapter.chapter_number for chapter in client.summarize(video_id, "chapter").chapters][:1],
        "text": bool(client.analyze(video_id, "What happens?").data),
        "stream": "".join(client.analyze_stream(video_id, "What happens?")) != "",
    }


def main() -> None:
    pauses = Pauses(float(sys.argv[1]))
    client: Any = import_module("twelvelabs").TwelveLabs(api_key="any")
    shown: dict[str, Any] = {"embed": embedded(client, pauses)}
    index, task, shown["index"] = indexed(client, pauses)
    shown["search"] = searched(client, index)
    shown["texts"] = written(client, task.video_id)
    client.index.video.delete(index.id, task.video_id)
    client.task.delete(task.id)
    index.delete()
    shown["left"] = len(client.index.list())
    sys.stdout.write(json.dumps(shown))


main()
