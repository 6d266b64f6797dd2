"""The account without git: somebody changes one value in it, or counts what it holds. Standard library only.

python by_hand.py URL FILENAME KEY VALUE
python by_hand.py URL
"""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
import urllib.request
from typing import Any

COUNTED = ("assets", "indexes", "entity-collections")


def change(url: str, filename: str, key: str, value: str) -> None:
    """Set metadata KEY of the asset that is called FILENAME to VALUE."""
    found = call("GET", f"{url}/assets?filename={urllib.parse.quote(filename)}")["data"]
    asset = next(asset for asset in found if asset["filename"] == filename)
    call("PATCH", f"{url}/assets/{asset['_id']}/user-metadata", {"user_metadata": {key: value}})
    sys.stdout.write(f"PATCH /assets/{asset['_id']}/user-metadata: {key} is now {value!r}\n")


def count(url: str) -> None:
    """Say how many objects there are."""
    totals = {name: call("GET", f"{url}/{name}")["page_info"]["total_results"] for name in COUNTED}
    sys.stdout.write(", ".join(f"{total} {name}" for name, total in totals.items()) + "\n")


def call(method: str, url: str, body: Any = None) -> Any:
    """One request, with the key from the environment."""
    headers = {"x-api-key": os.environ["TWELVELABS_API_KEY"], "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else None


if __name__ == "__main__":
    count(*sys.argv[1:]) if len(sys.argv) == 2 else change(*sys.argv[1:])
