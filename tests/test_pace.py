"""Who waits for whom: what an API limits together is told by its provider, and what is used up slows nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import Exchange
from reconciler.emulator.core.clock import ManualClock
from reconciler.emulator.twelvelabs import app
from reconciler.http import Http
from reconciler.providers.twelvelabs.pace import bucket
from reconciler.wire import ApiPath
from tests.support.running import Bench, Manual, done

OK = httpx.Response(200, json={"ok": True})


def refusal(**headers: str) -> httpx.Response:
    """A 429 with an empty body, as the vendor's may be."""
    return httpx.Response(429, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "sent", "name"),
    [
        ("POST", "/embed-v2/tasks", {"input_type": "video"}, "embed video"),
        ("POST", "/embed-v2/tasks", {"input_type": "audio"}, "embed audio"),
        ("POST", "/embed-v2", {"input_type": "text"}, "embed text"),
        ("POST", "/embed-v2", {"input_type": "image"}, "embed image"),
        ("POST", "/embed/tasks", {"video_url": "https://x.example/a.mp4"}, "embed video"),
        ("POST", "/embed", {"model_name": "m", "text": "a goal"}, "embed text"),
        ("POST", "/embed", {"model_name": "m", "image_url": "https://x.example/a.jpg"}, "embed image"),
        ("POST", "/assets", {}, "index"),
        ("POST", "/tasks", {}, "index"),
        ("POST", "/indexes/*/indexed-assets", {}, "index"),
        ("POST", "/analyze/tasks", {}, "analyze"),
        ("POST", "/search", {}, "search"),
        ("GET", "/embed-v2/tasks", {}, ""),
        ("POST", "/indexes", {}, ""),
    ],
)
def test_families_and_modalities_are_limited_by_themselves(
    method: str, path: str, sent: Mapping[str, Any], name: str
) -> None:
    assert bucket(method, path, sent) == name


def test_a_path_knows_its_ids_and_nothing_else_is_one() -> None:
    path = ApiPath("/embed-v2/tasks") / "66a/1" + "/x"

    assert (path, path.template) == ("/embed-v2/tasks/66a%2F1/x", "/embed-v2/tasks/*/x")
    assert ApiPath.filled("/indexes/{parent}/v2", parent="6").template == "/indexes/*/v2"
    assert ApiPath(path).template == path.template


def test_what_is_refused_in_one_bucket_slows_no_other() -> None:
    class Still(Manual):
        """Sleepers wake in the order of their time."""

        def __init__(self) -> None:
            super().__init__()
            self.due: list[tuple[float, asyncio.Future[None]]] = []

        async def sleep(self, seconds: float) -> None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.due.append((self.time_s + seconds, future))
            await future

    clock, seen, refusals = Still(), [], [refusal(**{"retry-after": "60"}) for _ in range(3)]

    async def handle(request: httpx.Request) -> httpx.Response:
        seen.append((clock.now(), request.url.path))
        await asyncio.sleep(0)
        return refusals.pop() if request.url.path == "/slow" and refusals else OK

    async def go() -> None:
        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={}, transport=transport, clock=clock, connections=3) as http:
            slow = [asyncio.create_task(http.request("GET", "/slow")) for _ in range(20)]
            await asyncio.sleep(0.05)
            await asyncio.gather(*(http.request("GET", "/quick") for _ in range(20)))
            while any(not it.done() for it in slow):
                clock.due.sort(key=lambda it: it[0])
                moment, future = clock.due.pop(0)
                clock.time_s = max(clock.time_s, moment)
                future.set_result(None)
                await asyncio.sleep(0.001)
            await asyncio.gather(*slow)

    asyncio.run(go())
    # Twenty that wait take none of the three connections.
    assert [moment for moment, path in seen if path == "/quick"] == [0.0] * 20
    slow = [moment for moment, path in seen if path == "/slow"]
    assert (len(slow), sum(moment < 60 for moment in slow)) == (23, 3)


class Both(Manual):
    """Our clock and the account's, which go together."""

    def __init__(self, account: ManualClock) -> None:
        super().__init__()
        self.account, self.sleeps = account, 0

    async def sleep(self, seconds: float) -> None:
        """Pass the time on both, after what is ready to run."""
        await asyncio.sleep(0)
        self.time_s += seconds
        self.sleeps += 1
        self.account.advance(seconds)


