"""An account that answers at once, in this process, and the same way each time: what is counted is ours alone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx

__all__ = ["Account"]

PAGE = 50
MADE = {"status": "processing", "method": "url", "filename": "a.mp4", "created_at": "2026-11-20T00:00:00Z"}


class Account(httpx.AsyncBaseTransport):
    """Assets can be made, and are ready at the second look; of all else there is nothing."""

    def __init__(self) -> None:
        self.assets: dict[str, dict[str, Any]] = {}
        self.seen: set[str] = set()
        self.reads = self.writes = 0
        self.at_once = self.most_at_once = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer when everybody else had a turn, so that what is sent side by side is under way together."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await request.aread()
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        if request.method == "POST":
            self.writes += 1
            made = {"_id": f"{len(self.assets) + 1:024x}", **MADE}
            self.assets[made["_id"]] = made
            return httpx.Response(201, json=made)
        self.reads += 1
        ids = request.url.params.get_list("asset_ids")
        asked = [self.assets[id] for id in ids] if ids else list(reversed(self.assets.values()))
        rows = asked if re.search("/assets$", request.url.path) else []
        page = int(request.url.params.get("page", 1))
        shown = [self._shown(row, polled=bool(ids)) for row in rows[(page - 1) * PAGE : page * PAGE]]
        pages = max(-(-len(rows) // PAGE), 1)
        info = {"total_results": len(rows), "limit_per_page": PAGE, "total_page": pages, "page": page}
        return httpx.Response(200, json={"data": shown, "page_info": info})

    def _shown(self, row: dict[str, Any], *, polled: bool) -> dict[str, Any]:
        if row["_id"] in self.seen:
            row["status"] = "ready"
        if polled:
            self.seen.add(row["_id"])
        return row
