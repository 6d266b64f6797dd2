"""What most tests begin with: an object that is there, and ready."""

from __future__ import annotations

from typing import Any

import httpx

from tests.emulator.conftest import Api

MODELS = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
NOBODY = "0" * 24


def made(reply: httpx.Response) -> str:
    """The id of what was created."""
    assert reply.status_code in (201, 202), reply.text
    found: str = reply.json()["_id"]
    return found


def error(reply: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return reply.status_code, reply.json()["code"]


def upload(api: Api, name: str = "final.mp4", content: bytes = b"film", **fields: Any) -> str:
    return made(api("POST", "/assets", data={"method": "direct", **fields}, files={"file": (name, content)}))


def ready_asset(api: Api, name: str = "final.mp4", content: bytes = b"film", **fields: Any) -> str:
    asset = upload(api, name, content, **fields)
    wait(api, f"/assets/{asset}")
    return asset


def wait(api: Api, path: str) -> dict[str, Any]:
    """Read until the status is final; ten reads are more than any walk has steps."""
    for _ in range(10):
        found: dict[str, Any] = api("GET", path).json()
        if found["status"] in ("ready", "failed"):
            return found
    raise AssertionError(found)


def index(api: Api, name: str = "catalog") -> str:
    return made(api("POST", "/indexes", json={"index_name": name, "models": MODELS}))


def indexed(api: Api, in_index: str, asset: str, **fields: Any) -> str:
    return made(api("POST", f"/indexes/{in_index}/indexed-assets", json={"asset_id": asset, **fields}))


def collection(api: Api, name: str = "players") -> str:
    return made(api("POST", "/entity-collections", json={"name": name}))


def entity(api: Api, in_collection: str, name: str, assets: list[str], **fields: Any) -> str:
    body = {"name": name, "asset_ids": assets, **fields}
    return made(api("POST", f"/entity-collections/{in_collection}/entities", json=body))


def rows(api: Api, path: str, **params: Any) -> list[dict[str, Any]]:
    reply = api("GET", path, params={"page_limit": 50, **params})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


def fault(api: Api, **rule: Any) -> None:
    reply = api("POST", f"{api.origin}/_emulator/faults", json=rule)
    assert reply.status_code == 200, reply.text
