"""Whole commands against a server that lies: an error with words or a right result, and nobody else's loss.

What a server says of values cannot be checked: one that tells another name, or another object's id, is believed. Such
lies are told too, and nothing may break on them; but what follows from them is the server's, so the result is judged
only where every lie could be seen.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import httpx
import pytest

from reconciler.emulator import Emulator, transport
from reconciler.emulator.twelvelabs import app
from tests.fuzz import bounded, damaged, inputs
from tests.support.commandline import Said, reconciler
from tests.support.running import NoTime

KEY = "tlk_5up3rS3cr3tK3y"
SECONDS = 6.0
"""A command and the honest ones after it."""
STACK = """\
stack: archive
provider: twelvelabs
assets:
  final: {url: "https://example.com/final.mp4", metadata: {season: 2024, league: nba}}
  shot: {file: shot.png, filename: shot.png}
  old: {url: "https://example.com/old.mp4"}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets: {final: {metadata: {rating: 9.3}}, old: {}}
entity_collections:
  players:
    description: Everyone
    entities:
      lebron: {name: LeBron, assets: [shot], metadata: {team: Lakers}}
      jordan: {name: Jordan, assets: [shot]}
"""
LATER = (
    STACK.replace("season: 2024", "season: 2025")
    .replace('  old: {url: "https://example.com/old.mp4"}\n', "")
    .replace(", old: {}", ", new: {}")
    .replace("indexes:", '  new: {url: "https://example.com/new.mp4"}\nindexes:')
    .replace("      jordan: {name: Jordan, assets: [shot]}\n", "      magic: {name: Magic, assets: [shot]}\n")
    .replace("description: Everyone", "description: Anyone")
)
MODEL = {"model_name": "marengo3.0", "model_options": ["visual"]}
FOREIGN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/assets", {"files": {"method": (None, "url"), "url": (None, "https://example.com/theirs.mp4")}}),
    ("/indexes", {"json": {"index_name": "theirs", "models": [MODEL]}}),
    ("/entity-collections", {"json": {"name": "theirs"}}),
)
AGREED = ("--auto-approve", "--allow-deletes", "--allow-replace", "*", "--allow-cost")
COMMANDS = (
    ("plan", "--detailed-exitcode"),
    ("plan", "--format", "json", "--detailed-exitcode"),
    ("apply", *AGREED),
    ("apply", *AGREED),
    ("apply", *AGREED),
    ("apply", *AGREED, "--adopt", "--format", "json"),
    ("drift", "--unmanaged"),
    ("drift", "--format", "html"),
    ("destroy", "--auto-approve", "--allow-deletes"),
    ("state", "rebuild"),
)


def _picture(side: int = 256) -> bytes:
    """A PNG, all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(side)) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


KNOWN = {0, 1, 2, 3, 5, 6, 7}
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 1.5, 10**15 + 1, 10**40, "", " ", "x", "..", "a/b?c#d", "\x1b]0;x\x07"),
    *(
        "y" * 5000,
        "\u202e",
        "::error::x",
        "2026-13-45",
        [],
        {},
        [None],
        [[]],
        {"a": {"b": [1]}},
        ["x", 5],
        {"": ""},
        KEY,
        f"x{KEY}",
    ),
)
RAW = ("1e999", "NaN", "-Infinity", "9" * 400, "[" * 500 + "]" * 500, '{"a":' * 400, '"\\ud800"', '"\\u0000"')
STORED = frozenset({"user_metadata", "metadata"})
"""What people store may be anything."""
REFUSALS = (302, 401, 403, 409, 422, 429)


@dataclass
class Liar(httpx.AsyncBaseTransport):
    """The account behind a server that answers some requests with something else. What each request gets follows
    from the seed and from what it asks for, whatever else is under way."""

    inner: httpx.AsyncBaseTransport
    seed: str
    rate: float
    all_is_seen: bool
    """Only what can be seen to be wrong, or harms nobody."""
    asked: dict[str, int] = field(default_factory=dict)
    lies: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"]("http11.send_request_headers.started", {})
        what = f"{request.method} {request.url.path}"
        self.asked[what] = self.asked.get(what, 0) + 1
        random = Random(f"{self.seed}/{what}/{self.asked[what]}")
        lies = random.random() < self.rate
        self.lies += lies
        if lies and random.random() < 0.2:  # refused, and not done
            status, body = random.choice(REFUSALS), random.choice(ENVELOPES)
            return httpx.Response(status, headers=random.choice(HEADERS), stream=_Pieces(body), request=request)
        honest = await self.inner.handle_async_request(request)
        body, status, headers = await honest.aread(), honest.status_code, {"content-type": "application/json"}
        if lies:
            status, more, body = (_seen if self.all_is_seen else _any)(random, status, body)
            headers |= more
        return httpx.Response(status, headers=headers, stream=_Pieces(body), request=request)


