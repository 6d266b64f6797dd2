"""What an upload in chunks costs a process: a sparse file of 2 GB, the emulator in a process of its own.

    python -m tests.benchmarks.upload [GIGABYTES]

Prints one JSON object: peak memory of the process before and after, seconds, requests. Nothing is asserted.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

STACK = "stack: s\nprovider: twelvelabs\nassets: {big: {file: big.mp4}}\n"
SERVE = """
import sys
from pathlib import Path
from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
import signal
with ServedEmulator(app(Path(sys.argv[1]))) as served:
    print(served.url, flush=True)
    signal.pause()
"""
APPLY = """
import json, resource, sys
from reconciler.cli import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"start_kib": before, "peak_kib": peak.ru_maxrss, "cpu_s": peak.ru_utime + peak.ru_stime}))
"""


def measure(gigabytes: float) -> dict[str, float]:
    """One apply of one file."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "stack.yaml").write_text(STACK)
        with (directory / "big.mp4").open("wb") as file:
            file.truncate(int(gigabytes * 10**9))
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(directory / "account.db")], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            began_s = time.perf_counter()
            command = ["apply", name, "--endpoint", url, "--auto-approve", "--poll-interval", "0"]
            environ = {**os.environ, "TWELVELABS_API_KEY": "k", "XDG_CACHE_HOME": f"{name}/cache"}
            done = subprocess.run(
                [sys.executable, "-c", APPLY, *command], env=environ, capture_output=True, text=True, check=True
            )
            took_s = time.perf_counter() - began_s
            log_url = url.removesuffix("/v1.3") + "/_emulator/requests?limit=0"
            with urllib.request.urlopen(log_url) as answer:
                routes = json.load(answer)["by_route"]
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
            if server.stdout:
                server.stdout.close()
    used = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "gigabytes": gigabytes,
        "peak_mb": round(used["peak_kib"] * 1024 / 1e6, 1),
        "cpu_s": round(used["cpu_s"], 1),
        "seconds": round(took_s, 1),
        "chunks": routes["PUT /_storage/{upload_id}/{chunk}"],
        "requests": sum(routes.values()),
        "emulator_peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)))
