"""An account in which others work too, and a stack that is planned there by what differs since it was read whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Planning
from reconciler.model import ReadMode
from reconciler.providers.twelvelabs import KINDS
from reconciler.refresh import KeptLists, Looks, owner_of
from tests.support.running import Bench, done

__all__ = ["Account", "begun_in", "copied", "stack", "told"]

START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def stack(
    *,
    season: int = 1,
    extra: str = "",
    entities: str = "{e: {assets: [a]}, f: {assets: [b]}}",
    indexes: int = 3,
    groups: int = 6,
) -> str:
    """Two assets, all of them in each index, two entities in each collection."""
    assets = "".join(f'  {n}: {{url: "https://example.com/{n}.mp4", metadata: {{season: {season}}}}}\n' for n in "ab")
    model = "models: [{name: marengo3.0}]"
    catalogs = "".join(f"  i{n}: {{{model}, assets: {{a: {{}}, b: {{}}}}}}\n" for n in range(indexes))
    sets = "".join(f"  c{n}: {{entities: {entities}}}\n" for n in range(groups))
    head = "stack: s\nprovider: twelvelabs\n"
    return f"{head}assets:\n{assets}{extra}indexes:{_below(catalogs)}entity_collections:{_below(sets)}"


def _below(section: str) -> str:
    return f"\n{section}" if section else " {}\n"


class Account:
    """A bench with a clock, and with others who work in its account."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.now = START
        self.store = bench.emulator.store
        self.kept = bench.directory / ".reconciler" / "seen.db"

    def git(self, **said: Any) -> None:
        """What is declared from here on; see `stack`."""
        self.bench.write({"s.yaml": stack(**said)})

    def looking(self, mode: ReadMode, account: str = "") -> Looks:
        return Looks(mode, KeptLists(self.kept, owner_of(account, "s", KINDS)), now=lambda: self.now)

    def plan(self, mode: ReadMode = ReadMode.DELTA, account: str = "") -> Planning:
        self.bench.looking = self.looking(mode, account)
        return self.bench.survey()

    def apply(self, mode: ReadMode = ReadMode.DELTA) -> None:
        self.bench.looking = self.looking(mode)
        done(self.bench)

    def read_by_id(self) -> set[str]:
        """Ids of all that was asked for by itself since the last call."""
        asked = {it.path.rsplit("/", 1)[-1] for it in self.bench.emulator.journal.entries if it.method == "GET"}
        self.bench.emulator.journal.clear()
        return asked

    def all(self, kind: str, parent: Obj | None = None) -> list[Obj]:
        return self.store.select(Selection(kind, parent=parent.seq if parent else None, descending=False))

    def named(self, kind: str, name: str, parent: Obj | None = None) -> Obj:
        return next(it for it in self.all(kind, parent) if it.name == name)

    # What others do

    def make(self, kind: str, count: int, parent: Obj | None = None, **doc: Any) -> list[Obj]:
        said: dict[str, Any] = {"parent": parent.seq} if parent else {}
        said |= {"type": "video"} if kind == "asset" else {}
        with self.store.transaction():
            made = [self.store.new(kind, dict(doc), name=f"other-{n}", status="ready", **said) for n in range(count)]
            self.store.insert_all(made)
        return made

    def make_asset(self, count: int = 1) -> list[Obj]:
        media = self.all("asset")[-1].doc["media"]
        said = {"method": "url", "hls": False, "thumbnail": False, "user_metadata": {}, "media": media, "source": ""}
        return self.make("asset", count, **said)

    def make_entity(self, group: Obj, count: int = 1) -> list[Obj]:
        asset = self.all("asset")[0]
        said: dict[str, Any] = {"description": None, "metadata": {}, "asset_ids": [asset.id], "collection_id": group.id}
        made = self.make("entity", count, group, **said)
        self.store.link_all((it, asset) for it in made)
        return made

    def fill(self, each: int, assets: int | None = None) -> None:
        """So many in each list of assets, of what is indexed, of entities."""
        asset = self.make_asset(each if assets is None else assets)[0]
        for index in self.all("index"):
            said = {"asset_id": asset.id, "media": asset.doc["media"], "stream": False, "user_metadata": {}}
            self.make("indexed_asset", each, index, **said)
        for group in self.all("entity_collection"):
            self.make_entity(group, each)

    def change(self, obj: Obj, **doc: Any) -> None:
        """As its API would: assets and what is indexed do not say when."""
        told = obj.kind not in ("asset", "indexed_asset")
        now = self.store.moment()
        self.store.update(obj, doc={**obj.doc, **doc}, updated_at=now if told else obj.updated_at)

    def drop(self, obj: Obj) -> None:
        self.store.delete(obj)


def begun_in(directory: Path, each: int, *, assets: int | None = None, **said: Any) -> Path:
    """A directory with an account in a file, to which a stack was applied; others have so many objects in each list, or
    another number of assets."""
    directory.mkdir(exist_ok=True)
    emulator = app(directory / "account.db")
    account = Account(Bench(directory, emulator))
    account.git(**said)
    account.apply()
    account.fill(each, assets)
    assert account.plan(ReadMode.FULL).plan.changes == ()
    emulator.close()
    return directory


@contextmanager
def copied(begun: Path, to: Path) -> Iterator[Account]:
    """Such an account for one test, an hour later."""
    shutil.copytree(begun, to, dirs_exist_ok=True)
    emulator = app(to / "account.db")
    emulator.clock.advance(3600)  # what is done from here on is later than all that was done before
    try:
        yield Account(Bench(to, emulator))
    finally:
        emulator.close()


def told(planning: Planning) -> dict[str, tuple[str, list[str]]]:
    """address → what is done there, and of which fields."""
    return {it.address: (it.action.value, [delta.path for delta in it.deltas]) for it in planning.plan.changes}
