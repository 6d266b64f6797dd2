"""What is kept of a step while others do it: what is wanted, and what came of it, as JSON in the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from reconciler import errors
from reconciler.errors import ApiError, RateLimited, ReconcilerError
from reconciler.model import Stamp
from reconciler.provider import Done, Exists, Failed, Lost, Progress, Running, Want
from reconciler.redact import holds_secret

__all__ = ["NOT_BEGUN", "came", "done_by", "failed", "raised", "to_send", "want_in"]

NOT_BEGUN = "not begun"
"""What came of a step that was stopped before anything was sent."""
SAID = {
    name: made
    for name in errors.__all__
    if isinstance(made := getattr(errors, name), type) and issubclass(made, ApiError | errors.MediaError)
} | {"StoreError": errors.StoreError, "NotReady": errors.NotReady, "BecameFailed": errors.BecameFailed}


def to_send(want: Want) -> dict[str, Any] | None:
    """What is wanted; None where it cannot be written down, as a secret never is."""
    if holds_secret(want.fields):
        return None
    stamp = None if want.stamp is None else asdict(want.stamp)
    said = {"address": want.address, "fields": dict(want.fields), "parent_id": want.parent_id, "stamp": stamp}
    try:
        json.dumps(said, allow_nan=False)
    except (TypeError, ValueError):
        return None
    return said


def want_in(said: Mapping[str, Any]) -> Want:
    """The same, read."""
    stamp = None if said["stamp"] is None else Stamp(**said["stamp"])
    return Want(said["address"], said["fields"], said["parent_id"], stamp)


def came(progress: Progress) -> dict[str, Any]:
    """What came of it. Handles stand in the journal."""
    match progress:
        case Done(id):
            return {"is": "done", "id": id}
        case Failed(why, again_s):
            return {"is": "failed", "why": why, "again_s": again_s}
        case Lost(why):
            return {"is": "lost", "why": why}
        case Exists() | Running():
            return {"is": "begun"}


def failed(error: ReconcilerError) -> dict[str, Any]:
    """That it failed."""
    name = type(error).__name__ if type(error).__name__ in SAID else "ReconcilerError"
    said: dict[str, Any] = {"is": "error", "name": name, "text": str(error)}
    if isinstance(error, ApiError):
        said |= {name: getattr(error, name) for name in ("status", "code", "retry_after_s")}
    if isinstance(error, RateLimited) and error.resumes:
        said["resumes"] = error.resumes.isoformat()
    return said


def raised(said: Mapping[str, Any], holder: str) -> ReconcilerError:
    """The error as it was raised, with who has met it."""
    text, made = f"{said['text']} (worker {holder})", SAID.get(str(said["name"]), ReconcilerError)
    if not issubclass(made, ApiError):
        return made(text)
    known = {name: said[name] for name in ("status", "code", "retry_after_s") if said.get(name)}
    if issubclass(made, RateLimited) and said.get("resumes"):
        known["resumes"] = datetime.fromisoformat(said["resumes"])
    return made(text, **known)


def done_by(said: Mapping[str, Any]) -> Progress | None:
    """What came of it, as its driver said it; None for what is begun, of which the journal tells the rest."""
    match said["is"]:
        case "done":
            return Done(said["id"])
        case "failed":
            return Failed(said["why"], said["again_s"])
        case "lost":
            return Lost(said["why"])
    return None
