"""What is begun on the server and not known to be finished: durable before it is sent.

Each write is announced with what its object can be told by afterwards: a `Signature` for what is made, a `Touched` for
what is changed, a `Target` for what is taken away. They are kept as JSON of a version, and older ones are read for
ever: who cannot read them cannot tell what an interrupted run has made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from reconciler.errors import StateError
from reconciler.frozen import dataclass
from reconciler.lazily import hashlib, secrets
from reconciler.model.live import Live, Stamp
from reconciler.redact import Secret

__all__ = ["EVER", "SIGNATURE_VERSION", "Digest", "Operation", "Signature", "Target", "Touched", "Trace", "trace_from"]

EVER = datetime.fromtimestamp(0, UTC)
"""When nobody knows when."""
SIGNATURE_VERSION = 2
"""Of the JSON. 1 had no number, and `not` for what is `known` now."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Stands for a value that came from the environment: it may be another by the time that it is looked for, and it is
    nobody's to read."""

    salt: str
    sha256: str

    @classmethod
    def of(cls, value: str) -> Self:
        """A new one each time: what two secrets have in common is not to be seen."""
        salt = secrets.token_hex(8)
        return cls(salt, _sha256(salt, value))

    def is_of(self, value: Any) -> bool:
        """Whether it stands for this value."""
        return self.sha256 == _sha256(self.salt, value)


