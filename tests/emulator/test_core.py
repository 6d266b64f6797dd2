"""What all emulated APIs share: it knows no vendor, and serves one that nobody has heard of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import VENDORS, Emulator, factory, transport
from reconciler.emulator.core.endpoints import Api, Arrival, EndpointFamily, Reply, Route
from reconciler.emulator.core.options import CoreOptions
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Selection
from reconciler.emulator.core.vendor import Unserved, Vendor
from reconciler.emulator.core.walks import StatusWalk
from tests.support.commandline import CHECKOUT

CORE = CHECKOUT / "reconciler" / "emulator" / "core"
THEIRS = re.compile(
    r"twelve.?labs|mixpeek|marengo|pegasus|x-api-key|v1\.3|page_info|user_metadata|knowledge|\bhls\b|transcription\b"
    r"|\b(asset|entity|entities|indexed|namespace|bucket_id|retriever)s?\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_core_has_no_word_of_a_vendor(path: Path) -> None:
    said = [line for line in path.read_text(encoding="utf-8").splitlines() if THEIRS.search(line)]

    assert said == []


class Unlimited:
    """Of a vendor that counts nothing."""

    def take(self, account: str, bucket: str | None, options: Any, envelope: str) -> dict[str, str]:
        return {"X-Left": "many"}

    def spend(self, account: str, family: str, unit: str, amount: float, options: Any) -> None: ...

    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ChoirOptions(CoreOptions):
    """One that only this vendor has."""

    loud: bool = False


def sing(call: Arrival) -> Reply:
    song = call.store.insert("song", {}, status=call.walker.start("song"), walking=True)
    return Reply(202, {"song": song.id, "volume": 2.0 if call.options == ChoirOptions(loud=True) else 1.0})


def songs(call: Arrival) -> Reply:
    rows, total = call.listed(Selection("song"), 1, 100)
    return Reply(200, {"songs": call.tweaked([{"state": row.status} for row in rows]), "of": total})


def unserved(why: Unserved, what: str) -> ApiProblem:
    return ApiProblem(400 if why == "wrong method" else 418, why.upper(), what)


def envelope(problem: ApiProblem, usual: str) -> object:
    return {"detail": [problem.code, problem.message]}


def make_limiter(now: Callable[[], float]) -> Unlimited:
    return Unlimited()


CHOIR = Vendor(
    name="choir",
    api=Api("/v9", "Authorization", {"X-Choir": "yes"}, key_scheme="Bearer"),
    families=(
        EndpointFamily(
            name="songs",
            routes=(Route("POST", "/songs", sing), Route("GET", "/songs", songs)),
            walks={"song": StatusWalk(("humming",), end="sung", failed=None)},
        ),
    ),
    options=ChoirOptions(),
    arrival=Arrival,
    unserved=unserved,
    envelope=envelope,
    limiter=make_limiter,
)


def asked(emulator: Emulator, method: str, path: str, **headers: str) -> httpx.Response:
    return asyncio.run(_asked(emulator, method, path, headers))


async def _asked(emulator: Emulator, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(transport=transport(emulator), base_url="http://emulator/v9") as client:
        return await client.request(method, path, headers=headers)


def test_a_vendor_has_its_own_key_words_and_numbers() -> None:
    emulator = Emulator(CHOIR, keys={"k": "", "other": "elsewhere"}, loud=True)
    key = {"Authorization": "Bearer k"}

    made = asked(emulator, "POST", "/songs", **key)

    assert (made.status_code, made.headers["x-choir"], made.headers["x-left"]) == (202, "yes", "many")
    assert '"volume":2.0' in made.text
    states = [asked(emulator, "GET", "/songs", **key).json() for _ in range(2)]
    assert states == [{"songs": [{"state": "humming"}], "of": 1}, {"songs": [{"state": "sung"}], "of": 1}]
    assert asked(emulator, "GET", "/songs", Authorization="Bearer other").json()["of"] == 0
    for shown in ("k", "Basic k", "Bearer nobody"):
        assert asked(emulator, "GET", "/songs", Authorization=shown).json() == {"detail": ["BAD KEY", ""]}


def test_a_vendor_says_in_its_own_words_what_it_does_not_serve() -> None:
    emulator = Emulator(CHOIR)
    key = {"Authorization": "Bearer any"}

    nowhere, wrong = (asked(emulator, *what, **key) for what in (("GET", "/dances"), ("PUT", "/songs")))

    assert (nowhere.status_code, nowhere.json()) == (418, {"detail": ["NO ENDPOINT", ""]})
    assert (wrong.status_code, wrong.headers["allow"]) == (400, "GET, POST")
    emulator.add_fault({"fault": "rate_limit", "path": "/songs", "count": 1})
    limited = asked(emulator, "GET", "/songs", **key)
    assert (limited.status_code, limited.json()["detail"][0]) == (429, "too_many_requests")


def test_options_of_another_vendor_are_unknown() -> None:
    with pytest.raises(ValueError, match="unknown option 'chunk_size'"):
        Emulator(CHOIR, chunk_size=5)


def test_every_vendor_has_a_factory() -> None:
    for name in VENDORS:
        emulator = factory(name)()
        assert emulator.vendor.name == name
        emulator.close()

    with pytest.raises(KeyError):
        factory("nobody")