def of_forty_videos(tmp_path: Path) -> tuple[ManualClock, Bench, str]:
    """The account's clock, a bench on the free plan in which forty short videos are made, and their YAML."""
    account = ManualClock()
    bench = Bench(tmp_path, app(clock=account, plan="free"), clock=lambda: Both(account))
    assets = "".join(f"  a{n}: {{url: 'https://x.example/a{n}.mp4'}}\n" for n in range(40))
    head = f"stack: s\nprovider: twelvelabs\nresults: results\nassets:\n{assets}"
    bench.write({"stack.yaml": head})
    done(bench)
    bench.emulator.store.db.execute("UPDATE objects SET doc = json_set(doc, '$.media.duration', 12)")
    return account, bench, head


def test_more_embeddings_than_a_minute_takes_bring_one_refusal_a_minute_and_stop_no_analysis(tmp_path: Path) -> None:
    account, bench, head = of_forty_videos(tmp_path)
    bench.write(
        {
            "stack.yaml": head + "embeddings:\n  e: {of: 'a*', model: marengo3.0}\n"
            "analyses:\n  t: {of: 'a?', model: pegasus1.5, prompt: What is it?}\n"
        }
    )
    sent: list[tuple[float, Exchange]] = []
    bench.emulator.journal.listen(lambda it: sent.append((account.now(), it)))
    began = account.now()

    done(bench)

    creates = [(moment - began, it) for moment, it in sent if it.method == "POST"]
    refused = Counter(it.route for _, it in creates if it.status == 429)
    assert refused == {"POST /embed-v2/tasks": 1}, "25 a minute; who is told to wait waits"
    assert sum(it.route == "POST /embed-v2/tasks" and it.status != 429 for _, it in creates) == 40
    assert all(moment < 60 for moment, it in creates if it.route == "POST /analyze/tasks")


def test_words_do_not_wait_until_as_many_videos_may_be_embedded(tmp_path: Path) -> None:
    """What is made by another way is begun by itself, although it is of the same kind."""
    account, bench, head = of_forty_videos(tmp_path)
    words = ", ".join(f"w{n}: {{text: word {n}}}" for n in range(6))
    made = f"  e: {{of: 'a*', model: marengo3.0}}\n  z: {{of: {{{words}}}, model: marengo3.0}}\n"
    bench.write({"stack.yaml": f"{head}embeddings:\n{made}"})
    sent: list[tuple[float, Exchange]] = []
    bench.emulator.journal.listen(lambda it: sent.append((account.now(), it)))
    began = account.now()

    done(bench)

    creates = [(moment - began, it.route) for moment, it in sent if it.method == "POST" and it.status != 429]
    assert max(moment for moment, route in creates if route == "POST /embed-v2/tasks") >= 60
    assert [moment < 60 for moment, route in creates if route == "POST /embed-v2"] == [True] * 6


def test_twenty_tasks_run_five_at_a_time_and_one_list_serves_all_of_a_round(tmp_path: Path) -> None:
    account = ManualClock()
    clock = Both(account)
    bench = Bench(tmp_path, app(clock=account, speed="real"), clock=lambda: clock)
    assets = "".join(f"  a{n}: {{url: 'https://x.example/a{n}.mp4'}}\n" for n in range(20))
    head = f"stack: s\nprovider: twelvelabs\nresults: results\nassets:\n{assets}"
    bench.write({"stack.yaml": head})
    done(bench)
    bench.write({"stack.yaml": head + "embeddings:\n  e: {of: '*', model: marengo3.0}\n"})
    sent: list[Exchange] = []
    bench.emulator.journal.listen(sent.append)
    clock.sleeps = 0

    done(bench)

    kinds = Counter("create" if it.method == "POST" else it.route for it in sent if "/embed-v2/tasks" in it.route)
    running, most, lists = 0, 0, 0
    for it in sent:
        if it.route == "POST /embed-v2/tasks":
            running += 1
        elif it.route.startswith("GET /embed-v2/tasks/"):
            running -= 1
        elif it.route == "GET /embed-v2/tasks":
            lists += 1
        most = max(most, running)
    assert kinds["create"] == 20
    assert 1 < most <= 5
    # Each task is asked for by itself once, for its vectors; all else is seen in lists, one request for all of them.
    assert sum(count for route, count in kinds.items() if route.startswith("GET /embed-v2/tasks/")) == 20
    # A round that ends all that waits needs no pause after it: that can be one for each result.
    assert 0 < lists <= clock.sleeps + 20, "one in each round"
