"""`/_emulator/*`: the emulator is steered over HTTP too, so that a client in any process can make it hostile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import Reply
from reconciler.emulator.core.faults import KINDS
from reconciler.emulator.core.jsontext import parsed
from reconciler.emulator.core.store import Obj, Selection

if TYPE_CHECKING:
    from reconciler.emulator.core.app import Emulator

__all__ = ["steer"]

Steer = Callable[["Emulator", Any, dict[str, str]], object]


async def steer(emulator: Emulator, path: str, request: Request) -> Reply:
    """The answer to one steering request; what is wrong with it comes back as 400 and a sentence.

    Where the API wants a key this does too: it shows everything, and changes anything.
    """
    api = emulator.vendor.api
    if emulator.has_keys and emulator.opened_by(api.key_in(request.headers)) is None:
        return Reply(401, {"error": f"steering needs the key of the emulator, as {api.key_header}"})
    action = ACTIONS.get((request.method, path.rstrip("/")))
    if action is None:
        return Reply(404, {"error": f"no {request.method} {path}", "known": [f"{m} {p}" for m, p in ACTIONS]})
    raw = await request.body()
    try:
        # A test may steer from its own thread while a request is handled on the loop's.
        with emulator.store.lock:
            answer = action(emulator, parsed(raw) if raw else None, dict(request.query_params))
    except ValueError as error:
        return Reply(400, {"error": str(error)})
    return Reply(200, answer)


def _about(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    return {
        "emulator": "reconciler",
        "provider": emulator.vendor.name,
        "speed": emulator.walker.speed,
        "vintage": emulator.options.vintage,
        "accounts": list(emulator.stores),
        "now": rfc3339(emulator.clock.now()),
        "faults": dict(KINDS),
        "families": [family.name for family in emulator.families],
    }


def _requests(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    return emulator.journal.as_json(limit=_whole(query, "limit", 1000))


def _forget_requests(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    emulator.journal.clear()
    return {}


def _reset(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    emulator.reset()
    return {}


def _clock(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    return {"now": rfc3339(emulator.clock.now()), "epoch": emulator.clock.now()}


def _advance(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    seconds = body.get("advance") if isinstance(body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 10**9:
        raise ValueError('send {"advance": SECONDS}')
    emulator.clock.advance(float(seconds))
    return _clock(emulator, None, query)


def _faults(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    return {"rules": [rule.as_json() for rule in emulator.faults.rules]}


def _add_faults(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    rules = body.get("rules", [body]) if isinstance(body, dict) else body
    if not isinstance(rules, list):
        raise ValueError('send a rule, a list of rules, or {"rules": [...]}')
    added = [emulator.add_fault(rule) for rule in rules]
    return {"rules": [rule.as_json() for rule in added]}


def _clear_faults(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    emulator.clear_faults()
    return {"rules": []}


def _objects(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    """What is kept, hashes and all: what the vendor would never show."""
    kind, account = query.get("kind"), query.get("account", "")
    if account not in emulator.stores:
        raise ValueError(f"there is no account {account!r}; there are {', '.join(map(repr, emulator.stores))}")
    store = emulator.stores[account]
    if not kind:
        rows = store.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind")
        return {"counts": dict(rows.fetchall())}
    chosen = Selection(kind, parent=None, descending=False)
    found = store.select(chosen, limit=_whole(query, "limit", 1000), offset=_whole(query, "offset", 0))
    return {"total": store.count(chosen), "objects": [_bare(obj) for obj in found]}


def _bare(obj: Obj) -> dict[str, Any]:
    media = obj.doc.get("media") or {}
    return {
        "id": obj.id,
        "kind": obj.kind,
        "name": obj.name,
        "status": obj.status,
        "fate": obj.fate,
        "created_at": rfc3339(obj.created_at),
        "updated_at": rfc3339(obj.updated_at),
        **{name: media[name] for name in ("sha256", "size") if name in media},
        "doc": obj.doc,
    }


def _options(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    return emulator.options.as_json()


def _set_options(emulator: Emulator, body: Any, query: dict[str, str]) -> object:
    if not isinstance(body, dict):
        raise ValueError("send an object of options")
    # Over HTTP it would let a client read any file of this machine that looks like a transcript.
    if "transcripts" in body:
        raise ValueError("transcripts is a folder of this machine: it is given when the emulator is started")
    return emulator.set_options(body).as_json()


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{name} must be a number")
    return int(text)


ACTIONS: dict[tuple[str, str], Steer] = {
    ("GET", ""): _about,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _forget_requests,
    ("POST", "/reset"): _reset,
    ("GET", "/clock"): _clock,
    ("POST", "/clock"): _advance,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _add_faults,
    ("DELETE", "/faults"): _clear_faults,
    ("GET", "/objects"): _objects,
    ("GET", "/options"): _options,
    ("PATCH", "/options"): _set_options,
}