def _seen(random: Random, status: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Another answer, of which nothing can be believed that is not so."""
    match random.randrange(6):
        case 0:
            return random.choice((500, 502, 503)), {}, random.choice((b"", *ENVELOPES))
        case 1:
            return random.choice((200, 201, 500)), {}, random.choice(ENVELOPES[2:])
        case 2:
            return status, random.choice(HEADERS), body
        case 3:
            encoding = random.choice(("gzip", "br", "x"))
            return status, {"content-encoding": encoding}, random.choice((body, gzip.compress(body)[:-5]))
        case 4:
            return status, {}, body[: random.randrange(len(body))] if len(body) > 2 else body
    return status, {}, _changed_json(random, body, _of_another_type)


def _any(random: Random, status: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Any other answer."""
    match random.randrange(6):
        case 0:
            return status, {}, damaged(body, random)
        case 1:
            return random.choice((200, 201, 204, 302, 400, 404, 409, 422, 500)), random.choice(HEADERS), body
        case 2:
            return random.choice((200, 400, 404)), {}, random.choice((b"", *ENVELOPES))
    return status, {}, _changed_json(random, body, _otherwise)


Change = Callable[[Random, Any, str], Any]


def _changed_json(random: Random, body: bytes, change: Change) -> bytes:
    """The same JSON with a few values changed; numbers and texts that JSON does not know may stand in it."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    for _ in range(random.choice((1, 1, 2, 5))):
        value = _deep_down(random, value, "", change)
    text = json.dumps(value)
    for number, raw in enumerate(RAW):
        text = text.replace(f'"raw{number}"', raw)
    return text.encode()


def _deep_down(random: Random, value: Any, key: str, change: Change) -> Any:
    if isinstance(value, dict) and value and (key not in STORED or change is _otherwise) and random.random() < 0.9:
        name = random.choice(list(value))
        return {**value, name: _deep_down(random, value[name], name, change)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], _deep_down(random, value[at], key, change), *value[at + 1 :]]
    return change(random, value, key)


def _of_another_type(random: Random, value: Any, key: str) -> Any:
    if value is None:
        return value
    odd = random.choice([odd for odd in ODD if odd is not None and type(odd) is not type(value)])
    return f"raw{random.randrange(len(RAW))}" if random.random() < 0.1 and not isinstance(value, str) else odd


def _otherwise(random: Random, value: Any, key: str) -> Any:
    if isinstance(value, list) and value and random.random() < 0.5:
        return random.choice((value[1:], value * 2, value[::-1]))
    if isinstance(value, dict) and value and random.random() < 0.5:
        gone = random.choice(list(value))
        return {name: item for name, item in value.items() if name != gone}
    return f"raw{random.randrange(len(RAW))}" if random.random() < 0.1 else random.choice(ODD)


ENVELOPES = tuple(
    json.dumps(body).encode()
    for body in (
        {"code": "resource_not_exist", "message": KEY},
        {"code": "endpoint_not_exists", "message": "x"},
        {"error": {"code": "internal_error", "message": {"a": 1}}},
        {"message": [{"loc": 5}, {"loc": ["a", 5], "msg": None}, 7]},
        {"error": ["x"]},
        {"detail": {"a": [KEY]}},
        [KEY],
        KEY,
    )
)
HEADERS = (
    {"content-type": "text/plain; charset=rot13"},
    {"content-type": "application/json; charset=undefined"},
    {"content-type": "text/html"},
    {"location": f"https://x.example/{KEY}"},
    {"location": "http://[::1"},
    {"retry-after": "nan"},
    {"retry-after": "99999"},
    {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "inf"},
    {"set-cookie": f"a={KEY}", "etag": '"\\"'},
    {"content-length": "5"},
)


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), 4096):
            yield self._body[at : at + 4096]


@dataclass(frozen=True)
class Site:
    """A directory with a stack, its state, and the account."""

    directory: Path

    @contextmanager
    def emulator(self) -> Iterator[Emulator]:
        emulator = app(self.directory / "account.db")
        try:
            yield emulator
        finally:
            emulator.close()

    def run(
        self, emulator: Emulator, *args: str, seed: str = "", rate: float = 0.0, all_is_seen: bool = False
    ) -> tuple[Said, Liar]:
        """A command; with a rate, that of the answers that are lies."""
        liar = Liar(transport(emulator), seed, rate, all_is_seen)
        command = args[:2] if args[0] == "state" else args[:1]
        network = mock.patch("reconciler.http.ByEnvironment", lambda keep_s: liar)
        with network, mock.patch("reconciler.http.SystemClock", NoTime):
            said = reconciler(
                *command,
                self.directory / "stack",
                *args[len(command) :],
                "--endpoint=http://127.0.0.1:9/v1.3",
                env={"TWELVELABS_API_KEY": KEY, "NO_COLOR": "1"},
            )
        return said, liar

    def copied(self, to: Path) -> Site:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.directory, to)
        return Site(to)


def everything(emulator: Emulator) -> dict[str, str]:
    """Every object that is there: id → what is said of it."""
    return {id: f"{name} {doc}" for id, name, doc in emulator.store.db.execute("SELECT id, name, doc FROM objects")}


@dataclass(frozen=True)
class Sites:
    """Where a run may begin: with nothing, with all in order, and with much to do."""

    places: dict[str, Site]
    theirs: dict[str, str]
    """Somebody else's objects, that nothing may happen to."""
    count: dict[str, int]
    """How many objects there are, when all is in order."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    root = tmp_path_factory.mktemp("sites")
    first = Site(root / "first")
    stack = first.directory / "stack"
    stack.mkdir(parents=True)
    (stack / "stack.yaml").write_text(STACK)
    (stack / "shot.png").write_bytes(_picture())
    with first.emulator() as emulator:
        asyncio.run(_make_theirs(emulator))
        theirs = everything(emulator)
    done = first.copied(root / "done")
    counts = {"first": _in_order(done)}
    later = done.copied(root / "later")
    (later.directory / "stack" / "stack.yaml").write_text(LATER)
    counts |= {"done": counts["first"], "later": _in_order(later.copied(root / "last"))}
    return Sites({"first": first, "done": done, "later": later}, theirs, counts)


def _in_order(site: Site) -> int:
    with site.emulator() as emulator:
        for command in (("apply", *AGREED), ("plan", "--detailed-exitcode")):
            said, _ = site.run(emulator, *command)
            assert said.code == 0, said
        return len(everything(emulator))


async def _make_theirs(emulator: Emulator) -> None:
    async with httpx.AsyncClient(
        transport=transport(emulator), base_url="http://emulator/v1.3", headers={"x-api-key": KEY}
    ) as client:
        for path, sent in FOREIGN:
            (await client.post(path, **sent)).raise_for_status()
            for _ in range(3):  # until it is ready
                (await client.get(path)).raise_for_status()


def test_whatever_a_server_answers_a_command_ends_with_words_and_takes_nobody_elses(
    sites: Sites, tmp_path: Path
) -> None:
    for random, seed in inputs("answers", 15):
        with bounded(seed, SECONDS):
            one(sites, tmp_path / "site", random, seed)


def one(sites: Sites, place: Path, random: Random, seed: str) -> None:
    """One command that is lied to, and what became of it."""
    begin, command, all_is_seen = random.choice(list(sites.places)), random.choice(COMMANDS), random.random() < 0.5
    site = sites.places[begin].copied(place)
    with site.emulator() as emulator:
        rate = random.choice((0.03, 0.1, 0.4))
        said, _ = site.run(emulator, *command, seed=seed, rate=rate, all_is_seen=all_is_seen)
        assert said.code in KNOWN, said
        assert said.out or said.err, said
        assert KEY not in said.out + said.err, said
        assert sites.theirs.items() <= everything(emulator).items(), "what is somebody else's was touched"
        if all_is_seen:
            _judge(site, emulator, command, said, sites.count[begin])


def _judge(site: Site, emulator: Emulator, command: tuple[str, ...], said: Said, count: int) -> None:
    """Whether what was said is so, and whether honest runs bring all in order from here."""
    if said.code == 0 and command[0] in ("plan", "apply"):
        plan, _ = site.run(emulator, "plan", "--detailed-exitcode")
        assert plan.code == 0, f"said to be in order, and {plan}"
    applied, _ = site.run(emulator, "apply", *AGREED)
    if applied.code:
        applied, _ = site.run(emulator, "apply", *AGREED)
    plan, _ = site.run(emulator, "plan", "--detailed-exitcode")
    assert (applied.code, plan.code) == (0, 0), f"{said}\n{applied}\n{plan}"
    assert len(everything(emulator)) == count, f"{said}: {everything(emulator)}"
