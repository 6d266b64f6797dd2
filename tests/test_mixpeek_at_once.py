"""Two runs at the very same instant, each with a state of its own: what is promised then, and what is not.

Processes of the command line over a socket. No lock is between them, and a gate in front of the account lets no index
call through before both have looked and found nothing: the worst that two clocks can do.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from reconciler.emulator import Emulator, ServedEmulator
from reconciler.emulator.mixpeek import app
from tests.support.commandline import Said, reconciler
from tests.support.files import lay_out

STACK = """\
stack: films
provider: mixpeek
collections:
  example:
    external: true
    assets:
      car: {text: two people inside a car}
      clip: {url: "https://media.example.com/clip.mp4", video: []}
"""
MADE = ("collections/example/assets/car", "collections/example/assets/clip")
KEY = {"MIXPEEK_API_KEY": "k", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
BY_HAND = ("", "", "")


class Gate:
    """The account, behind a gate. Shut, it holds every index call until two runs have sent one of a text."""

    def __init__(self, emulator: Emulator) -> None:
        self.vendor, self._inner = emulator.vendor, emulator
        self.shut = False
        self.arrived = 0
        self._opened = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.shut and scope["type"] == "http" and scope["path"].startswith("/index/"):
            self.arrived += scope["path"] == "/index/text"
            if self.arrived == 2:
                self._opened.set()
            await self._opened.wait()
        await self._inner(scope, receive, send)


class SharedAccount:
    """One account over a socket, in which somebody has an asset of the very text that the stacks declare."""

    def __init__(self, emulator: Emulator, gate: Gate, url: str) -> None:
        self.emulator, self.gate = emulator, gate
        self.online = ("--endpoint", url, "--poll-interval", "0.01")
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer k"}, trust_env=False) as api:
            sent = {"collection_id": "example", "text": "two people inside a car"}
            task = api.post("/index/text", json=sent).json()["task_id"]
            while api.get(f"/tasks/{task}").json()["status"] != "DONE":
                pass

    def run(self, place: Path, *words: str) -> Said:
        return reconciler(*words, place, *self.online, env=KEY)

    def apply_at_once(self, *places: Path) -> list[tuple[int, str]]:
        """`reconciler apply` in both places, let through together; (exit code, what it said) of each."""
        self.gate.shut = True
        command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", *self.online]
        runs = [
            subprocess.Popen(
                [*command, str(place)],
                env={**os.environ, **KEY},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for place in places
        ]
        said = [run.communicate(timeout=60)[0] for run in runs]
        assert self.gate.arrived == 2, "both had looked before either had made anything"
        return [(run.returncode, text) for run, text in zip(runs, said, strict=True)]

    def made(self) -> Counter[tuple[str, str, str]]:
        """How often there is an asset of (stack, its id, address); all are "" of what has no mark."""
        rows = self.emulator.store.db.execute("SELECT doc FROM objects WHERE kind = 'asset'")
        marks = [json.loads(doc)["metadata"] for (doc,) in rows]
        words = ("reconciler_stack", "reconciler_id", "reconciler_key")
        return Counter((it.get(words[0], ""), it.get(words[1], ""), it.get(words[2], "")) for it in marks)

    def in_step(self, place: Path) -> None:
        said = self.run(place, "plan")
        assert "No changes." in said.out, said.out + said.err


@pytest.fixture
def account() -> Iterator[SharedAccount]:
    emulator = app(dimensions=8)
    gate = Gate(emulator)
    with ServedEmulator(cast(Any, gate)) as served:
        yield SharedAccount(emulator, gate, served.url)
    emulator.close()


def test_two_stacks_that_begin_at_once_in_one_collection_make_each_its_own_once(
    account: SharedAccount, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    lay_out(one, {"stack.yaml": STACK})
    lay_out(two, {"stack.yaml": STACK.replace("stack: films", "stack: others")})

    said = account.apply_at_once(one, two)

    assert [code for code, _ in said] == [0, 0], said
    made = account.made()
    assert set(made.values()) == {1}
    expected = {("", ""), *((stack, key) for stack in ("films", "others") for key in MADE)}
    assert {(stack, key) for stack, _, key in made} == expected
    account.in_step(one)
    account.in_step(two)
    gone = account.run(one, "destroy", "--auto-approve")
    assert gone.code == 0, gone.out + gone.err
    assert {stack for stack, _, _ in account.made()} == {"", "others"}
    account.in_step(two)


def test_one_stack_begun_twice_at_once_has_a_set_for_each_state_says_so_and_takes_a_decision(
    account: SharedAccount, tmp_path: Path
) -> None:
    """No client can close this: two states that were never one have ids of their own, and neither sees the other."""
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        lay_out(place, {"stack.yaml": STACK})

    said = account.apply_at_once(one, two)

    assert [code for code, _ in said] == [0, 0], said
    made = account.made()
    assert set(made.values()) == {1}, "each state has made each of its assets once"
    ids = {id for _, id, _ in made} - {""}
    assert len(ids) == 2
    for place in (one, two):
        plan = account.run(place, "plan").out
        assert "2 objects are of another stack 'films', or of another state of this one" in " ".join(plan.split())
        assert "No changes." in plan
        told = account.run(place, "state", "duplicates").out
        assert [f"{address}: 2 objects" in told for address in MADE] == [True, True]

    assert account.run(one, "state", "duplicates", "--keep", "recorded").code == 0
    decided = account.run(one, "apply", "--auto-approve")

    assert decided.code == 0, decided.out + decided.err
    assert sorted(key for _, _, key in account.made()) == ["", *MADE]
    assert account.made()[BY_HAND] == 1
    account.in_step(one)


def test_a_copied_state_makes_an_address_once_and_a_text_twice_at_the_same_instant_which_the_next_plan_refuses(
    account: SharedAccount, tmp_path: Path
) -> None:
    """A checkout that is copied with its state has the same id. The platform itself then knows the address again, and
    the asset is both's; of a text it knows nothing. What is there twice is not passed over, and not deleted either."""
    one, two = tmp_path / "one", tmp_path / "two"
    lay_out(one, {"stack.yaml": f"{STACK.partition('      car')[0]}      before: {{text: b}}\n"})
    assert account.run(one, "apply", "--auto-approve").code == 0
    shutil.copytree(one, two)
    for place in (one, two):
        lay_out(place, {"stack.yaml": f"{STACK}      before: {{text: b}}\n"})

    said = account.apply_at_once(one, two)

    assert [code for code, _ in said] == [0, 0], said
    count = Counter(key.rpartition("/")[2] for _, _, key in account.made().elements())
    assert count == {"": 1, "before": 1, "clip": 1, "car": 2}
    for place in (one, two):
        refused = account.run(place, "plan")
        assert refused.code == 3
        assert "collections/example/assets/car@" in refused.err
        assert "--allow-deletes" in refused.err

    assert account.run(one, "state", "duplicates", "--keep", "recorded").code == 0
    decided = account.run(one, "apply", "--auto-approve")

    assert decided.code == 0, decided.out + decided.err
    assert Counter(key.rpartition("/")[2] for _, _, key in account.made().elements()) == dict.fromkeys(count, 1)
    account.in_step(one)
    account.in_step(two)
