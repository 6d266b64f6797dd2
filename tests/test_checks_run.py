"""Checks against an account: what they find and cost, what is kept of that, and what a worse index does to them."""

from __future__ import annotations

import asyncio
import heapq
import shlex
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reconciler.checking import run_checks
from reconciler.checks import Checked
from reconciler.emulator.core.clock import ManualClock
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.model import CheckScore
from reconciler.searching import Searching
from reconciler.state import State
from tests.support.commandline import CHECKOUT, Said
from tests.support.running import Bench, done
from tests.support.served import Place, place

IDLE = 50
"""So many turns of the loop and nobody who is awake has anything to do."""
URL = "https://media.example.com"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000800000008008020000004c5cf69c")
NAMES = ("lebron_dunks", "curry_threes", "final_goal", "press_talk")
STACK = f"""\
stack: films
provider: twelvelabs
assets:
{"".join(f'  {name}: {{url: "{URL}/{name}.mp4"}}{chr(10)}' for name in NAMES)}\
indexes:
  catalog:
    models: [{{name: marengo3.0}}]
    assets: {{{", ".join(f"{name}: {{}}" for name in NAMES)}}}
checks:
  goals:
    in: indexes/catalog
    k: 2
    options: [visual]
    floors: {{recall: 0.9}}
    allow: {{mrr: 0.1}}
    queries:
      dunk: {{text: a dunk, expect: [lebron_dunks]}}
      goal: {{text: the goal of the final, expect: [{{asset: final_goal, from: 0, to: 90000}}]}}
      three: {{text: threes by curry, expect: [curry_threes]}}
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("checked")) as made:
        made.write({"stack.yaml": STACK})
        assert made.apply().code == 0
        yield made


@pytest.fixture(autouse=True)
def as_it_was(films: Place) -> Iterator[None]:
    """Nothing forgotten, no baseline, the stack as above."""
    yield
    forget(films)
    films.write({"stack.yaml": STACK})
    with state(films) as it:
        it._store.connection.exec_driver_sql("DELETE FROM reconciler_checks")
        it._store.connection.commit()


class state:
    """The state of the place, open for a while."""

    def __init__(self, films: Place) -> None:
        self.opened = State.open(f"sqlite:///{films.directory / '.reconciler' / 'state.db'}", "films")

    def __enter__(self) -> State:
        return self.opened

    def __exit__(self, *_: object) -> None:
        self.opened.close()


def forget(films: Place, *words: str) -> None:
    emulator = films.served.emulator
    emulator.set_options({"forgotten": {"catalog": list(words)} if words else {}})


def baseline(films: Place) -> list[CheckScore]:
    with state(films) as it:
        return it.baselines()


def searches(films: Place) -> int:
    return sum(it == "POST /search" for it in films.writes())


def test_a_check_that_passes_says_what_it_found_and_is_the_baseline_from_then_on(films: Place) -> None:
    before = searches(films)
    said = films.run("check")

    assert said.code == 0, said
    assert "checks/goals  passed  (3 queries of indexes/catalog, first 2 hits)" in said.out
    assert "found 1 of 1; final_goal " in said.out
    assert said.last_line == "Checks: 1 passed, 0 failed; 3 queries."
    assert "3 queries ≈ 0.01 USD (prices: of 2026-06, third parties, not the vendor); billed by query" in said.err
    assert searches(films) - before == 3
    assert [row.values["recall"] for row in baseline(films)] == [1.0, 1.0, 1.0]


def test_a_worse_index_fails_with_8_and_lowers_no_baseline(films: Place) -> None:
    assert films.run("check").code == 0
    good = baseline(films)
    forget(films, "dunks", "curry", "threes")

    said = films.run("check", "--format", "json")

    assert said.code == 8
    (check,) = said.json["checks"]
    assert not check["passed"] and not said.json["passed"]
    assert "below the floor of 0.9" in check["failures"][0] and "it may lose 0.1" in check["failures"][1]
    assert check["not_by_this_stack"] is True  # nothing of ours has changed: the platform's model has
    assert {query["name"]: bool(query["missed"]) for query in check["queries"]}["goal"] is False
    assert baseline(films) == good

    forget(films)
    assert films.run("check").code == 0
    assert baseline(films) == good


def test_what_this_stack_changed_is_not_said_to_be_anothers_doing(films: Place) -> None:
    assert films.run("check").code == 0
    films.write({"stack.yaml": STACK.replace("press_talk: {}", "press_talk: {metadata: {about: a dunk}}")})
    assert films.apply().code == 0
    forget(films, "dunks")

    (check,) = films.run("check", "--format", "json").json["checks"]

    assert not check["passed"] and check["not_by_this_stack"] is False
    films.write({"stack.yaml": STACK})
    assert films.apply().code == 0


def test_only_who_says_so_records_a_worse_run(films: Place) -> None:
    assert films.run("check").code == 0
    forget(films, "dunks")
    assert films.run("check", "--record").code == 8
    assert sorted(row.values["recall"] for row in baseline(films)) == [0.0, 1.0, 1.0]


def test_a_query_that_is_new_joins_the_baseline_and_the_others_stay(films: Place) -> None:
    assert films.run("check").code == 0
    good = {row.query: row for row in baseline(films)}
    more = "      talk: {text: press talk, expect: [press_talk]}\n"
    films.write({"stack.yaml": STACK + more})
    said = films.run("check", "--format", "json")
    assert said.code == 0
    assert "1 of 4 queries is not in the baseline" in said.json["checks"][0]["warnings"][1]
    films.write({"stack.yaml": STACK + more + "      more: {text: press talk there, expect: [press_talk]}\n"})
    assert films.run("check", "-o", "checks.txt").code == 0
    text = (films.directory / "checks.txt").read_text()
    assert "was 1.000 of 4 queries" in text and text.endswith("5 queries.\n")
    after = {row.query: row for row in baseline(films)}
    assert len(after) == 5 and all(after[query] == row for query, row in good.items())


def test_a_picture_with_other_bytes_is_compared_with_nothing(films: Place) -> None:
    query = "kit: {image: kit, expect: [final_goal]}"
    with_kit = STACK.replace("assets:\n", "assets:\n  kit: {file: kit.png}\n", 1).replace(
        "queries:\n", f"queries:\n      {query}\n"
    )
    films.write({"kit.png": PNG + b"home", "stack.yaml": with_kit})
    assert films.run("check", "--record").code in (0, 8)
    assert "not in the baseline" not in films.run("check").out
    films.write({"kit.png": PNG + b"away"})
    assert "warning: 1 of 4 queries is not in the baseline, and is compared with nothing" in films.run("check").out


def test_warned_of_is_not_failed(films: Place) -> None:
    films.write({"stack.yaml": STACK.replace("    allow: {mrr: 0.1}\n", "    warn: true\n")})
    forget(films, "dunks")
    said = films.run("check")
    assert said.code == 0
    assert "warning: recall is 0.667, below the floor of 0.9" in said.out


def test_reports_name_what_was_found_and_missed(films: Place, tmp_path: Path) -> None:
    forget(films, "dunks")
    reports = {}
    for form in ("junit", "markdown", "html"):
        said: Said = films.run("check", "--format", form, "-o", tmp_path / form)
        assert said.code == 8
        assert said.out == "Checks: 0 passed, 1 failed; 3 queries.\n"
        reports[form] = (tmp_path / form).read_text()
    suites = ElementTree.fromstring(reports["junit"])
    cases = {case.get("name"): case.find("failure") for case in suites.iter("testcase")}
    assert {name: failure is not None for name, failure in cases.items()} == {
        "verdict": True,
        "dunk": True,
        "goal": False,
        "three": False,
    }
    assert suites.get("failures") == "2" and suites.get("tests") == "4"
    assert cases["dunk"] is not None
    assert "missed lebron_dunks" in cases["dunk"].get("message", "")
    assert "missed lebron_dunks" in (cases["dunk"].text or "").splitlines()
    assert "dunk: found 0 of 1; missed lebron_dunks" in reports["markdown"]
    assert "| recall | 0.667 |" in reports["markdown"]
    assert "<td>missed</td>" in reports["html"] and "<img" not in reports["html"]


def test_a_check_can_be_named_and_a_wrong_name_is_told(films: Place) -> None:
    other = "  other: {in: indexes/catalog, queries: {q: {text: press talk, expect: [press_talk]}}}\n"
    films.write({"stack.yaml": STACK + other})
    assert [it["address"] for it in films.run("check", "o*", "--format", "json").json["checks"]] == ["checks/other"]
    said = films.run("check", "goal")
    assert said.code == 1
    assert "there is no check goal; there are: goals, other" in said.err


def test_apply_runs_the_checks_when_it_is_asked_to(films: Place) -> None:
    assert films.apply("--check").code == 0
    forget(films, "dunks")
    said = films.apply("--check")
    assert said.code == 8 and "checks/goals  FAILED" in said.out
    assert films.apply().code == 0
    said = films.apply("--check", "--format", "json")
    assert said.code == 8 and said.json["checks"][0]["passed"] is False and said.json["result"] == "done"


def test_before_it_is_applied_it_says_what_to_do(tmp_path: Path) -> None:
    with place(tmp_path) as fresh:
        fresh.write({"stack.yaml": STACK})
        said = fresh.run("check")
        assert said.code == 1
        assert "checks/goals, query dunk: indexes/catalog is not made yet: run `reconciler apply` first" in said.err
        assert not any(it == "POST /search" for it in fresh.writes())
        assert "Checks when that is done: 3 queries ≈ 0.01 USD" in fresh.apply("--check").out


def test_the_example_passes_and_takes_the_query_that_its_page_writes(tmp_path: Path) -> None:
    with place(tmp_path) as shop:
        example = CHECKOUT / "examples" / "search-checks"
        shop.write({"stack.yaml": (example / "stack.yaml").read_text()})
        (line,) = [it for it in (example / "README.md").read_text().splitlines() if it.startswith("reconciler search")]
        assert shop.apply("--check").code == 0
        assert shop.run(*(word for word in shlex.split(line)[1:] if word != "--emulator")).code == 0
        assert "press-talk  found 1 of 1; press_talk" in shop.run("check").out


class Both:
    """One time for who asks and for the account: it passes when nobody has anything to do, up to who wakes next."""

    def __init__(self, account: ManualClock) -> None:
        self.account, self.time_s = account, 0.0
        self.due: list[float] = []

    def now(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        wakes = self.time_s + seconds
        heapq.heappush(self.due, wakes)
        for _ in range(IDLE):
            await asyncio.sleep(0)
        while self.time_s < wakes:
            if self.due[0] == wakes:
                self.account.advance(wakes - self.time_s)
                self.time_s = wakes
            await asyncio.sleep(0)
        self.due.remove(wakes)
        heapq.heapify(self.due)


def test_200_queries_are_one_request_a_query_and_page_as_fast_as_the_api_takes_them(tmp_path: Path) -> None:
    account = ManualClock()
    clock = Both(account)
    bench = Bench(tmp_path, app(clock=account), clock=lambda: clock)
    names = [f"film{number}" for number in range(20)]
    members = ", ".join(f"{name}: {{}}" for name in names)
    queries = "".join(f"      q{n}: {{text: film{n % 20}, expect: [film{n % 20}]}}\n" for n in range(200))
    bench.write(
        {
            "stack.yaml": "stack: s\nprovider: twelvelabs\nassets:\n"
            + "".join(f'  {name}: {{url: "{URL}/{name}.mp4"}}\n' for name in names)
            + f"indexes: {{all: {{models: [{{name: marengo3.0}}], assets: {{{members}}}}}}}\n"
            + f"checks:\n  many:\n    in: indexes/all\n    k: 60\n    queries:\n{queries}"
        }
    )
    done(bench)
    bench.emulator.store.db.execute("UPDATE objects SET doc = json_set(doc, '$.media.duration', 12)")
    bench.emulator.set_options({"requests_per_minute": {"search": 60}, "forgotten": {"all": names}})
    bench.emulator.journal.clear()
    began = clock.time_s

    async def go(session: Session) -> list[Checked]:
        searches = session.drivers.provider.searches
        assert searches is not None
        ids = {row.address: row.id for row in session.state.recorded()}
        searching = Searching(session.stack, session.drivers.kinds, searches(session.drivers.hands), ids)
        return await run_checks(searching, session.stack.checks.values())

    (outcome,) = bench.run(go)

    # Each word is forgotten, so that a question finds clips of all films: 20 of two clips each, one page of 50.
    assert {len(answer.hits) for answer in outcome.answers} == {40}
    log = [entry for entry in bench.emulator.journal.entries if entry.path.startswith("/v1.3/search")]
    answered = [entry for entry in log if entry.status == 200]
    refused = [entry for entry in log if entry.status == 429]
    assert len(answered) == 200 and len(answered) + len(refused) == len(log)
    assert len(refused) <= 4 * 12  # what was under way together, once a minute
    assert clock.time_s - began < 5 * 60  # 200 at 60 a minute, and no more than a minute lost
    assert [row.missed for row in outcome.answers] == [()] * 200


def test_a_page_more_is_a_request_more_and_none_is_read_that_nobody_needs(films: Place) -> None:
    def requests(k: int) -> tuple[int, int]:
        films.write({"stack.yaml": STACK.replace("    k: 2\n", f"    k: {k}\n")})
        before = [entry.method for entry in films.served.emulator.journal.entries if "/search" in entry.path]
        films.run("check", "goals")
        after = [entry.method for entry in films.served.emulator.journal.entries if "/search" in entry.path]
        new = after[len(before) :]
        return new.count("POST"), new.count("GET")

    assert requests(1) == (3, 0)
    assert requests(50) == (3, 0)
