"""One budget for many: processes on one account are never refused, and outlive each other and what keeps the budget."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest

from reconciler.emulator import Exchange, ServedEmulator
from reconciler.emulator.twelvelabs import app
from reconciler.http.budget import REQUESTS, Ask
from reconciler.http.purse import Keeper, KeeperLost
from reconciler.project import ProjectOptions, access
from reconciler.state import budget_file
from reconciler.state.budget_file import BudgetFile
from reconciler.state.budget_rows import BudgetRows
from reconciler.tariff import Limit
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

A_SECOND = 40
LEARNS, MANY = 1, 50


@dataclass
class Account:
    """An account that takes 40 uploads a second, and stacks that want more than that."""

    directory: Path
    served: ServedEmulator
    options: tuple[str, ...]
    """Where all runs keep what they share."""

    def stack(self, name: str, assets: int, head: str = "") -> Path:
        made = "".join(f"  a{number}: {{url: 'https://x.example/{name}-{number}.mp4'}}\n" for number in range(assets))
        (self.directory / name).mkdir()
        (self.directory / name / "stack.yaml").write_text(f"stack: {name}\nprovider: twelvelabs\n{head}assets:\n{made}")
        return self.directory / name

    def start(self, stack: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--endpoint", self.served.url]
        return subprocess.Popen(
            [*command, "--poll-interval", "0.05", *self.options, *options, str(stack)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TWELVELABS_API_KEY": "key-of-all", "NO_COLOR": "1", **variables},
        )

    def answers(self) -> Counter[int | None]:
        return Counter(it.status for it in self.served.emulator.journal.entries if it.route == "POST /assets")


def done(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return out + err


@contextmanager
def account(directory: Path, *options: str) -> Iterator[Account]:
    emulator = app(requests_per_second={"assets": A_SECOND})
    with ServedEmulator(emulator) as served:
        yield Account(directory, served, options)
    emulator.close()


@pytest.fixture(params=["a file", "PostgreSQL"])
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Account]:
    options = ("--state", request.getfixturevalue("postgres_url")) if request.param == "PostgreSQL" else ()
    with account(tmp_path, *options) as made:
        yield made


def test_processes_that_want_more_than_there_is_are_never_refused_and_one_that_is_killed_starves_none(
    limited: Account,
) -> None:
    done(limited.start(limited.stack("first", LEARNS)))  # what the API takes a second is learnt from its answers
    some_sent = threading.Event()
    doomed: list[str] = []

    def hear(it: Exchange) -> None:
        doomed.extend(["sent"] * (it.method == "POST" and b"/doomed-" in it.request_body))
        if len(doomed) >= 10:
            some_sent.set()

    limited.served.emulator.journal.listen(hear)
    killed = limited.start(limited.stack("doomed", MANY))
    others = [limited.start(limited.stack(name, MANY)) for name in ("archive", "live")]

    assert some_sent.wait(timeout=60)
    killed.kill()
    killed.communicate()
    for process in others:
        done(process)

    answers = limited.answers()
    assert answers.keys() == {201}, "40 a second, whoever sends them"
    assert 2 * MANY + LEARNS + 10 <= answers[201] < 3 * MANY + LEARNS


MINUTE = Limit(REQUESTS, 60, 60.0)


def ask(number: int, want: int = 8, stack: str = "a") -> Ask:
    return Ask(stack, stack, want, f"{stack}:{number}", limits=(MINUTE,))


@pytest.fixture(params=["a file", "PostgreSQL"])
def keepers(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Keeper, Keeper]:
    """Two processes' on one account."""
    if request.param == "a file":
        return BudgetFile(tmp_path, "x"), BudgetFile(tmp_path, "x")
    url = request.getfixturevalue("postgres_url")
    return BudgetRows(url, "x"), BudgetRows(url, "x")


def test_what_one_process_takes_another_does_not_get(keepers: tuple[Keeper, Keeper]) -> None:
    one, two = keepers
    assert list(one.known()) == []
    taken = sum(one.ask("index", ask(number)).amount for number in range(30))

    assert taken == 60
    assert list(two.known()) == ["index"]
    refused = two.ask("index", ask(1, stack="b"))
    assert (refused.amount, refused.others, refused.limit) == (0, True, MINUTE)
    assert 60 < refused.wait_s < 70
    assert two.ask("search", ask(2, stack="b")).amount == 8, "another bucket"
    one.close()
    two.close()


