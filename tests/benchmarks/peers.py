"""`python -m tests.benchmarks.peers PYTHON [SIZE ...]`: plans of ours and of octoDNS, into `docs/performance.md`.

As many objects as records: octoDNS, in the environment of PYTHON, reads its zone from YAML and its target over HTTP, in
pages of fifty, from a server that holds the same records; its provider for that is the shortest that there can be. Each
plan of ours is followed by one of theirs, round after round; nothing has changed on either side.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.benchmarks.page import line, table, written
from tests.benchmarks.world import Spent, World, compiled, served, spent

SIZES, ROUNDS = (1_000, 10_000), 5
HEADS = (
    "objects, records",
    "CPU of ours",
    "of octoDNS",
    "octoDNS takes",
    "peak memory of ours",
    "of octoDNS",
)
SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

count = int(sys.argv[1])


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        first = int(self.path.partition("page=")[2] or 0) * 50
        rows = [
            {"name": f"r{n}", "type": "A", "ttl": 300, "values": [f"10.0.{n // 250 % 250}.{n % 250 + 1}"]}
            for n in range(first, min(first + 50, count))
        ]
        body = json.dumps({"data": rows, "total": count}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Pages)
print(server.server_port, flush=True)
server.serve_forever()
"""
PROVIDER = """
import json
import logging
from http.client import HTTPConnection
from octodns.provider.base import BaseProvider
from octodns.record import Record


class Paged(BaseProvider):
    SUPPORTS_GEO = SUPPORTS_DYNAMIC = False
    SUPPORTS = {"A"}

    def __init__(self, id, port, **options):
        self.log = logging.getLogger("paged")
        super().__init__(id, **options)
        self.line = HTTPConnection("127.0.0.1", int(port))

    def populate(self, zone, target=False, lenient=False):
        page, total = 0, 1
        while page * 50 < total:
            self.line.request("GET", f"/?page={page}")
            answer = json.loads(self.line.getresponse().read())
            total = answer["total"]
            for row in answer["data"]:
                zone.add_record(Record.new(zone, row.pop("name"), row, source=self, lenient=lenient), lenient=lenient)
            page += 1
        return True
"""
CONFIG = """
manager: {{max_workers: 1}}
providers:
  config: {{class: octodns.provider.yaml.YamlProvider, directory: {directory}/zones, enforce_order: false}}
  paged: {{class: paged.Paged, port: {port}}}
zones:
  example.com.: {{sources: [config], targets: [paged]}}
"""


@contextmanager
def records(count: int) -> Iterator[int]:
    """The port of a server with so many."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(count)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def zone(directory: Path, count: int, port: int) -> Path:
    """octoDNS's side: a zone of so many records, its provider, and the configuration, of which the path is given."""
    (directory / "zones").mkdir(parents=True)
    lines = []
    for n in range(count):
        lines += [f"r{n}:", "  ttl: 300", "  type: A", f"  values: [10.0.{n // 250 % 250}.{n % 250 + 1}]"]
    (directory / "zones" / "example.com.yaml").write_text("\n".join(lines) + "\n")
    (directory / "paged.py").write_text(PROVIDER)
    config = directory / "config.yaml"
    config.write_text(CONFIG.format(directory=directory, port=port))
    return config


def compared(python: str, size: int, directory: Path) -> tuple[str, ...]:
    """The cells of one size: what both took, and their ratio."""
    with ExitStack() as servers:
        world = World.made(directory / "ours", servers.enter_context(served(directory / "account.db")), size)
        world.apply()
        config = zone(directory / "theirs", size, servers.enter_context(records(size)))
        command = (python, "-c", "from octodns.cmds.sync import main; main()", "--config-file", str(config), "--quiet")
        ours: list[Spent] = []
        theirs: list[Spent] = []
        for _ in range(ROUNDS):
            ours.append(world.run("plan"))
            theirs.append(spent(command, {"PYTHONPATH": str(config.parent)}))
    mine, other = (median(it.cpu_s for it in some) for some in (ours, theirs))
    peaks = [max(it.peak_mb for it in some) for some in (ours, theirs)]
    seconds = (f"{mine:.2f} s", f"{other:.2f} s", f"{other / mine:.1f}×")
    return (f"{size:,}", *seconds, f"{peaks[0]:.0f} MB", f"{peaks[1]:.0f} MB")


def _version(python: str) -> str:
    asked = (python, "-c", "from importlib.metadata import version; print(version('octodns'))")
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main(python: str, sizes: Sequence[int]) -> None:
    """Measure, print, and write the page anew."""
    compiled()
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as directory:
            rows.append(compared(python, size, Path(directory)))
            print(line(rows[-1]), flush=True)
    said = f"octoDNS {_version(python)}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    written("peers", f"{said}; medians of {ROUNDS}.\n\n{table(HEADS, rows)}")


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]] or SIZES)
