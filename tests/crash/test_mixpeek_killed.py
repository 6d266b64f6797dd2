"""Mixpeek, killed with SIGKILL at every point: no asset twice, none left over, nothing of others touched."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.mixpeek import app
from reconciler.results import open_store
from tests.crash.world import KEY, World, Zygote, killed_then_finished, sampled

pytest.importorskip("pyarrow")

V1 = """\
stack: crash
provider: mixpeek
collections:
  shared:
    external: true
    assets:
      stays: {text: stays, metadata: {count: 1, gone: soon}}
      replaced: {url: "https://example.com/a.mp4", video: [{every: 100, embed: multimodal-v1}]}
      leaves: {text: leaves}
  own:
    assets:
      still: {url: "https://example.com/a.png"}
features:
  shown: {of: [collections/shared, collections/own], model: multimodal-v1}
"""
V2 = """\
stack: crash
provider: mixpeek
collections:
  shared:
    external: true
    assets:
      stays: {text: stays, metadata: {count: 2}}
      replaced: {url: "https://example.com/a.mp4", video: [{every: 90, embed: multimodal-v1}]}
      comes: {url: "https://example.com/b.mp4", video: [{every: 100, embed: multimodal-v1}]}
features:
  shown: {of: collections/shared, model: multimodal-v1}
"""
DUE = {
    V1: {"shared/assets/stays", "shared/assets/replaced", "shared/assets/leaves", "own/assets/still"},
    V2: {"shared/assets/stays", "shared/assets/replaced", "shared/assets/comes"},
}
BY_HAND = ("stays", "of others")
"""Texts that somebody else has in the same collection; one of them is the same as ours."""


class Films(World):
    """One account of this vendor."""

    key_variable = "MIXPEEK_API_KEY"

    def marks(self) -> Counter[str]:
        """Which address each asset is marked for, as often as it is there; "" for those of others."""
        found = self.steer("GET", "/objects?kind=asset")["objects"]
        keys = (it["doc"]["metadata"].get("reconciler_key", "") for it in found)
        return Counter(key.removeprefix("collections/") for key in keys)

    def sets(self) -> set[str]:
        """The assets of which there are features in the store."""
        store = open_store("results", root=self.directory, table="results")
        return {made.address.rpartition("/")[2] for made in store.list("crash") if made.rows}

    def by_hand(self) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=self.served.url, headers=headers, trust_env=False) as api:
            for text in BY_HAND:
                task = api.post("/index/text", json={"collection_id": "shared", "text": text}).json()["task_id"]
                while api.get(f"/tasks/{task}").json()["status"] != "DONE":
                    pass


@contextmanager
def films(zygote: Zygote, directory: Path, start: Path | None = None) -> Iterator[Films]:
    """An account with something of others in it, or one that goes on where the directory `start` stood."""
    if start:
        shutil.copytree(start, directory)
    else:
        directory.mkdir(parents=True)
    emulator = app(directory / "account.db", dimensions=8)
    try:
        with ServedEmulator(emulator) as served:
            made = Films(zygote, directory / "stack", served)
            if not start:
                made.by_hand()
            yield made
    finally:
        emulator.close()


@pytest.fixture(scope="module")
def starts(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An account of others; and the same with V1 applied."""
    empty, first = tmp_path_factory.mktemp("start") / "empty", tmp_path_factory.mktemp("start") / "v1"
    with films(zygote, empty) as here:
        here.write({"stack.yaml": V1})
        assert here.reconcile("plan")["code"] == 0
    with films(zygote, first, empty) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
    return {"empty": empty, "v1": first}


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled())
@pytest.mark.parametrize(("start", "text"), [("empty", V1), ("v1", V2)], ids=["nothing to V1", "V1 to V2"])
def test_a_run_killed_at_any_point_is_finished_by_the_next(
    zygote: Zygote, starts: dict[str, Path], tmp_path: Path, start: str, text: str, part: int
) -> None:
    def as_due(here: Films, said: str) -> None:
        assert here.marks() == Counter([*DUE[text], *[""] * len(BY_HAND)]), said
        assert here.sets() == {address.rpartition("/")[2] for address in DUE[text]}, said

    killed_then_finished(
        lambda name: films(zygote, tmp_path / name, starts[start]),
        {"stack.yaml": text},
        as_due,
        part=part,
        more_than=40,
    )