def test_many_who_ask_at_once_get_no_more_than_there_is(keepers: tuple[Keeper, Keeper]) -> None:
    got = Counter[str]()

    def greedy(stack: str, keeper: Keeper) -> None:
        for number in range(30):
            got[stack] += keeper.ask("index", ask(number, stack=stack)).amount

    threads = [threading.Thread(target=greedy, args=it) for it in zip("ab", keepers, strict=True)]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    assert sum(got.values()) == 60
    for keeper in keepers:
        keeper.close()


def test_questions_about_several_buckets_at_once_lose_nothing(keepers: tuple[Keeper, Keeper]) -> None:
    keeper = keepers[0]
    names = [f"bucket {number}" for number in range(8)]

    def asks(bucket: str) -> None:
        for number in range(5):
            assert keeper.ask(bucket, ask(number, 4)).amount == 4

    threads = [threading.Thread(target=asks, args=[name]) for name in names]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    left = {name: sum(keeper.ask(name, ask(number, 60)).amount for number in range(9, 30)) for name in names}
    assert left == dict.fromkeys(names, 40)
    for one in keepers:
        one.close()


def test_a_file_that_is_none_of_ours_begins_anew_and_one_that_cannot_be_had_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = BudgetFile(tmp_path / "budgets", "x")
    keeper.ask("index", ask(1))
    file = tmp_path / "budgets" / "x.json"
    assert file.stat().st_mode & 0o777 == 0o600
    for text in ("{", "[1]", '{"index": "[3]"}', json.dumps({"index": json.dumps({"windows": [[1]], "wishes": []})})):
        file.write_text(text)
        assert keeper.ask("index", ask(2)).amount == 8

    monkeypatch.setattr(budget_file, "PATIENCE_S", 0.01)
    with filelock.FileLock(tmp_path / "budgets" / "x.lock"), pytest.raises(KeeperLost, match="held by another run"):
        BudgetFile(tmp_path / "budgets", "x").ask("index", ask(3))
    with pytest.raises(KeeperLost, match=r"x\.json cannot be used \(File exists\)"):
        BudgetFile(file, "x").ask("index", ask(4))


def test_a_database_that_cannot_be_had_is_told_without_its_password() -> None:
    keeper = BudgetRows("postgresql://me:hidden@127.0.0.1:1/none", "x")
    for call in (keeper.known, lambda: keeper.ask("index", ask(1))):
        with pytest.raises(KeeperLost, match=r"the state's database: .*refused") as error:
            call()
        assert "hidden" not in str(error.value)


def test_a_run_goes_on_with_a_note_where_nothing_can_be_kept(tmp_path: Path) -> None:
    with account(tmp_path) as here:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "reconciler").write_text("no directory")
        said = done(here.start(here.stack("s", 2), XDG_CACHE_HOME=str(tmp_path / "cache")))

        assert said.count("note: the account's budget is not shared with other runs from here on: ") == 1
        assert here.answers() == {201: 2}


def test_a_budget_is_called_after_key_and_address_or_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def file_of(key: str, budget: str | None = None) -> str:
        keeper = access.keeper("twelvelabs", ProjectOptions(budget=budget), "https://a.example", key)
        assert isinstance(keeper, BudgetFile)
        return keeper.file.name

    assert file_of("one key") == file_of("one key") != file_of("another")
    assert "key" not in file_of("one key")
    assert file_of("one key", budget="acme") == file_of("another", budget="acme")
    monkeypatch.setenv("RECONCILER_BUDGET", "off")
    assert access.keeper("twelvelabs", ProjectOptions(), "https://a.example", "k") is None
    assert access.keeper("twelvelabs", ProjectOptions(emulator=True), "https://a.example", "k") is None
    rows = access.keeper(
        "twelvelabs", ProjectOptions(state="postgresql://h/d", budget="acme"), "https://a.example", "k"
    )
    assert isinstance(rows, BudgetRows)