def _sha256(salt: str, value: Any) -> str:
    return hashlib.sha256(f"{salt}{value}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Signature:
    """How a new object can be told from all that was there before."""

    parent_id: str | None = None
    natural: Mapping[str, Any] = field(default_factory=dict)
    """Fields and values that it will have and show; a value from the environment as a `Digest`."""
    stamp: Stamp | None = None
    listed: bool = False
    """Whether lists show the stamp: then what shows none is another object."""
    size: int | None = None
    """Bytes, where they are ours and tell a file."""
    known: frozenset[str] = frozenset()
    """Ids of objects that look the same and were there before."""
    weak: bool = False
    """Whether `natural` is only what it is called: others may be called so by right."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "natural", {name: _legible(value) for name, value in self.natural.items()})

    def fits(self, live: Live) -> bool:
        """Whether an object may be the one that was made."""
        if live.id in self.known or live.parent_id != self.parent_id:
            return False
        if self.stamp is not None:
            if live.stamp is not None:
                return live.stamp == self.stamp
            if self.listed:
                return False
        if self.size is not None and live.facts.get("size") not in (None, self.size):
            return False
        return self._named(live)

    def is_rival(self, live: Live) -> bool:
        """Whether an object that nobody knew of is what is about to be made, from other hands: a second one would be a
        duplicate."""
        if live.parent_id != self.parent_id:
            return False
        if live.stamp is not None:
            mine = self.stamp
            return mine is not None and (live.stamp.stack, live.stamp.key) == (mine.stack, mine.key)
        return not self.weak and self._named(live)

    def _named(self, live: Live) -> bool:
        natural = self.natural
        return bool(natural) and all(_is(value, live.fields.get(name)) for name, value in natural.items())

    def but(self, lives: Iterable[Live]) -> Signature:
        """The same, with those of these objects that fit as known: they were there before."""
        known = frozenset(live.id for live in lives if self.fits(live))
        return replace(self, known=self.known | known) if known else self

    def to_json(self) -> dict[str, Any]:
        """To be kept."""
        return {
            "version": SIGNATURE_VERSION,
            "parent_id": self.parent_id,
            "natural": {name: _kept(value) for name, value in self.natural.items()},
            "stamp": None if self.stamp is None else asdict(self.stamp),
            "listed": self.listed,
            "size": self.size,
            "known": sorted(self.known),
            "weak": self.weak,
        }


@dataclass(frozen=True, slots=True)
class Touched:
    """Names of the fields that a change is about: until it is known to be done, nobody knows what they are."""

    fields: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"version": SIGNATURE_VERSION, "fields": list(self.fields)}


@dataclass(frozen=True, slots=True)
class Target:
    """The object that is taken away, or let go."""

    id: str
    parent_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"version": SIGNATURE_VERSION, "id": self.id, "parent_id": self.parent_id}


Trace = Signature | Touched | Target
"""By what a write is known afterwards."""


def trace_from(verb: str, kept: Mapping[str, Any]) -> Trace:
    """What was kept, of this version or an older one. ValueError when it is not as we write it, StateError when a newer
    version wrote it: what that means is not guessed at."""
    version = kept.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"version is {version!r:.60}")
    if version > SIGNATURE_VERSION:
        raise StateError(
            f"an open operation was noted by a newer reconciler (signature {version}, this one knows "
            f"{SIGNATURE_VERSION}): take a newer version of reconciler"
        )
    if verb == "create":
        return _signature(kept, known="known" if version > 1 else "not")
    if "id" in kept:
        return Target(_text(kept, "id"), _text_or_none(kept, "parent_id"))
    return Touched(_texts(kept, "fields"))


def _signature(kept: Mapping[str, Any], *, known: str) -> Signature:
    if not {"parent_id", "natural", "stamp", "listed", "size", known} <= kept.keys():
        raise ValueError("lacks something")
    natural, size = kept["natural"], kept["size"]
    if not isinstance(natural, dict):
        raise ValueError(f"natural is {natural!r:.60}")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int)):
        raise ValueError(f"size is {size!r:.60}")
    return Signature(
        parent_id=_text_or_none(kept, "parent_id"),
        natural={name: _from_kept(value) for name, value in natural.items()},
        stamp=None if kept["stamp"] is None else _stamp(kept["stamp"]),
        listed=bool(kept["listed"]),
        size=size,
        known=frozenset(_texts(kept, known)),
        weak=bool(kept.get("weak", False)),
    )


def _stamp(marks: Any) -> Stamp:
    """Older ones had no id of the stack."""
    if not isinstance(marks, dict) or "content" not in marks:
        raise ValueError(f"stamp is {marks!r:.60}")
    content, stack_id = _text_or_none(marks, "content"), _text_or_none(marks, "stack_id")
    return Stamp(_text(marks, "stack"), _text(marks, "key"), content, stack_id)


def _legible(value: Any) -> Any:
    return Digest.of(value) if isinstance(value, Secret) else value


def _is(mine: Any, value: Any) -> bool:
    return mine.is_of(value) if isinstance(mine, Digest) else bool(mine == value)


def _kept(value: Any) -> Any:
    return {"$salt": value.salt, "$sha256": value.sha256} if isinstance(value, Digest) else value


def _from_kept(value: Any) -> Any:
    if not isinstance(value, dict) or value.keys() != {"$salt", "$sha256"}:
        return value
    return Digest(_text(value, "$salt"), _text(value, "$sha256"))


def _text(kept: Mapping[str, Any], name: str) -> str:
    if not isinstance(value := kept.get(name), str):
        raise ValueError(f"{name} is {value!r:.60}")
    return value


def _text_or_none(kept: Mapping[str, Any], name: str) -> str | None:
    return None if kept.get(name) is None else _text(kept, name)


def _texts(kept: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = kept.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} is not a list of texts")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class Operation:
    """A write that is announced, and what is known of it: on disk before it is sent, closed when all of it is known."""

    op: str
    run: str
    address: str
    kind: str
    verb: str
    signature: Trace
    identity: str | None = None
    """What its object will be, for kinds whose objects have an identity: the sha256 of its bytes, a digest of a URL."""
    id: str | None = None
    """Of its object, once the API has said it."""
    handle: Mapping[str, Any] | None = None
    """How to go on with it, as its driver understands it; None while the API has said nothing of it."""
    since: datetime = EVER

    @property
    def parent_id(self) -> str | None:
        """Of what it makes or takes away: where that is to be looked for."""
        return None if isinstance(self.signature, Touched) else self.signature.parent_id
