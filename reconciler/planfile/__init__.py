"""A plan as a file: complete in itself, without secrets, and a promise that apply keeps or refuses.

The file is the plan's JSON (`reports.json`) with what it rests on beside it: where it was made and for which account,
the values of variables, a digest of the stack's files, all fields and steps. Its digest finds an edit by accident. Its
seal is a digest that only who has the account's key can make: without it nothing that the file says is believed or
opened, so a forged one can neither ask for more nor lead to another file. `show` needs no key, and cannot check it.
Values from the environment stand in it as `{"$env": template}` and are resolved when the plan is applied.

Apply plans anew, under the lock, and runs only when what it would do is what was saved: `moved` says what is not. So
there is one way to a write, and what a reviewer has read is what runs. `wishes` tells whether what is declared still
means the same; how it is written, and what else the stack declares, is nobody's business.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reconciler.errors import Invalid, Problem, StalePlan
from reconciler.frozen import dataclass
from reconciler.model import Basis, Plan
from reconciler.version import __version__

__all__ = ["Saved", "account_of", "read", "render", "sealing_key"]

SAVED_VERSION = "1.3"
"""`format_version` of saved plans. 1.3: what was wished for is told address by address, and not as bytes of files."""
OLDEST_MINOR = 3
"""Older minor versions do not say what was wished for."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan file that was read and found whole. Its digest names it."""

    plan: Plan
    origin: Basis
    digest: str
    seal: str
    tool_version: str
    name: str

    def believed(self, key: bytes, account: str) -> None:
        """Raises StalePlan unless it was made, as it is, by somebody with this account's key."""
        if self.origin.account != account:
            where = account.partition("#")[0]
            what = f"the plan is for another account or key than the one at {where}; plan again"
            raise StalePlan([f"{self.name}: {what}"])
        if not hmac.compare_digest(self.seal.encode(errors="replace"), _seal(key, self.digest).encode()):
            what = "it was changed after it was made, or was not made with this account's key; plan again"
            raise StalePlan([f"{self.name}: {what}"])

    def stack_paths(self, file: Path) -> list[Path]:
        """Where the stack may be: beside the plan as it was, where it was from the working directory; each place once,
        and none that is not there."""
        beside, from_here = file.parent / self.origin.from_here, Path(self.origin.path)
        there = [path for path in ([beside] if self.origin.from_here else []) + [from_here] if path.exists()]
        return there[:1] if len({path.resolve() for path in there}) == 1 else there


def account_of(base_url: str, key: str) -> str:
    """A name for an account from which its key cannot be found: a plan is for one base URL and one key."""
    digest = hashlib.sha256(f"reconciler account\n{base_url}\n{key}".encode()).hexdigest()
    return f"{base_url}#{digest[:16]}"


def sealing_key(base_url: str, key: str) -> bytes:
    """What seals plans for an account; the account's key cannot be found from it."""
    return hashlib.sha256(f"reconciler seal of plans\n{base_url}\n{key}".encode(errors="surrogatepass")).digest()


def render(plan: Plan, origin: Basis, key: bytes) -> str:
    """The text of the file."""
    # The codec is imported by what writes or reads a file: pydantic comes with it.
    from reconciler.plan.codec import saved_json
    from reconciler.reports.json import dumps

    made_of = {"tool_version": __version__, "origin": asdict(origin)}
    # As it comes back from the file: what JSON has no word for (tuples, secrets) must not be in the digest.
    document = json.loads(dumps({"format_version": SAVED_VERSION, **saved_json(plan), **made_of}))
    digest = _digest(document)
    return dumps({**document, "digest": digest, "seal": _seal(key, digest)}) + "\n"


def read(text: str, name: str) -> Saved:
    """The plan in a file's text. Invalid when it is no plan; StalePlan when it is not one to apply any more."""
    from reconciler.plan.codec import Wrong, made, plan_from

    try:
        document = json.loads(text, parse_constant=_no_constant)
        version = str(document["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(name, "is not a saved plan; make one with `reconciler plan -o FILE`") from error
    major, _, minor = version.partition(".")
    other = StalePlan([f"{name}: a plan of format {cut(version)}; this version reads {SAVED_VERSION}; plan again"])
    if major != SAVED_VERSION.partition(".")[0]:
        raise other
    if "digest" not in document:
        what = "is a plan as shown by `--format json`, which cannot be applied; save one with `reconciler plan -o FILE`"
        raise _invalid(name, what)
    # After the question before: a plan that was shown has a version too, and that it cannot be applied says more.
    if not minor.isdecimal() or int(minor) < OLDEST_MINOR:
        raise other
    digest, seal = document.pop("digest"), document.pop("seal", None)
    if seal is None:
        raise StalePlan([f"{name}: it was made by an earlier version, which did not seal plans; plan again"])
    try:
        if digest != _digest(document):
            raise StalePlan([f"{name}: it was changed after it was made; plan again"])
        plan, origin = plan_from(document), made(Basis, document.get("origin"), "origin")
        tool = made(str, document.get("tool_version"), "tool_version")
    except (Wrong, ValueError, RecursionError) as error:
        raise _invalid(name, f"is not a whole plan ({error}); plan again") from error
    return Saved(plan, origin, digest, str(seal), tool, name)


def _invalid(name: str, what: str) -> Invalid:
    return Invalid([Problem(name, 0, 0, "", what)])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a valid number of JSON")


def cut(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:20]}…"


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _seal(key: bytes, digest: str) -> str:
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()
