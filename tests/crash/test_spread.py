"""Applies that Dask workers take part in: scheduler, workers and runs are processes of their own, and are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.crash.crowd import FILES, STACK, Crowd, beside, crowd, crowds, runs, scheduler
from tests.crash.hosts import hosts
from tests.crash.world import PARTS, Zygote, died_and_again, sampled, world
from tests.emulator.test_media import film
from tests.support.files import lay_out
from tests.support.postgres import postgres, postgres_url

__all__ = ["beside", "crowd", "crowds", "postgres", "postgres_url", "runs", "scheduler"]

pytestmark = pytest.mark.slow

SMALL = """
stack: crash
provider: twelvelabs
assets: {small: {file: small.mp4}}
"""


def test_workers_send_files_and_the_run_sends_none(crowd: Crowd) -> None:
    workers = [crowd.worker("one"), crowd.worker("two")]
    done = crowd.apply()

    assert done["code"] == 0, done["out"]
    assert not [point for point in done["points"] if "POST" in point or "PUT" in point]
    points = [point for worker in workers for point in crowd.points(worker)]
    assert points.count("before POST /v1.3/assets") == 1
    assert len([point for point in points if point.startswith("before PUT /_storage")]) == 4  # 150 bytes in 40s
    crowd.is_done()


@pytest.mark.long
@pytest.mark.parametrize("part", sampled(more=3))
def test_a_worker_that_is_killed_anywhere_leaves_nothing_twice(
    crowds: Callable[..., AbstractContextManager[Crowd]], part: int
) -> None:
    """One worker dies at a point, and one lives: the same run goes on with that one."""
    for kill in range(1 + part, 45, PARTS):
        with crowds(f"kill{kill}") as crowd:
            dies, _ = crowd.worker("dies", at=kill, threads=4), crowd.worker("lives", threads=1)
            done = crowd.apply()
            point = f"killed at {kill}, {crowd.points(dies)[-1:]}"
            assert done["code"] == 0, f"{point}: {done['out']}"
            crowd.is_done(point)


@pytest.mark.parametrize(
    ("on", "posts"),
    [
        pytest.param("after renew", 1, id="before it is sent"),
        pytest.param("after POST /v1.3/assets", 0, id="when it was made", marks=pytest.mark.long),
        pytest.param("before commit", 0, id="before it is recorded", marks=pytest.mark.long),
    ],
)
def test_a_worker_that_wakes_after_its_lease_sends_and_writes_nothing(crowd: Crowd, on: str, posts: int) -> None:
    """As a machine that was cut off does: its step is another's by then, or was found to be done."""
    crowd.here.write({"stack.yaml": SMALL, "small.mp4": FILES["small.mp4"]})
    sleeps = crowd.worker("sleeps", on=on, signal=signal.SIGSTOP)

    awake = crowd.applied_past(sleeps)

    assert crowd.points(awake).count("before POST /v1.3/assets") == posts  # what was made is found and adopted
    crowd.zygote.beside("wake", pid=sleeps["pid"])
    assert "step ended: " not in crowd.last_of(sleeps), "it has its lease no more"
    assert crowd.here.account() == Counter({("asset", "small.mp4"): 1})
    assert crowd.here.reconcile("plan", "--detailed-exitcode")["code"] == 0


@pytest.mark.long
@pytest.mark.parametrize("part", sampled(more=3))
def test_a_run_that_is_killed_anywhere_is_gone_on_with_when_its_workers_have_ended(
    crowds: Callable[..., AbstractContextManager[Crowd]], part: int
) -> None:
    for kill in range(9 + part, 60, PARTS):  # before that it has only read
        with crowds(f"run{kill}") as crowd:
            for name in ("one", "two"):
                crowd.worker(name)
            crowd.is_done(died_and_again(crowd.apply, kill))


def test_a_plan_has_its_files_hashed_by_workers(crowd: Crowd, tmp_path: Path) -> None:
    """Each has a cache of its own: so it is seen who has read what."""
    workers = [crowd.worker(name, env={"XDG_CACHE_HOME": str(tmp_path / name)}) for name in ("one", "two")]
    planned = crowd.here.reconcile("plan", "--spread", crowd.scheduler)

    assert planned["code"] == 0, planned["out"]
    assert "2 files to upload: 210 B" in planned["out"]
    assert not [point for point in planned["points"] if point.startswith("hash")]
    hashed = [point for worker in workers for point in crowd.points(worker)]
    assert sorted(hashed) == ["hash large.mp4", "hash small.mp4", "look for the end", "look for the end"]


FILMS = """
stack: crash
provider: twelvelabs
assets: {good: {file: good.mp4}, short: {file: short.mp4}}
indexes:
  catalog: {models: [{name: marengo3.0, options: [visual]}], assets: {good: {}, short: {}}}
"""


