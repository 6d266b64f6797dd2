"""Results in Qdrant, which has no transactions: a set is written beside the one before it and its manifest flips.

Every point carries the digest of its set, in its id and its payload (`set_digest`). The manifest is a collection of its
own, a point a set: writing that one point is the moment at which the new set is the one that counts, and the old points
go after it. Until all is done the point says `pending`, so that what a killed run left is found without looking at all
points. Vectors are normalised by Qdrant (cosine), so the digest in the manifest is that of what it gives back.
"""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Final

from reconciler.errors import Problem, StoreError
from reconciler.results.contract import FORMAT, Opening, Store, refuse_another
from reconciler.results.folder import below
from reconciler.results.naming import slug
from reconciler.results.qpoints import ANOTHER, ByClient, ByEngine, Points
from reconciler.results.rows import PLAIN, VECTOR, Made, Rows

__all__ = ["Qdrant"]

_SPACE: Final = uuid.UUID("a4f3c5b2-6a1e-4c0d-9d0b-7b0f6d3f5c11")
_OURS: Final = "reconciler: results"
_SET, _PENDING, _WHERE = "set_digest", "pending", "in_collection"
_IS, _COLLECTION = "is", "collection"
"""How a point of the manifest says that it announces a collection."""
_READS = 20
"""How often a set is read again that is replaced under the reader's hands."""


