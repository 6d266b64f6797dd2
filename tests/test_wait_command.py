"""`apply --no-wait` and `wait` as two jobs have them: other processes, other machines, one account, one state."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.emulator import Exchange, ManualClock
from reconciler.schema import schemas
from reconciler.state import State
from tests.support.searched import searched
from tests.support.served import KEY, Place, place

URL = "https://media.example.com"
STACK = f"""\
stack: films
provider: twelvelabs
assets:
  final: {{url: "{URL}/final.mp4"}}
  semi: {{url: "{URL}/semi.mp4"}}
indexes:
  catalog:
    models: [{{name: marengo3.0, options: [visual]}}]
    assets: {{final: {{}}, semi: {{}}}}
"""
START = ("--auto-approve", "--no-wait")
MADE = Counter({"assets": 2, "indexes": 1, "indexed-assets": 2})


@pytest.fixture
def films(tmp_path: Path) -> Iterator[Place]:
    """An account that takes a minute for each status, by a clock of its own."""
    with place(tmp_path / "here", speed="real", clock=ManualClock(), default_seconds=60.0) as made:
        made.write({"stack.yaml": STACK})
        yield made


def pass_by(films: Place) -> None:
    films.served.emulator.clock.advance(3600)


def made(films: Place) -> Counter[str]:
    """What was asked for, by kind."""
    return Counter(it.rpartition("/")[2] for it in films.writes() if it.startswith("POST"))


def state_of(films: Place) -> str:
    return f"sqlite:///{films.directory}/.reconciler/state.db"


def elsewhere(films: Place, name: str = "elsewhere") -> Place:
    """Another machine, with the same files and the same state."""
    other = Place(films.directory.parent / name, films.served)
    other.directory.mkdir()
    other.write({"stack.yaml": STACK})
    return other


def fits(document: Any, name: str) -> Any:
    jsonschema.Draft202012Validator(schemas()[name]).validate(document)
    return document


def test_a_job_that_starts_and_jobs_that_look_come_to_the_whole_stack(films: Place) -> None:
    other = elsewhere(films)
    shared = ("--state", state_of(films))

    first = films.run("apply", *START)
    listed = films.offline("state", "list").out
    looked = other.run("wait", "--timeout", "0", *shared)
    pass_by(films)
    ready = other.run("wait", *shared)
    second = other.run("apply", *START, "--detailed-exitcode", *shared)
    planned = films.run("plan")
    pass_by(films)
    third = films.run("apply", *START, "--detailed-exitcode")

    assert [it.code for it in (first, looked, ready, second, third)] == [0, 9, 0, 9, 0], (first, ready, second, third)
    assert first.last_line.startswith("Applied: 1 object, 3 writes; 4 awaited. `reconciler wait`")
    assert len(re.findall(r"^assets/\w+  \w+  \(awaited since 20", listed, flags=re.MULTILINE)) == 2
    assert looked.last_line.startswith("Awaited: 0 ready, 0 failed, 2 awaited")
    assert ready.last_line == "Ready: 2 objects. The next apply goes on with what waited for it."
    assert planned.last_line == "No changes. films is in sync; 2 objects awaited."
    assert re.search(r"are not ready\s+yet \(awaited since 20\d\d-\d\d-\d\d \d\d:\d\d UTC\)", planned.out)
    assert made(films) == MADE
    assert films.run("plan", "--detailed-exitcode").last_line == "No changes. films is in sync."


def test_what_it_says_for_programs_is_as_the_schemas_say(films: Place) -> None:
    started = fits(films.run("apply", *START, "--format", "json").json, "report.json")
    planned = fits(films.run("plan", "--format", "json").json, "plan.json")
    looked = fits(films.run("wait", "--timeout", "0", "--format", "json").json, "wait.json")
    pass_by(films)
    ready = fits(films.run("wait", "--format", "json").json, "wait.json")

    assert started["result"] == "awaited"
    assert Counter(it["result"] for it in started["outcomes"]) == Counter(awaited=4, done=1)
    assert [it["address"] for it in planned["awaited"]] == ["assets/final", "assets/semi"]
    assert all(it["since"] and it["id"] for it in planned["awaited"])
    assert (looked["result"], ready["result"], ready["recorded"]) == ("awaited", "done", True)
    assert {it["result"] for it in ready["outcomes"]} == {"ready"}
    assert films.run("wait", "--format", "json").json["outcomes"] == []


def test_events_say_what_is_awaited(films: Place) -> None:
    films.run("apply", *START, "--json-events", "events.jsonl")

    lines = [json.loads(line) for line in (films.directory / "events.jsonl").read_text().splitlines()]

    for line in lines:
        fits(line, "event.json")
    assert {it["address"] for it in lines if it["type"] == "awaited"} >= {"assets/final", "indexes/catalog/assets/semi"}
    assert lines[-1]["report"]["result"] == "awaited"


def test_a_part_can_be_waited_for(films: Place) -> None:
    films.run("apply", *START)
    pass_by(films)

    part = films.run("wait", "--target", "assets/final", "--format", "json").json
    wrong = films.run("wait", "--target", "assets/finale")

    assert [it["address"] for it in part["outcomes"]] == ["assets/final"]
    assert [it["address"] for it in films.run("wait", "--format", "json").json["outcomes"]] == ["assets/semi"]
    assert (wrong.code, "did you mean assets/final?" in wrong.err) == (1, True)


def test_who_waits_keeps_no_other_run_and_is_kept_by_none(films: Place) -> None:
    films.run("apply", *START)
    pass_by(films)

    with closing(State.open(state_of(films), "films")) as state, state.lock("somebody's apply"):
        held = films.run("wait")
    said = films.run("wait", "--format", "json").json

    assert (held.code, held.last_line[:6]) == (0, "Ready:")
    assert "Not recorded, for stack 'films' is locked by" in held.err
    assert len(said["outcomes"]) == 2, "another run sees it again"
    assert said["recorded"]


def test_what_is_awaited_of_another_account_is_not_taken_for_failed(films: Place) -> None:
    films.run("apply", *START)

    said = films.run("wait", env={"TWELVELABS_API_KEY": "of-somebody-else"})

    assert said.code == 3
    assert "was begun with another key" in said.err


def test_a_saved_plan_is_gone_on_with(films: Place) -> None:
    films.run("plan", "-o", "plan.json")

    codes = []
    for _ in range(4):
        codes.append(films.run("apply", "plan.json", "--no-wait", "--detailed-exitcode").code)
        pass_by(films)

    assert codes == [9, 9, 0, 0]
    assert made(films) == MADE


def test_checks_are_run_when_nothing_is_awaited_any_more(films: Place) -> None:
    films.write({"stack.yaml": searched("films", ["final_goal", "lebron_dunks"], "[visual]", "{how: beside}", url=URL)})

    first = films.run("apply", *START, "--check")
    pass_by(films)
    second = films.run("apply", *START, "--check")
    pass_by(films)
    third = films.run("apply", *START, "--check")

    assert [it.code for it in (first, second, third)] == [0, 0, 0], third
    assert "Checks: not run" in first.err
    assert "Checks: not run" in second.err
    assert "checks/goals" in third.out


def test_what_is_made_beside_takes_the_place_when_all_of_it_is_ready(films: Place) -> None:
    names = ["final_goal", "lebron_dunks"]
    agreed = (*START, "--allow-replace", "*", "--allow-deletes")

    def write(options: str) -> None:
        films.write({"stack.yaml": searched("films", names, options, "{how: beside}", url=URL)})

    write("[visual]")
    for _ in range(3):
        films.run("apply", *START)
        pass_by(films)
    (old,) = films.objects("/indexes")
    write("[visual, audio]")

    first = films.run("apply", *agreed, "--format", "json").json
    serving = {it["index_name"] for it in films.objects("/indexes")}
    again = films.run("apply", *agreed)
    pass_by(films)
    last = films.run("apply", *agreed)

    outcome = next(it for it in first["outcomes"] if it["address"] == "indexes/catalog")
    assert (first["result"], outcome["result"]) == ("awaited", "awaited"), first
    assert "is not whole yet" in outcome["message"]
    assert "the old one serves on" in outcome["message"]
    assert {"catalog"} < serving
    assert (again.code, last.code) == (0, 0), last
    (new,) = films.objects("/indexes")
    assert (new["index_name"], new["_id"] != old["_id"]) == ("catalog", True)
    assert made(films) - Counter(search=99) == Counter({"assets": 2, "indexes": 2, "indexed-assets": 4})
    assert films.run("plan", "--detailed-exitcode").code == 0


def process(films: Place, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "reconciler", *command, "--endpoint", films.served.url, "--poll-interval", "0.01"],
        cwd=films.directory,
        env={**os.environ, "TWELVELABS_API_KEY": KEY, "NO_COLOR": "1", "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_after_any_create_the_next_job_goes_on_and_makes_nothing_twice(films: Place, nth: int) -> None:
    run: list[subprocess.Popen[str]] = []

    def killing(exchange: Exchange) -> None:
        if exchange.method == "POST" and sum(made(films).values()) == nth:
            run[0].send_signal(signal.SIGKILL)

    silence = films.served.emulator.journal.listen(killing)
    run.append(process(films, "apply", *START))
    run[0].communicate(timeout=60)
    silence()
    assert run[0].returncode == -signal.SIGKILL

    codes = []
    for _ in range(3):
        films.run("wait", "--timeout", "0")
        codes.append(films.run("apply", *START, "--detailed-exitcode").code)
        pass_by(films)

    assert codes == [9, 9, 0]
    assert made(films) == MADE
    assert films.run("plan", "--detailed-exitcode").last_line == "No changes. films is in sync."


@pytest.mark.parametrize("nth", [1, 2])
def test_what_an_apply_that_was_killed_was_waiting_for_is_awaited(films: Place, nth: int) -> None:
    """It wrote of no wait, for it waited itself; but what it has made the state knows as not seen yet."""
    run: list[subprocess.Popen[str]] = []
    looks: list[str] = []

    def killing(exchange: Exchange) -> None:
        """When it has made all that it can, and looks whether that is ready, for the nth time."""
        if exchange.method == "GET" and made(films)["assets"] == 2:
            looks.append(exchange.path)
        if len(looks) == nth:
            run[0].send_signal(signal.SIGKILL)

    silence = films.served.emulator.journal.listen(killing)
    run.append(process(films, "apply", "--auto-approve"))
    run[0].communicate(timeout=60)
    silence()
    assert run[0].returncode == -signal.SIGKILL

    looked = fits(films.run("wait", "--timeout", "0", "--format", "json").json, "wait.json")
    pass_by(films)
    ready = films.run("wait", "--format", "json")
    assert looked["result"] == "awaited", looked
    assert {it["address"] for it in looked["outcomes"]} | {*looked["unfinished"]} >= {"assets/final", "assets/semi"}
    assert all(it["since"] for it in looked["outcomes"])
    assert {it["result"] for it in ready.json["outcomes"]} <= {"ready"}
    assert ready.code == (9 if looked["unfinished"] else 0)

    codes = []
    for _ in range(3):
        codes.append(films.run("apply", *START, "--detailed-exitcode").code)
        pass_by(films)
    assert codes[-1] == 0
    assert made(films) == MADE
    assert films.run("wait", "--format", "json").json["outcomes"] == []


def test_what_only_an_apply_goes_on_with_is_named(films: Place) -> None:
    """A create whose answer was lost: nothing is known that could be waited for."""
    run: list[subprocess.Popen[str]] = []
    dropped = {"fault": "drop_after", "method": "POST", "path": "/assets", "count": 9}
    films.served.emulator.add_fault(dropped)

    def killing(exchange: Exchange) -> None:
        if exchange.method == "POST":
            run[0].send_signal(signal.SIGKILL)

    silence = films.served.emulator.journal.listen(killing)
    run.append(process(films, "apply", *START, "--target", "assets/final"))
    run[0].communicate(timeout=60)
    silence()
    films.served.emulator.clear_faults()

    said = films.run("wait", "--timeout", "0")
    told = fits(films.run("wait", "--timeout", "0", "--format", "json").json, "wait.json")
    part = films.run("wait", "--timeout", "0", "--target", "assets/semi")

    assert (said.code, told["unfinished"], told["outcomes"], told["result"]) == (9, ["assets/final"], [], "awaited")
    assert "unfinished assets/final: begun, and not made yet. `reconciler apply` goes on with it" in said.out
    assert said.last_line == "Awaited: nothing that can be waited for in films; 1 unfinished."
    assert (part.code, part.last_line) == (0, "Ready: nothing is awaited in films.")
    assert films.run("apply", *START).code == 0
    pass_by(films)
    assert films.run("wait").code == 0


def test_events_numbers_and_messages_say_what_became_of_it(films: Place) -> None:
    films.served.emulator.add_fault({"fault": "never_ready", "method": "POST", "path": "/assets", "count": 1})
    films.run("apply", *START)

    films.run("wait", "--timeout", "0", "--json-events", "looked.jsonl", "--metrics", "looked.prom")
    pass_by(films)
    on_stdout = films.run("wait", "--timeout", "0", "--json-events")

    lines = [json.loads(line) for line in (films.directory / "looked.jsonl").read_text().splitlines()]
    for line in [*lines, *(json.loads(line) for line in on_stdout.out.splitlines())]:
        fits(line, "event.json")
    assert [lines[0]["type"], lines[0]["command"], lines[-1]["type"]] == ["began", "reconciler wait .", "waited"]
    assert fits({**lines[-1]["waited"], "format_version": "1.0", "stack": "films"}, "wait.json")["result"] == "awaited"
    assert Counter(it["type"] for it in lines)["awaited"] == 2
    assert Counter(it["result"] for it in json.loads(on_stdout.out.splitlines()[-1])["waited"]["outcomes"]) == Counter(
        ready=1, awaited=1
    )
    numbers = (films.directory / "looked.prom").read_text()
    assert re.search(r'reconciler_last_exit_code\{.*command="wait".*\} 9', numbers), numbers


def test_it_shows_no_option_that_means_nothing_to_it(films: Place) -> None:
    assert "--parallelism" not in films.offline("wait", "--help").out
    assert "--parallelism" in films.offline("apply", "--help").out


def test_ctrl_c_ends_it_and_keeps_what_was_seen(films: Place) -> None:
    films.served.emulator.add_fault({"fault": "never_ready", "method": "POST", "path": "/assets", "count": 1})
    films.run("apply", *START)
    pass_by(films)
    run = process(films, "wait")
    assert run.stdout
    next(line for line in run.stdout if "ready assets/" in line)

    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)

    assert run.returncode == 130, out
    assert "Interrupted: 1 ready, 0 failed, 1 awaited." in out
    assert "Traceback" not in out
    assert len(films.run("wait", "--timeout", "0", "--format", "json").json["outcomes"]) == 1


def test_what_an_apply_was_waiting_for_when_it_was_interrupted_is_awaited(films: Place) -> None:
    run = process(films, "apply", "--auto-approve")
    assert run.stdout
    made_now = (line for line in run.stdout if re.search(r"create (assets|indexes)/", line))
    for _ in range(3):
        next(made_now)

    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)

    assert run.returncode == 130, out
    looked = films.run("wait", "--timeout", "0", "--format", "json").json
    assert [it["address"] for it in looked["outcomes"]] == ["assets/final", "assets/semi"], out
