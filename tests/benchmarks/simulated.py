"""`python -m tests.benchmarks.simulated [SIZE ...]`: plans of stacks that are too large to make, into the page.

The account is worked out: a server makes each page as it is asked for, of the same objects that `world.stack_of`
declares, and the state is filled with the rows that an apply of them would have left. So a million objects cost what it
takes to plan them. Nothing has changed, and the plan says so, or the figures are not told. The floor
reads each of them too.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from reconciler.identity import of_url
from reconciler.planfile import account_of
from reconciler.state import State
from tests.benchmarks.page import line, table, written
from tests.benchmarks.world import Spent, World, compiled, spent, stack_of

SIZES, ROUNDS = (10_000, 100_000, 1_000_000), 3
INDEX, COLLECTION = f"{1:024x}", f"{2:024x}"
ASSET, INDEXED, ENTITY = (0xA << 92, 0xB << 92, 0xC << 92)
"""Ids of each kind are these and the object's number."""
MADE = "2026-01-01T00:00:00.000Z"
BATCH = 10_000

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from tests.benchmarks.simulated import page_of

count, stack_id, asked = int(sys.argv[1]), sys.argv[2], [0]


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        asked[0] += 1
        if url.path.startswith("/_emulator"):
            answer = {"by_route": {"all": asked[0]}}
        else:
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items() if values[0].isdigit()}
            answer = page_of(url.path.removeprefix("/v1.3"), count, stack_id, **query)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Pages)
