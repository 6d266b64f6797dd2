"""The page "Create video embeddings" of the client of 2024 (0.4), and all that its `retrieve` gives, as JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
Pauses = import_module("pauses").Pauses

if __name__ == "__main__":
    Pauses(0)
    client: Any = import_module("twelvelabs").TwelveLabs(api_key="any")
    task = client.embed.task.create(
        model_name="Marengo-retrieval-2.7",
        video_url=sys.argv[1],
        video_start_offset_sec=0,
        video_end_offset_sec=10,
        video_clip_length=5,
        video_embedding_scopes=["clip", "video"],
    )
    task.wait_for_done()
    found = client.embed.task.retrieve(id=task.id).video_embedding.segments
    segments = [
        [it.embedding_option, it.embedding_scope, it.start_offset_sec, it.end_offset_sec, it.embeddings_float]
        for it in found
    ]
    sys.stdout.write(json.dumps(segments))
