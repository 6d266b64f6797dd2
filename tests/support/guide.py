"""The walk of Mixpeek's guide on storing embeddings, as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

__all__ = ["walked"]

GUIDE = """
import requests
import json
import sys

BASE = sys.argv[1]

url = f"{BASE}/index/videos/url"

payload = json.dumps({
  "url": "VIDEO",
  "collection_id": "example"
})
headers = {
  'Authorization': 'Bearer API_KEY',
  'Content-Type': 'application/json'
}

response = requests.request("POST", url, headers=headers, data=payload)
queued = response.json()

while True:
    url = f"{BASE}/tasks/{queued['task_id']}"

    response = requests.request("GET", url, headers=headers)
    task = response.json()
    if task["status"] in ("DONE", "FAILED"):
        break

url = f"{BASE}/assets/{task['asset_id']}/features"

response = requests.request("GET", url, headers=headers, data=payload)
asset = response.json()

features = []
for modality, found in asset["features"].items():
    for feature in found:
        url = f"{BASE}/features/{feature['feature_id']}?include_vectors=true"

        response = requests.request("GET", url, headers=headers)
        features.append(response.json())

print(json.dumps({"queued": queued, "task": task, "asset": asset, "features": features}))
"""
"""The requests of the guide as they are printed there, by the library that it uses: paths, bodies, headers; even the
body of the GET. Only the address is another, and the ids that the guide has typed in are taken from the answers."""


def walked(url: str, video: str = "video.mp4") -> dict[str, Any]:
    """What the program is answered by the account at `url`: `queued`, `task`, `asset`, and all `features`."""
    command = [sys.executable, "-c", GUIDE.replace("VIDEO", video), url]
    said = subprocess.run(
        command, env={**os.environ, "NO_PROXY": "127.0.0.1"}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    told: dict[str, Any] = json.loads(said.stdout)
    return told
