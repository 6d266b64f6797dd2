"""`watch`: the same look again and again. Nothing waits here: each pause is a turn of the test, which then says what
has happened meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli import cli as group
from reconciler.cli import watch as watch_command
from reconciler.errors import ReconcilerError, Refused
from reconciler.state import State
from reconciler.watching.rhythm import JITTER, MOST, Rhythm, go_on, seconds_of
from reconciler.watching.serving import LATE_S, Board, address_of, served
from tests.support.commandline import CHECKOUT, Said
from tests.support.receiver import Receiver, receiver
from tests.support.served import KEY, Place
from tests.support.told import STACK

Turn = Callable[[], object]


class Watching:
    """A place, and what happens in it between two looks."""

    def __init__(self, place: Place, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.hook = place, hook
        self.turns: list[Turn] = []
        self.pauses: list[float] = []
        monkeypatch.setattr(watch_command, "wait", self._waited)

    def _waited(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self.turns:
            raise KeyboardInterrupt  # as Ctrl-C and SIGTERM are heard
        self.turns.pop(0)()

    def watch(self, *turns: Turn, args: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> Said:
        """Look, and once more after each turn."""
        self.turns = list(turns)
        said = self.place.run("watch", "--notify", self.hook.url(), *args, env=env)
        assert said.code == 0, said
        return said

    # What happens in between

    def by_hand(self, name: str, season: int) -> Turn:
        def changed() -> None:
            (path,) = (f"/assets/{it['_id']}" for it in self._assets() if f"{name}.jpg" in str(it))
            body = {"user_metadata": {"season": season}}
            self.place.api.patch(f"{path}/user-metadata", json=body).raise_for_status()

        return changed

    def deleted(self, name: str) -> Turn:
        def gone() -> None:
            (path,) = (f"/assets/{it['_id']}" for it in self._assets() if f"{name}.jpg" in str(it))
            self.place.api.delete(path).raise_for_status()

        return gone

    def yaml(self, text: str) -> Turn:
        return lambda: self.place.write({"stack.yaml": text})

    def _assets(self) -> list[dict[str, Any]]:
        return list(self.place.api.get("/assets").json()["data"])

    def seasons(self) -> dict[str, Any]:
        """Of what is in the account."""
        return {it["filename"][:1]: it["user_metadata"]["season"] for it in self._assets()}


@pytest.fixture
def watching(here: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    here.write({"stack.yaml": STACK})
    assert here.apply().code == 0
    monkeypatch.setattr("reconciler.http.FIRST_PAUSE_S", 0.0)
    with receiver() as hook:
        yield Watching(here, hook, monkeypatch)


def nothing() -> None:
    """Happens."""


# -- looking


def test_what_changes_between_two_looks_is_told_once(watching: Watching) -> None:
    before = watching.place.writes()

    said = watching.watch(nothing, watching.by_hand("a", 1), nothing, watching.by_hand("a", 2024), nothing)

    assert watching.hook.titles == ["told: drift, 1 object changed outside git", "told: in sync again"]
    told = [line.split(" ", 1)[1] for line in said.out.splitlines() if "next look" not in line]
    assert told == ["told: in sync"] * 2 + ["told: drift at assets/a"] * 2 + ["told: in sync"] * 2
    hand = 2
    assert len(watching.place.writes()) == len(before) + hand, "a watch repairs nothing unless it is asked to"
    assert "Watch ended." in said.err


def test_a_watch_that_begins_again_goes_on_from_what_was_told(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    watching.watch()
    watching.watch(nothing)

    assert watching.hook.titles == ["told: drift, 1 object changed outside git"]


def test_each_look_reads_the_stack_anew_and_goes_on_when_it_is_wrong(watching: Watching) -> None:
    said = watching.watch(watching.yaml("stack: [told\n"), nothing, watching.yaml(STACK), nothing)

    assert watching.hook.titles == ["told: drift failed (invalid)", "told: drift is well again"]
    assert said.err.count("Error: stack.yaml:") == 2
    assert "after 2 that failed" in said.out
    short, long = watching.pauses[1], watching.pauses[2]
    assert short <= 900 * (1 + JITTER) < 1800 * (1 - JITTER) <= long, "the second failure waits longer"


def test_a_server_that_is_dead_is_no_crash(watching: Watching) -> None:
    emulator = watching.place.served.emulator
    down = {"fault": "status", "status": 503, "method": "GET", "path": "/assets", "count": 1000}

    said = watching.watch(lambda: emulator.add_fault(down), nothing, emulator.clear_faults, nothing)

    assert watching.hook.titles == ["told: drift failed (error)", "told: drift is well again"]
    assert said.out.count("told: in sync") == 3


def test_it_ends_after_so_many_looks(watching: Watching) -> None:
    said = watching.watch(nothing, nothing, nothing, args=("--rounds", "3"))

    assert said.out.count("told: in sync") == 3
    assert len(watching.pauses) == 2


def test_between_two_looks_others_can_apply(watching: Watching) -> None:
    def others() -> None:
        watching.place.write({"stack.yaml": STACK.replace("2024", "2025")})
        assert watching.place.apply().code == 0

    said = watching.watch(others, args=("--repair", "all"))

    assert said.out.count("told: in sync") == 2


@pytest.mark.parametrize("interval", ["soon", "5s", "0m", "15", "-1m"])
def test_an_interval_that_is_none_or_too_short_is_refused(watching: Watching, interval: str) -> None:
    said = watching.place.run("watch", "--interval", interval)

    assert said.code == 1 and "15m" in said.err


# -- repairing


def test_update_puts_fields_right_and_makes_nothing(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    watching.deleted("b")()

    said = watching.watch(args=("--repair", "update"))

    assert watching.seasons() == {"a": 2024}
    assert "repaired 1" in said.out
    assert watching.hook.titles == [
        "told: drift, 2 objects changed outside git",
        "told: drift is not the same any more, 1 object now",
    ]


def test_all_makes_anew_what_was_deleted_too(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    watching.deleted("b")()

    watching.watch(args=("--repair", "all"))

    assert watching.seasons() == {"a": 2024, "b": 2024}
    assert watching.hook.titles[-1] == "told: in sync again"


@pytest.mark.parametrize("repair", ["update", "all"])
def test_nothing_is_ever_deleted_and_what_is_pending_in_git_stays(watching: Watching, repair: str) -> None:
    watching.by_hand("a", 1)()
    watching.place.write({"stack.yaml": STACK.partition("  b: ")[0] + '  c: {url: "https://example.com/c.jpg"}\n'})
    before = len(watching.place.writes())

    watching.watch(nothing, args=("--repair", repair))

    assert watching.seasons() == {"a": 2024, "b": 2024}
    made = watching.place.writes()[before:]
    assert len(made) == 1 and made[0].startswith("PATCH /"), made


def test_an_object_that_git_changes_too_is_left_to_an_apply(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    watching.place.write({"stack.yaml": STACK.replace("season: 2024", "season: 2025")})
    before = watching.place.writes()

    said = watching.watch(args=("--repair", "all"))

    assert watching.place.writes() == before
    assert "nothing of it may be repaired" in said.out


def test_a_stack_that_somebody_holds_is_not_repaired_and_that_is_no_failure(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    state = State.open(f"sqlite:///{watching.place.directory}/.reconciler/state.db", "told")
    with state.lock("somebody"):
        said = watching.watch(args=("--repair", "all"))
    state.close()

    assert "not repaired: stack 'told' is locked by" in said.out
    assert "that failed" not in said.out
    assert watching.seasons()["a"] == 1


def test_a_repair_that_fails_is_told_and_tried_again_later(watching: Watching) -> None:
    watching.by_hand("a", 1)()
    refuse = {"fault": "status", "status": 400, "method": "PATCH", "path": "/assets/*/user-metadata", "count": 1000}
    emulator = watching.place.served.emulator
    emulator.add_fault(refuse | {"body": {"code": "parameter_invalid", "message": "not today"}})

    said = watching.watch(nothing, emulator.clear_faults, args=("--repair", "update"))

    assert watching.hook.titles == [
        "told: drift, 1 object changed outside git",
        "told: apply failed",
        "told: apply is well again",
        "told: in sync again",
    ]
    assert "after 2 that failed" in said.out


# -- numbers


def test_numbers_and_health_are_served_to_this_machine(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, httpx.Response] = {}
    urls: list[str] = []

    @contextmanager
    def noted(*given: Any) -> Iterator[str]:
        with served(*given) as url:
            urls.append(url)
            yield url

    def asked() -> None:
        with httpx.Client(base_url=urls[0], trust_env=False) as client:
            found["metrics"], found["health"] = client.get("/metrics"), client.get("/healthz")
            found["else"] = client.get("/else")
            found["led here"] = client.get("/metrics", headers={"host": "rebound.example.com"})

    monkeypatch.setattr("reconciler.watching.serving.served", noted)
    said = watching.watch(asked, args=("--listen", "127.0.0.1:0"))

    assert f"Serving {urls[0]}/healthz" in said.err
    assert 'reconciler_drift_objects{stack="told"' in found["metrics"].text
    assert found["metrics"].headers["content-type"].startswith("text/plain; version=0.0.4")
    assert KEY not in found["metrics"].text
    health = found["health"].json()
    assert (health["status"], health["well"], health["failures_in_a_row"]) == ("ok", True, 0)
    assert (found["else"].status_code, found["led here"].status_code) == (404, 421)


def test_numbers_of_a_watch_stand_in_a_file_too(watching: Watching) -> None:
    file = watching.place.directory / "watch.prom"

    watching.watch(watching.by_hand("a", 1), args=("--metrics", str(file)))

    text = file.read_text(encoding="utf-8")
    assert 'kind="Asset"} 1.0' in text and 'command="drift",result="succeeded"} 2.0' in text
    assert "reconciler_watch_interval_seconds" in text


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"])
def test_what_other_machines_reach_is_served_only_if_that_is_said(listen: str) -> None:
    with pytest.raises(Refused, match="--listen-anywhere"):
        address_of(listen)
    assert address_of(listen, anywhere=True)[1] == 9464


@pytest.mark.parametrize("listen", ["", "9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", ":9464"])
def test_a_place_to_listen_that_is_none_is_said(listen: str) -> None:
    with pytest.raises(ReconcilerError, match=r"127\.0\.0\.1:PORT"):
        address_of(listen)


def test_health_says_when_a_look_is_late_and_not_that_looks_fail() -> None:
    assert Board(well=False, failures=9).health(0.0)[0] == 200
    assert Board(due=100.0).health(100.0 + LATE_S)[0] == 200
    assert Board(due=100.0).health(101.0 + LATE_S)[0] == 503


# -- rhythm


@given(st.floats(10, 1e6), st.integers(0, 10_000), st.floats(0, 1))
def test_pauses_grow_with_failures_up_to_a_bound(interval: float, failures: int, chance: float) -> None:
    rhythm = Rhythm(interval)
    pause = rhythm.pause_s(failures, chance)

    assert interval * (1 - JITTER) * 0.999 <= pause <= interval * MOST * (1 + JITTER) * 1.001
    assert rhythm.pause_s(failures + 1, chance) >= pause
    assert rhythm.pause_s(0, chance) == rhythm.pause_s(1, chance)


def test_after_a_success_the_pause_is_as_at_first() -> None:
    went = iter([False, False, False, True])
    pauses: list[tuple[float, int]] = []

    go_on(lambda: next(went), Rhythm(10.0), lambda *it: pauses.append(it), lambda: 0.5, rounds=4)

    assert pauses == [(10.0, 1), (20.0, 2), (40.0, 3)]


@pytest.mark.parametrize(("text", "seconds"), [("15m", 900), ("90s", 90), ("1h30m", 5400), ("1d", 86400), ("x", None)])
def test_lengths_of_time_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


# -- ending


@pytest.mark.parametrize(
    ("number", "shell"),
    [(signal.SIGTERM, ""), (signal.SIGINT, ""), (signal.SIGTERM, "trap '' INT; ")],
    ids=["as a service", "by Ctrl-C", "in the background of a script, which is deaf to Ctrl-C"],
)
def test_a_process_that_is_told_to_end_ends_well(here: Place, number: signal.Signals, shell: str) -> None:
    here.write({"stack.yaml": STACK})
    assert here.apply().code == 0
    (path, *_) = (f"/assets/{it['_id']}" for it in here.api.get("/assets").json()["data"])
    here.api.delete(path).raise_for_status()
    env = {"PATH": os.environ["PATH"], "TWELVELABS_API_KEY": KEY, "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    repairing = ("--repair", "all", "--endpoint", here.served.url)
    command = [sys.executable, "-m", "reconciler", "watch", str(here.directory), *repairing]
    process = subprocess.Popen(
        ["sh", "-c", f'{shell}exec "$@"', "sh", *command],
        cwd=CHECKOUT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    assert "repaired 1" in lines[1] and "next look in" in lines[3]

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert (process.returncode, "Watch ended." in err) == (0, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_service_of_the_example_is_one(tmp_path: Path) -> None:
    unit = tmp_path / "reconciler-watch.service"
    text = (CHECKOUT / "examples/watch/reconciler-watch.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/reconciler/bin/reconciler ", f"{sys.executable} "), encoding="utf-8")

    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=60)

    assert [line for line in (said.stdout + said.stderr).splitlines() if unit.name in line] == []
    (options,) = re.findall(r"^ExecStart=\S+ (.*)$", text, flags=re.MULTILINE)
    with pytest.raises(click.UsageError, match="No such option '--no-such'"):
        group.main([*options.split(), "--no-such"], standalone_mode=False)
