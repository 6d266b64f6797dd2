"""What a Qdrant server answers to the calls that our store makes, over HTTP and in memory: there is none to be had as a
package, and its client's imitation in a directory is for one process. What is stored and found is by plain equality."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

__all__ = ["served_qdrant"]


class Server:
    """All collections, points by id."""

    def __init__(self) -> None:
        self.params: dict[str, dict[str, Any]] = {}
        self.points: dict[str, dict[str, dict[str, Any]]] = {}
        self.aliases: dict[str, str] = {}
        self.lock = threading.Lock()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and result."""
        match [method, *path.strip("/").split("/")]:
            case ["GET", "collections"]:
                return 200, {"collections": [{"name": name} for name in self.params]}
            case ["GET", "aliases"]:
                return 200, {"aliases": [{"alias_name": a, "collection_name": c} for a, c in self.aliases.items()]}
            case ["POST", "collections", "aliases"]:
                return self._alias(body)
            case ["PUT", "collections", name]:
                if name in self.params:
                    return 409, f"Collection `{name}` already exists!"
                self.params[name], self.points[name] = body, {}
                return 200, True
            case [_, "collections", name, *_] if name not in self.params:
                return 404, f"Collection `{name}` doesn't exist!"
            case ["GET", "collections", name]:
                return 200, _described(self.params[name], len(self.points[name]))
            case ["PUT", "collections", name, "index"]:
                return 200, {"operation_id": 0, "status": "completed"}
            case [_, "collections", name, *rest]:
                return self._of_points(self.points[name], [method, *rest], body, self.params[name])
        return 404, "no such thing"

    def _alias(self, body: Any) -> tuple[int, Any]:
        for action in body["actions"]:
            if made := action.get("create_alias"):
                self.aliases[made["alias_name"]] = made["collection_name"]
            elif gone := action.get("delete_alias"):
                self.aliases.pop(gone["alias_name"], None)
        return 200, True

    def _of_points(self, points: dict[str, dict[str, Any]], what: list[str], body: Any, params: Any) -> tuple[int, Any]:
        done = {"operation_id": 0, "status": "completed"}
        match what:
            case ["PUT", "points"]:
                for point in body["points"]:
                    vector = point["vector"] or None
                    points[point["id"]] = {**point, "vector": _unit(vector) if vector else {}}
                return 200, done
            case ["POST", "points"]:
                return 200, [points[id] for id in body["ids"] if id in points]
            case ["POST", "points", "scroll"]:
                found = [points[id] for id in sorted(points) if _fits(points[id]["payload"], body.get("filter") or {})]
                found = [point for point in found if point["id"] >= (body.get("offset") or "")]
                page, rest = found[: body["limit"]], found[body["limit"] :]
                return 200, {"points": page, "next_page_offset": rest[0]["id"] if rest else None}
            case ["POST", "points", "delete"]:
                gone = body.get("points")
                if gone is None:
                    gone = [id for id, point in points.items() if _fits(point["payload"], body["filter"])]
                for id in gone:
                    points.pop(id, None)
                return 200, done
        return 404, "no such thing"


def _fits(payload: dict[str, Any], wanted: dict[str, Any]) -> bool:
    def has(condition: dict[str, Any]) -> bool:
        return bool(payload.get(condition["key"]) == condition["match"]["value"])

    return all(map(has, wanted.get("must") or ())) and not any(map(has, wanted.get("must_not") or ()))


def _unit(vector: list[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def _described(params: dict[str, Any], count: int) -> dict[str, Any]:
    config = {
        "params": {"vectors": params.get("vectors") or {}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
        "optimizer_config": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 0,
            "flush_interval_sec": 5,
        },
    }
    told = {"status": "green", "optimizer_status": "ok", "segments_count": 1, "points_count": count}
    return {**told, "config": config, "payload_schema": {}}


@contextmanager
def served_qdrant() -> Iterator[tuple[str, Server]]:
    """Its address, as `results: {to: …}` takes it, and what is in it."""
    here = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with here.lock:
                status, result = here.answer(self.command, urlsplit(self.path).path, json.loads(body or b"null"))
                told = {"result": result, "status": "ok"} if status == 200 else {"status": {"error": result}}
                text = json.dumps({**told, "time": 0.0}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = _any

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"qdrant:http://127.0.0.1:{server.server_port}", here
    finally:
        server.shutdown()
        server.server_close()
