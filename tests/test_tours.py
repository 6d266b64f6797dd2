"""Clients that nobody here wrote, from 2024 to the newest, unmodified, over a socket: each takes its tour."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app

ROOT = Path(__file__).parent.parent
TOURS = ROOT / "tests" / "tours"
SDKS = ROOT / ".venv-sdk"
MOST_PAUSES = 3
"""Of a loop that waits five seconds between two reads, at instant speed."""
REAL_S = 0.05
"""How long a status lasts at real speed, here."""

pytestmark = [pytest.mark.slow, pytest.mark.long]


def tour(tmp_path: Path, command: list[str], *, vintage: str, speed: str, base: str = "/v1.3", env: Any = None) -> Any:
    """What the tour printed. Its pauses are cut short: nobody waits five seconds here."""
    film, face, song = (tmp_path / name for name in ("final game.mp4", "face.jpg", "song.wav"))
    film.write_bytes(b"film")
    face.write_bytes(b"face")
    song.write_bytes(b"song")
    emulator = app(vintage=vintage, speed="real" if speed == "real" else "instant", default_seconds=REAL_S)
    with ServedEmulator(emulator) as served:
        given = {
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "TWELVELABS_BASE_URL": served.origin + base,
            **(env or {}),
        }
        pause = str(REAL_S if speed == "real" else 0)
        filled = [part.format(pause=pause, film=film, face=face, song=song) for part in command]
        done = subprocess.run(filled, env=given, capture_output=True, text=True, timeout=120, check=False)
    emulator.close()
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def python(version: str) -> str:
    found = SDKS / version / "bin" / "python"
    if not found.exists() and installed("twelvelabs") == version:
        return sys.executable
    if not found.exists():
        pytest.skip(f"there is no SDK {version} here; `make sdks` installs it where the registry has it")
    return str(found)


def settled(pauses: int, speed: str) -> bool:
    """At real speed it takes as long as it takes."""
    return speed == "real" or pauses <= MOST_PAUSES


@pytest.mark.parametrize("speed", ["instant", "real"])
def test_the_client_of_2024_runs_as_its_reference_shows_it(tmp_path: Path, speed: str) -> None:
    command = [python("0.4.11"), str(TOURS / "sdk_0_4.py"), "{pause}", "{film}", "{face}"]

    seen = tour(tmp_path, command, vintage="2024-11", speed=speed, base="")

    embed, index, search, texts = seen["embed"], seen["index"], seen["search"], seen["texts"]
    assert (embed["created"], embed["model"], embed["done"]) == ("processing", "Marengo-retrieval-2.7", "ready")
    assert settled(embed["pauses"], speed)
    assert ["clip", "visual-text", 0, 5] in embed["segments"]
    assert ["video", "audio", 0, 10] in embed["segments"]
    assert (embed["lengths"], embed["text"], embed["image"], embed["listed"]) == ([1024], 1, 1024, [True])
    assert (index["listed"], index["done"], index["same id"]) == (["renamed"], "ready", True)
    assert settled(index["pauses"], speed)
    assert (index["tasks"], index["counts"], index["size"], index["vectors"]) == (["ready"], 1, 4, 1024)
    assert index["videos"] == ["final game.mp4", "lebron_dunks.mp4"]
    assert (search["pool"], search["more"], search["groups"], search["by picture"]) == (2, [1], 1, True)
    assert search["confidence"][0] in ("low", "medium", "high")
    assert (texts["gist"], texts["summary"], texts["chapters"]) == ("lebron dunks", True, [0])
    assert (texts["text"], texts["stream"], seen["left"]) == (True, True, 0)


@pytest.mark.parametrize(
    ("version", "vintage", "model", "embedder", "length"),
    [
        ("1.0.2", "2024-11", "marengo2.7,pegasus1.2", "Marengo-retrieval-2.7", 1024),
        ("1.2.9", "2026-07", "marengo3.0,pegasus1.2", "marengo3.0", 512),
        ("1.3.6", "newest", "marengo3.0", "marengo3.0", 512),
    ],
)
@pytest.mark.parametrize("speed", ["instant", "real"])
def test_a_generated_client_takes_its_tour(
    tmp_path: Path, version: str, vintage: str, model: str, embedder: str, length: int, speed: str
) -> None:
    arguments = ["{pause}", "{film}", "{face}", model, embedder, version]
    command = [python(version), str(TOURS / "sdk_1.py"), *arguments]

    seen = tour(tmp_path, command, vintage=vintage, speed=speed)

    index, search, embed = seen["index"], seen["search"], seen["embed"]
    assert (seen["version"], index["name"], index["done"], index["same id"]) == (version, "renamed", "ready", True)
    assert (index["tasks"], index["metadata"], index["file"]) == (["ready"], {"league": "nba"}, "lebron_dunks.mp4")
    assert settled(max(index["pauses"], embed["pauses"]), speed)
    if version != "1.0.2":
        assert index["asset"][::2] == ["ready", "ready"]
        assert settled(max(index["asset"][1::2]), speed)
        assert seen["entities"] == {"assets": 3, "status": "processing"}
        assert embed["second"] == 512
    assert (search["clips"], search["groups"], search["by picture"]) == (3, 1, True)
    assert (embed["done"], embed["segments"], embed["length"]) == ("ready", True, length)
    assert (seen["analyze"], seen["left"]) == ({"text": True, "same": True}, 0)


@pytest.mark.parametrize("speed", ["instant", "real"])
def test_the_client_for_javascript_takes_its_tour(tmp_path: Path, speed: str) -> None:
    node, modules = shutil.which("node"), SDKS / "js"
    if node is None:
        pytest.skip("there is no node here")
    if not (modules / "node_modules" / "twelvelabs-js").is_dir():
        pytest.skip("there is no SDK for JavaScript here; `make sdks` installs it where the registry has it")
    command = [node, str(TOURS / "sdk.mjs"), "{pause}", "{film}", "{face}", str(modules)]

    seen = tour(tmp_path, command, vintage="newest", speed=speed)

    index, embed = seen["index"], seen["embed"]
    assert (index["done"], index["sameId"], index["asset"][0], index["videos"]) == ("ready", True, "ready", 2)
    assert settled(max(index["pauses"], index["asset"][1], index["member"], embed["pauses"]), speed)
    assert seen["search"] == {"clips": 3, "groups": 1, "byPicture": True}
    assert (embed["done"], embed["length"], embed["second"]) == ("ready", 512, 512)
    assert (seen["analyze"], seen["entities"]["assets"], seen["left"]) == ({"text": True, "same": True}, 3, 0)


@pytest.mark.parametrize("speed", ["instant", "real"])
def test_what_the_vendors_examples_call(tmp_path: Path, speed: str) -> None:
    command = [python("1.3.6"), str(TOURS / "examples.py"), "{pause}", "{film}", "{face}"]

    seen = tour(tmp_path, command, vintage="newest", speed=speed)

    embeddings, stores, analyses = seen["embeddings"], seen["stores"], seen["analyses"]
    assert embeddings["made"] == dict.fromkeys(("text", "image", "audio", "video"), 512)
    assert seen["uploads"] == {"progress": 100, "url": True, "three": 3}
    loops = [embeddings["video"], embeddings["audio"], stores["asset"], stores["item"], *analyses["ended"]]
    assert {status for status, _ in loops} == {"ready"}
    assert settled(max(pauses for _, pauses in loops), speed)
    assert (stores["stores"], stores["ready"], stores["members"]) == (["more films"], 1, [1, 0, 0])
    assert all(stores["found"])
    assert (analyses["text"], analyses["definitions"]) == (True, ["scene"])


@pytest.mark.parametrize("speed", ["instant", "real"])
def test_what_the_rest_of_the_vendors_examples_call(tmp_path: Path, speed: str) -> None:
    command = [python("1.3.6"), str(TOURS / "examples_more.py"), "{pause}", "{film}", "{face}", "{song}"]

    seen = tour(tmp_path, command, vintage="newest", speed=speed)

    assert settled(seen.pop("pauses"), speed)
    cited = ["video_citation"]
    clips = [["ready", ["clip"], 512]] * 2
    assert seen == {
        "assets": {
            "types": ["video/mp4", "image/jpeg"],
            "listed": True,
            "metadata": {"kind": "demo", "reviewed": True},
            "transcription": ["ready", []],
            "large": True,
        },
        "index": {"name": "renamed", "all": 1},
        "tasks": {"done": "ready", "told": True, "listed": ["ready"]},
        "videos": {
            "file": "final game.mp4", "metadata": {"from_sdk": True}, "options": ["audio", "visual"], "length": 512,
        },
        "search": {"status": "ready", "groups": [True, True], "ranks": [1, 2, 3]},
        "entities": {"assets": 3, "found": True},
        "analysis": {"text": True, "usage": True, "streamed": True, "ends": ["stop", "length"]},
        "responses": {
            "status": "completed",
            "tokens": True,
            "same session": True,
            "steps": ["function_call", "function_call_output", "message"],
            "structured": ["tags", "title"],
            "item": cited,
            "collection": ["collection_citation", *cited],
            "stream": [True, True],
        },
        "newer embeddings": {
            "query": [512, True], "video": clips[0], "audio": clips[1], "document": ["ready", ["page"], 512],
        },
        "older embeddings": {
            "before": 0, "lengths": [512] * 4, "done": ["ready", True], "options": ["visual"],
        },
        "asynchronous": {"indexes": ["renamed"], "clips": True},
    }  # fmt: skip