print(server.server_port, flush=True)
server.serve_forever()
"""


def _stamp(stack_id: str, key: str) -> dict[str, str]:
    return {"reconciler_stack": "bench", "reconciler_id": stack_id, "reconciler_key": key}


def _metadata(n: int) -> dict[str, Any]:
    return {"title": f"Video {n}", "number": n, "genre": "documentary", "rated": True}


def _url(n: int) -> str:
    return f"https://example.com/videos/{n}.mp4"


def _asset(n: int, stack_id: str) -> dict[str, Any]:
    marks = {**_stamp(stack_id, f"assets/a{n}"), "reconciler_sha256": of_url(_url(n))}
    return {
        "_id": f"{ASSET + n:024x}",
        "method": "url",
        "status": "ready",
        "filename": f"{n}.mp4",
        "file_type": "video/mp4",
        "created_at": MADE,
        "user_metadata": {**_metadata(n), **marks},
        "size": 21462169,
        "duration": 489,
        "technical_metadata": {"file_size_bytes": 21462169, "file_mime_type": "video/mp4", "video_width": 1280},
    }


def _indexed(n: int, _: str) -> dict[str, Any]:
    said = {"filename": f"{n}.mp4", "duration": 489, "fps": 30, "width": 1280, "height": 720, "size": 21462169}
    ids = {"_id": f"{INDEXED + n:024x}", "asset_id": f"{ASSET + n:024x}"}
    return {**ids, "created_at": MADE, "updated_at": MADE, "status": "ready", "system_metadata": said}


def _entity(n: int, stack_id: str) -> dict[str, Any]:
    return {
        "_id": f"{ENTITY + n:024x}",
        "entity_collection_id": COLLECTION,
        "name": f"Entity {n}",
        "description": f"Number {n}",
        "metadata": _stamp(stack_id, f"entity_collections/all/entities/e{n}"),
        "asset_ids": [f"{ASSET + n:024x}"],
        "status": "ready",
        "created_at": MADE,
        "updated_at": MADE,
    }


def _index(count: int) -> dict[str, Any]:
    models = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
    counted = {"video_count": count, "total_duration": 489 * count}
    times = {"created_at": MADE, "updated_at": MADE, "expires_at": None}
    return {"_id": INDEX, "index_name": "one", "models": models, "addons": [], **counted, **times}


LISTS = {
    "/assets": _asset,
    f"/indexes/{INDEX}/indexed-assets": _indexed,
    f"/entity-collections/{COLLECTION}/entities": _entity,
}


def page_of(path: str, count: int, stack_id: str, page: int = 1, page_limit: int = 10, **_: Any) -> dict[str, Any]:
    """A page of a list, of an account with so many assets."""
    if path in LISTS:
        first = (page - 1) * page_limit
        rows = [LISTS[path](n, stack_id) for n in range(first, min(first + page_limit, count))]
        total = count
    elif path == "/indexes":
        rows, total = [_index(count)], 1
    else:
        assert path == "/entity-collections", path
        rows, total = [{"_id": COLLECTION, "name": "all", "created_at": MADE, "updated_at": MADE}], 1
    pages = -(-total // page_limit)
    info = {"limit_per_page": page_limit, "page": page, "total_page": pages, "total_results": total}
    return {"data": rows, "page_info": info}


def _rows(count: int) -> Iterator[tuple[str, str, str, Any, str | None]]:
    """Address, id, kind, fields and parent of each that is recorded."""
    yield "indexes/one", INDEX, "Index", {"models": [{"name": "marengo3.0"}], "name": "one"}, None
    yield "entity_collections/all", COLLECTION, "EntityCollection", {"name": "all"}, None
    for n in range(count):
        address = f"assets/a{n}"
        fields = {"content": of_url(_url(n)), "metadata": _metadata(n), "url": _url(n)}
        yield address, f"{ASSET + n:024x}", "Asset", fields, None
        yield f"indexes/one/{address}", f"{INDEXED + n:024x}", "IndexedAsset", {"asset": address}, INDEX
        said = {"assets": [address], "description": f"Number {n}", "name": f"Entity {n}"}
        yield f"entity_collections/all/entities/e{n}", f"{ENTITY + n:024x}", "Entity", said, COLLECTION


def begun(directory: Path) -> str:
    """The id of the stack, of which something was applied."""
    with closing(State.open(state_url(directory), "bench")) as state:
        found = state.identify(place=".")
        state.complete()
        state.end_run(state.start_run("apply"), "done")
    return found.id


def state_url(directory: Path) -> str:
    return f"sqlite:///{directory}/.reconciler/state.db"


def filled(directory: Path, count: int, url: str, key: str = "k") -> None:
    """Record all objects, as those of the account."""
    with closing(State.open(state_url(directory), "bench")) as state:
        state.identify(account=account_of(url, key))
    put = (
        "INSERT INTO reconciler_resources (stack, address, id, kind, fields, parent_id, protect, deposed, failures, "
        "facts) VALUES ('bench', ?, ?, ?, ?, ?, 0, 0, 0, '{}')"
    )
    with closing(sqlite3.connect(directory / ".reconciler" / "state.db")) as db, db:
        db.executemany(
            put,
            (
                (address, id, kind, json.dumps(fields, separators=(",", ":")), parent)
                for address, id, kind, fields, parent in _rows(count)
            ),
        )


@contextmanager
def simulated(directory: Path, objects: int) -> Iterator[World]:
    """A stack of so many objects, in step with an account."""
    count = max(objects // 3, 1)
    directory.mkdir(parents=True)
    (directory / "stack.yaml").write_text(stack_of(objects))
    command = (sys.executable, "-c", SERVER, str(count), begun(directory))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1.3"
            filled(directory, count, url)
            yield World(directory, url)
        finally:
            server.kill()


def measured(objects: int, directory: Path) -> tuple[float, tuple[str, ...]]:
    """Seconds of CPU, and the cells of one size."""
    with simulated(directory, objects) as world:
        before = world.requests()
        plans: list[Spent] = []
        floors: list[Spent] = []
        rounds = ROUNDS if objects < SIZES[-1] else 1
        for _ in range(rounds):
            plans.append(world.run("plan"))
            words = (str(directory / "stack.yaml"), world.url, state_url(directory).removeprefix("sqlite:///"))
            floors.append(spent((sys.executable, "-m", "tests.benchmarks.floor", *words), {}))
        requests = (world.requests() - before - 1) // (2 * rounds)
    cpu, least = (median(it.cpu_s for it in some) for some in (plans, floors))
    peaks = [max(it.peak_mb for it in some) for some in (plans, floors)]
    told = (f"{objects:,}", f"{cpu:.1f} s", f"{cpu * 1e6 / objects:,.0f} µs", f"{cpu / least:.1f}×")
    return cpu, (*told, f"{peaks[0]:,.0f} MB", f"{peaks[1]:,.0f} MB", f"{requests:,}")


HEADS = ("objects", "CPU", "an object", "against the floor", "peak memory", "of the floor", "requests", "growth")


def main(sizes: Sequence[int]) -> None:
    """Measure, print, and write the page anew."""
    compiled()
    rows: list[tuple[str, ...]] = []
    last: tuple[int, float] | None = None
    for size in sizes:
        with tempfile.TemporaryDirectory() as directory:
            cpu, cells = measured(size, Path(directory) / "stack")
        growth = f"{cpu / last[1]:.1f}× for {size / last[0]:.0f}×" if last else ""
        rows.append((*cells, growth))
        last = (size, cpu)
        print(line(rows[-1]), flush=True)
    written("simulated", table(HEADS, rows))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or SIZES)