def test_a_plan_has_its_files_looked_into_by_workers(crowd: Crowd, tmp_path: Path) -> None:
    """What is in them, and whether they are whole: told as if they had been looked into here."""
    pytest.importorskip("av")
    crowd.here.write({"stack.yaml": FILMS, "good.mp4": film(), "short.mp4": film(width=200, height=200)})
    alone = crowd.here.reconcile("plan")
    (crowd.here.directory / ".cache" / "reconciler" / "hashes.db").unlink()
    workers = [crowd.worker(name, env={"XDG_CACHE_HOME": str(tmp_path / name)}) for name in ("one", "two")]
    planned = crowd.here.reconcile("plan", "--spread", crowd.scheduler)

    assert [it for it in alone["points"] if it.startswith(("probe", "look"))], "so the points are where it is done"
    assert "200x200" in alone["out"]
    assert (planned["code"], planned["out"]) == (alone["code"], alone["out"])
    assert not [it for it in planned["points"] if it.startswith(("probe", "look", "hash"))]
    looked = [point for worker in workers for point in crowd.points(worker) if point.startswith(("probe", "look"))]
    assert sorted(looked) == ["look for the end", "look for the end", "probe good.mp4", "probe short.mp4"]


@pytest.mark.long
def test_files_are_read_here_when_the_worker_that_was_asked_hangs(crowd: Crowd, tmp_path: Path) -> None:
    asleep = crowd.worker("asleep", env={"XDG_CACHE_HOME": str(tmp_path / "x")}, on="hash", signal=signal.SIGSTOP)
    planned = crowd.here.reconcile("plan", "--spread", crowd.scheduler)

    assert planned["code"] == 0, planned["out"]
    assert "2 files to upload: 210 B" in planned["out"]
    assert sorted(point for point in planned["points"] if point.startswith("hash")) == [
        "hash large.mp4",
        "hash small.mp4",
    ]
    crowd.zygote.beside("wake", pid=asleep["pid"])


def test_how_far_files_are_that_workers_send_is_told_by_the_run(crowd: Crowd) -> None:
    crowd.worker("one", threads=1)
    events = crowd.here.directory / "events.jsonl"
    done = crowd.apply("--json-events", str(events))

    assert done["code"] == 0, done["out"]
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    large = [
        (it["bytes_done"], it["bytes_total"])
        for it in lines
        if it.get("address") == "assets/large"
        if "bytes_done" in it
    ]
    assert large[-1] == (150, 150)
    assert large[0][0] < 150, "told while it was sent, and not only when it was there"
    assert large == sorted(large)


def test_a_plan_asks_no_worker_whose_stack_is_another(crowd: Crowd, tmp_path: Path) -> None:
    lay_out(tmp_path / "other", {**FILES, "stack.yaml": STACK.replace("shelf: 3", "shelf: 4")})
    other = crowd.worker("other", env={"RECONCILER_SPREAD_STACK": str(tmp_path / "other")})
    planned = crowd.here.reconcile("plan", "--spread", crowd.scheduler)

    assert planned["code"] == 1
    assert f"worker {other['address']}: its stack declares other things" in planned["out"]


