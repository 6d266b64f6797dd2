"""`python -m tests.benchmarks.floor STACK.yaml URL STATE.db`: the least that a plan can do with the libraries of ours.

A straight line, by hand, for the one shape of stack that is measured: YAML is read, rows are read, every list is read
whole, and each object is compared with what is declared of it. It proves nothing, tells no position and keeps no
promise: it is what a plan is held against, and no plan.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

PAGE, SIDE_BY_SIDE = 50, 12


async def listed(client: httpx.AsyncClient, path: str, slots: asyncio.Semaphore) -> list[Any]:
    """All objects of a list."""

    async def page(number: int) -> Any:
        async with slots:
            answer = await client.get(path, params={"page": number, "page_limit": PAGE})
        return answer.json()

    first = await page(1)
    rest = await asyncio.gather(*map(page, range(2, first["page_info"]["total_page"] + 1)))
    found = [row for answer in (first, *rest) for row in answer["data"]]
    assert len(found) == first["page_info"]["total_results"]
    return found


async def live(url: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Assets, what is indexed, entities."""
    slots = asyncio.Semaphore(SIDE_BY_SIDE)
    async with httpx.AsyncClient(base_url=url, headers={"x-api-key": "k"}) as client:
        assets, indexes, collections = await asyncio.gather(
            *(listed(client, path, slots) for path in ("/assets", "/indexes", "/entity-collections"))
        )
        indexed, entities = await asyncio.gather(
            listed(client, f"/indexes/{indexes[0]['_id']}/indexed-assets", slots),
            listed(client, f"/entity-collections/{collections[0]['_id']}/entities", slots),
        )
    return assets, indexed, entities


def differences(stack: Any, rows: dict[str, tuple[str, Any]], objects: tuple[list[Any], list[Any], list[Any]]) -> int:
    """How many objects are not as declared, and not as recorded."""
    assets, indexed, entities = ({row["_id"]: row for row in some} for some in objects)
    count = 0
    for name, declared in stack["assets"].items():
        id, recorded = rows[f"assets/{name}"]
        metadata = {key: it for key, it in assets[id]["user_metadata"].items() if not key.startswith("reconciler_")}
        count += not (metadata == declared["metadata"] == recorded["metadata"])
    for name in stack["indexes"]["one"]["assets"]:
        count += rows[f"indexes/one/assets/{name}"][0] not in indexed
    for name, declared in stack["entity_collections"]["all"]["entities"].items():
        id, _ = rows[f"entity_collections/all/entities/{name}"]
        entity = entities[id]
        count += entity["name"] != declared["name"] or entity["description"] != declared["description"]
        count += entity["asset_ids"] != [rows[f"assets/{asset}"][0] for asset in declared["assets"]]
    return count


def main(path: str, url: str, state: str) -> None:
    """Print how many objects differ."""
    gc.disable()
    stack = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    found = sqlite3.connect(state).execute("SELECT address, id, fields FROM reconciler_resources").fetchall()
    rows = {address: (id, json.loads(fields)) for address, id, fields in found}
    print(differences(stack, rows, asyncio.run(live(url))))


if __name__ == "__main__":
    main(*sys.argv[1:])