class Qdrant(Store):
    """A server (`qdrant:https://host:6333`), a directory (`qdrant:DIR`), or the engine in this process
    (`qdrant-edge:DIR`)."""

    def __init__(self, opening: Opening) -> None:
        self.shown = opening.shown
        self._hide, self._naming = opening.without_secrets, opening.naming
        self._plain, self._manifest = opening.table, f"{opening.table}_manifest"
        self._points = _points(opening)

    def prepare(self, dims: Mapping[str, int | None], *, make: bool = True) -> Sequence[Problem]:
        """Collections are announced in the manifest before they are made, so that they are known to be ours."""
        wanted = {self._name(model, dim): dim for model, dim in dims.items()}
        try:
            with self._said():
                self._points.library()  # of a directory that is not there yet nothing is asked
                # Somebody else may be making the same: what is half made then is looked at once more.
                wrong = self._wrong(wanted) and self._wrong(wanted)
                if make and not wrong:
                    self._make(wanted)
        except StoreError as error:
            wrong = [str(error)]
        return [Problem("", 0, 0, "", f"{self.shown}: {what}" if self.shown not in what else what) for what in wrong]

    def list(self, stack: str) -> Sequence[Made]:
        """The points of the manifest."""
        with self._said():
            if self._mark() is None:
                return []
            found = [payload for payload, _ in self._points.find(self._manifest, {"stack": stack})]
        return [made for kept in found if kept.get(_SET) and (made := Made.from_json(kept))]

    def replace(self, made: Made, rows: Rows, *, taken_from: str = "") -> Made:
        """New points, the flip, and then the old ones go."""
        name, digest = self._name(made.model, made.dim), rows.digest
        with self._said():
            before = dict(self._points.get(self._manifest, _id(made.stack, made.address)) or {})
            refuse_another(self.shown, made.stack, made.address, before.get("stack_id"), made.stack_id, taken_from)
            self._keep(made.stack, made.address, before | {_PENDING: True})
            self._points.put(name, self._as_points(rows, digest))
            back = self._rows(name, made.stack, made.address, digest, made.dim)
            if len(back) != len(rows):
                raise StoreError(
                    f"{self.shown}: of {len(rows)} rows of {made.address} {len(back)} were kept; run again"
                )
            kept = replace(made, digest=back.digest)
            manifest = {**asdict(kept), _SET: digest, _WHERE: name}
            self._keep(made.stack, made.address, manifest | {_PENDING: True})
            self._clean(made.stack, made.address, name, digest)
            self._keep(made.stack, made.address, manifest | {_PENDING: False})
            if made.dim is not None and before.get(_WHERE) != name:
                self._point_alias(name)
        return kept

    def delete(self, stack: str, address: str, stack_id: str = "") -> None:
        """The manifest first: who reads it sees nothing of a set that is half gone."""
        with self._said():
            if (
                self._mark() is not None
                and (there := self._points.get(self._manifest, _id(stack, address))) is not None
            ):
                refuse_another(self.shown, stack, address, there.get("stack_id"), stack_id)
                self._keep(stack, address, {_PENDING: True})
                self._forget(stack, address)

    def read(self, stack: str, address: str) -> Rows | None:
        """The points of the manifest's digest; again, if that flipped meanwhile."""
        with self._said():
            if self._mark() is None:
                return None
            kept = self._points.get(self._manifest, _id(stack, address))
            for _ in range(_READS):
                if not kept or not kept.get(_SET):
                    return None
                rows = self._rows(kept[_WHERE], stack, address, kept[_SET], kept["dim"])
                now = self._points.get(self._manifest, _id(stack, address))
                if now and now.get(_SET) == kept[_SET]:
                    return rows
                kept = now
        raise StoreError(f"{self.shown}: {address} is replaced all the time; run again later")

    def place(self, made: Made) -> Mapping[str, str]:
        """The server, or the directory, and the collection of the points."""
        return {"url": self.shown, "collection": self._name(made.model, made.dim)}

    def foreign(self) -> int:
        """Points in our collections that carry no digest of ours, or of a set that is none."""
        with self._said():
            if (ours := self._known()) is None:
                return 0
            sets = {
                (kept["stack"], kept["address"]) for kept, _ in self._points.find(self._manifest, {}) if "stack" in kept
            }
            there = self._points.collections()
            names = (self._naming["stack"], self._naming["address"])
            found = (payload for name in ours if name in there for payload, _ in self._points.find(name, {}))
            return sum(_SET not in it or tuple(it.get(name) for name in names) not in sets for it in found)

    def close(self) -> None:
        """Let go of the client, or of the shards."""
        with self._said():
            self._points.close()

    def _name(self, model: str, dim: int | None) -> str:
        return f"{self._plain}_text" if dim is None else f"{self._plain}_{slug(model)}_{dim}"

    def _known(self) -> Sequence[str] | None:
        """Our collections, as the manifest announces them; None where nothing of ours is."""
        if (mark := self._mark()) is None:
            return None
        announced = [payload for payload, _ in self._points.find(self._manifest, {_IS: _COLLECTION})]
        return sorted({str(name) for said in (mark, *announced) for name in said["collections"]})

    def _mark(self) -> Mapping[str, Any] | None:
        if self._manifest not in self._points.collections():
            return None
        mark = self._points.get(self._manifest, _id("", "")) or {}
        if mark.get(_OURS) not in (None, FORMAT):
            raise StoreError(f"{self.shown}: what is kept there was made by a newer version: install that one")
        return mark if _OURS in mark else None

    def _wrong(self, wanted: Mapping[str, int | None]) -> Sequence[str]:
        there, ours, mark = self._points.collections(), self._known(), self._mark()
        foreign = "{} is there already and not ours; give another `table:`, nothing was touched"
        found = []
        if self._manifest in there and ours is None and any(True for _ in self._points.find(self._manifest, {})):
            found.append(foreign.format(self._manifest))  # an empty one is just being made, or nothing to lose
        if mark is not None and mark.get("named") != self._names():
            found.append(
                f"{self._manifest} was made with other `columns:` ({mark.get('named')}); give those, or `table:`"
            )
        for name, dim in wanted.items():
            if name in there and name not in (ours or ()):
                found.append(foreign.format(name))
            elif name in there and there[name] != dim:
                shape = "other vectors" if there[name] == ANOTHER else f"vectors of {there[name]} numbers"
                found.append(f"{name} has another shape ({shape}, not cosine of {dim}); give another `table:`")
        if self._plain in there or (there and self._points.aliased(self._plain) not in (None, *(ours or ()))):
            found.append(foreign.format(self._plain))
        return found

    def _make(self, wanted: Mapping[str, int | None]) -> None:
        there = self._points.collections()
        if self._manifest not in there:
            self._make_once(self._manifest, None)
        known = self._known()
        ours = sorted({*(known or ()), *wanted})
        mark = {_OURS: FORMAT, "collections": ours, "named": self._names()}
        # Each also by a point of its own, which nobody who writes the list at this moment can lose.
        each = [(_id("", name), None, {_IS: _COLLECTION, "collections": [name]}) for name in wanted]
        if known is None or not {*wanted} <= {*known}:
            self._points.put(self._manifest, [(_id("", ""), None, mark), *each])
        indexed = [self._naming["stack"], self._naming["address"], _SET]
        for name, dim in wanted.items():
            if name not in there:
                self._make_once(name, dim, indexed)

    def _make_once(self, name: str, dim: int | None, indexed: Sequence[str] = ("stack", "address")) -> None:
        """Unless somebody else has just made it."""
        try:
            self._points.make(name, dim, indexed)
        except Exception:
            if self._points.collections().get(name, ANOTHER) != dim:
                raise

    def sweep(self, stack: str) -> None:
        """Sets that say that something of them is to be done yet, without a look at all points."""
        with self._said():
            if self._mark() is not None:
                self._sweep(stack)

    def _sweep(self, stack: str) -> None:
        for kept, _ in [*self._points.find(self._manifest, {_PENDING: True, "stack": stack})]:
            if not kept.get(_SET):
                self._forget(kept["stack"], kept["address"])
                continue
            self._clean(kept["stack"], kept["address"], kept[_WHERE], kept[_SET])
            self._keep(kept["stack"], kept["address"], {**kept, _PENDING: False})

    def _forget(self, stack: str, address: str) -> None:
        self._clean(stack, address, "", "")
        self._points.drop(self._manifest, _id(stack, address))

    def _clean(self, stack: str, address: str, name: str, digest: str) -> None:
        """Remove the points of a set, but those of one digest in one collection; rows of others have no digest."""
        there = self._points.collections()
        for place in (it for it in self._known() or () if it in there):
            stale = {
                payload[_SET]
                for payload, _ in self._points.find(place, self._where(stack, address))
                if payload.get(_SET) and (place, payload[_SET]) != (name, digest)
            }
            for one in sorted(stale):
                self._points.remove(place, self._where(stack, address) | {_SET: one})

    def _keep(self, stack: str, address: str, manifest: Mapping[str, Any]) -> None:
        payload = {"stack": stack, "address": address, **manifest}
        self._points.put(self._manifest, [(_id(stack, address), None, payload)])

    def _names(self) -> dict[str, str]:
        return dict(sorted(self._naming.given.items()))

    def _where(self, stack: str, address: str) -> dict[str, str]:
        return {self._naming["stack"]: stack, self._naming["address"]: address}

    def _as_points(self, rows: Rows, digest: str) -> Sequence[tuple[str, Sequence[float] | None, dict[str, Any]]]:
        return [
            (
                _id(record["stack"], record["key"], digest),
                None if rows.dim is None else rows.floats(number),
                {self._naming[column]: value for column, value in record.items()} | {_SET: digest},
            )
            for number, record in enumerate(rows.records())
        ]

    def _rows(self, name: str, stack: str, address: str, digest: str, dim: int | None) -> Rows:
        where = self._where(stack, address) | {_SET: digest}
        found = self._points.find(name, where, vectors=dim is not None)
        return Rows.of(
            ({column: payload.get(self._naming[column]) for column in PLAIN} | {VECTOR: it} for payload, it in found),
            dim,
        )

    def _point_alias(self, name: str) -> None:
        """Let the plain name mean the vectors it means, while there are sets of them; else these."""
        shown = self._points.aliased(self._plain)
        if shown != name and (
            shown is None or not any(True for _ in self._points.find(self._manifest, {_WHERE: shown}))
        ):
            self._points.alias(self._plain, name)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What Qdrant raises, which may be almost anything, is a StoreError."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a server's version, of a key without TLS to this machine
                yield
        except StoreError as error:
            raise error if self.shown in str(error) else StoreError(f"{self.shown}: {error}") from None
        except Exception as error:
            said = self._hide(str(error)).splitlines() or [type(error).__name__]
            raise StoreError(f"{self.shown}: {said[0]}") from None


def _points(opening: Opening) -> Points:
    beginning, _, place = opening.url.partition(":")
    if re.match(r"(https?:)?//", place):
        if beginning == "qdrant-edge":
            raise StoreError(f"{opening.shown}: the engine in this process keeps a directory: `qdrant-edge:DIR`")
        return ByClient(url=place if place.startswith("http") else f"http:{place}")
    directory = opening.root.joinpath(*below(opening.root, place))
    return ByEngine(directory) if beginning == "qdrant-edge" else ByClient(directory=directory)


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_SPACE, "\n".join(parts)))