def test_ctrl_c_takes_back_what_no_worker_has_begun(crowd: Crowd) -> None:
    asleep = crowd.worker("asleep", on="before take", signal=signal.SIGSTOP)
    done = crowd.apply(interrupt="after offer")

    assert done["code"] == 130, done["out"]
    assert crowd.here.account() == Counter()
    crowd.zygote.beside("wake", pid=asleep["pid"])
    assert "step ended: " not in crowd.last_of(asleep), "it takes nothing of a run that is over"
    again = crowd.apply()
    assert again["code"] == 0, again["out"]
    crowd.is_done()


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"without": "TWELVELABS_API_KEY"}, "no API key: set TWELVELABS_API_KEY in the environment"),
    "another key": ({"env": {"TWELVELABS_API_KEY": "k2"}}, "it has another key"),
    "no state": ({"without": "RECONCILER_STATE"}, "its environment names no state"),
    "another version": ({"version": "0.0.1"}, "it has reconciler 0.0.1, the run "),
    "no library": ({"lacks": True}, "reconciler is not installed there, or not its extra `spread`"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_a_worker_that_is_not_fit_is_named_and_nothing_is_sent(crowd: Crowd, what: str) -> None:
    job, why = UNFIT[what]
    crowd.worker("fit")
    other = crowd.worker("unfit", **job)
    done = crowd.apply()

    assert done["code"] == 1
    assert f"worker {other['address']}: {why}" in done["out"]
    assert crowd.here.account() == Counter()


@pytest.mark.long
def test_a_worker_that_hangs_when_a_run_begins_is_named_and_nothing_is_sent(crowd: Crowd) -> None:
    crowd.worker("fit")
    hangs = crowd.worker("hangs")
    os.kill(hangs["pid"], signal.SIGSTOP)
    done = crowd.apply()

    assert done["code"] == 1
    assert f"did these workers say whether they are fit: {hangs['address']}; look at their logs" in done["out"]
    assert crowd.here.account() == Counter()


@pytest.mark.long
def test_what_a_worker_was_given_that_hangs_before_it_takes_it_is_done_by_another(crowd: Crowd) -> None:
    """Its scheduler would wait for five minutes; whoever takes the step first has it, so it need not be asked."""
    hangs = crowd.worker("hangs", on="before take", signal=signal.SIGSTOP, threads=4)

    awake = crowd.applied_past(hangs)

    assert "before POST /v1.3/assets" in crowd.points(awake)
    crowd.zygote.beside("wake", pid=hangs["pid"])
    crowd.is_done()


def test_a_worker_with_another_checkout_or_other_media_is_named(crowd: Crowd, tmp_path: Path) -> None:
    lay_out(tmp_path / "other", {**FILES, "stack.yaml": STACK.replace("shelf: 3", "shelf: 4"), "large.mp4": b"l"})
    other = crowd.worker("other", env={"RECONCILER_SPREAD_STACK": str(tmp_path / "other")})
    done = crowd.apply()

    assert f"worker {other['address']}: its stack declares other things: check out the same commit" in done["out"]
    assert f"worker {other['address']}: files that it declares have other sizes" in done["out"]
    assert crowd.here.account() == Counter()


def test_a_file_that_has_other_bytes_there_is_not_sent_and_the_worker_is_named(crowd: Crowd, tmp_path: Path) -> None:
    lay_out(tmp_path / "other", {**FILES, "small.mp4": b"S" * 60})
    other = crowd.worker("other", env={"RECONCILER_SPREAD_STACK": str(tmp_path / "other")})
    done = crowd.apply()

    assert done["code"] != 0
    told = "small.mp4: changed since it was planned; nothing of it was sent, plan again"
    assert f"{told} (worker {other['address']})" in done["out"]
    assert crowd.here.account() == Counter({("asset", "large.mp4"): 1})


def test_without_workers_a_scheduler_or_a_shared_state_nothing_is_begun(crowd: Crowd) -> None:
    assert f"the scheduler at {crowd.scheduler} has no workers" in crowd.apply()["out"]
    nobody = crowd.here.apply("--spread", "tcp://127.0.0.1:1")
    assert (nobody["code"], "no Dask scheduler answers at tcp://127.0.0.1:1" in nobody["out"]) == (1, True)
    crowd.here.state = ()
    alone = crowd.apply()
    assert (alone["code"], "keep it in PostgreSQL" in alone["out"]) == (1, True), alone["out"]
    assert crowd.here.account() == Counter()


@pytest.mark.long
def test_three_hosts_and_a_cable_that_is_pulled_make_nothing_twice(
    runs: Zygote, beside: Zygote, postgres_url: str, tmp_path: Path
) -> None:
    """The scheduler, the state and the account are one host; of two others one is cut off with a step in its hands."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root, and `ip`")
    with ExitStack() as stack:
        try:
            there = stack.enter_context(hosts("cut", "whole"))
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        here = stack.enter_context(world(runs, tmp_path / "world", state=postgres_url))
        here.write(FILES)
        scheduler = beside.beside("scheduler", host=there.here, patience="12s")
        stack.callback(beside.beside, "end", pid=scheduler["pid"])
        directory = parse_qs(urlsplit(postgres_url).query)["host"][0]
        host, _, port = there.reaching(f"{directory}/.s.PGSQL.5432").partition(":")
        schema = postgres_url.partition("options=")[2]
        state = f"postgresql+psycopg://postgres@{host}:{port}/postgres?options={schema}"
        account = there.reaching(urlsplit(here.served.url).netloc)
        crowd = Crowd(beside, scheduler["address"], here, state)
        url = here.served.url.replace(urlsplit(here.served.url).netloc, account)
        crowd.env = {"TWELVELABS_BASE_URL": url, "RECONCILER_ALLOW_HTTP": "1"}
        here.online = ("--endpoint", url, "--allow-http", "--poll-interval", "0")
        pids = crowd.pids
        stack.callback(lambda: [beside.beside("end", pid=pid) for pid in pids])
        cut = crowd.worker("cut", space=there.spaces["cut"], on="after take", signal=signal.SIGSTOP)
        others: list[dict[str, Any]] = []

        def pulled() -> None:
            assert beside.beside("stopped", pid=cut["pid"])["asleep"]
            there.pull("cut")
            beside.beside("wake", pid=cut["pid"])
            others.append(crowd.worker("whole", space=there.spaces["whole"]))

        done = crowd.applied_while(pulled)
        assert done["code"] == 0, done["out"]
        assert not [point for point in crowd.points(cut) if point.startswith("after POST")]
        assert [point for point in crowd.points(others[0]) if point.startswith("after POST")]
        crowd.is_done()
