"""What apply made, as the vendor's own SDK sees it: unmodified, over a socket, pointed there by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from twelvelabs import TwelveLabs

from reconciler.emulator import ServedEmulator
from tests.support.running import Bench
from tests.support.stacks import V1


def test_the_sdk_lists_and_retrieves_what_apply_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    bench.write(V1)
    assert not bench.apply().failed
    ids = {address: live.id for address, live in bench.survey().claims.live.items()}

    with ServedEmulator(bench.emulator) as served:
        monkeypatch.setenv("TWELVELABS_BASE_URL", served.url)
        client = TwelveLabs(api_key="any")
        assets = {asset.filename: asset for asset in client.assets.list()}
        index = client.indexes.retrieve(index_id=ids["indexes/first"])
        indexed = list(client.indexes.indexed_assets.list(index_id=ids["indexes/first"]))
        one = client.indexes.indexed_assets.retrieve(
            index_id=ids["indexes/first"], indexed_asset_id=ids["indexes/first/assets/stays"]
        )
        (people,) = client.entity_collections.list(name="people")
        entities = {e.name: e for e in client.entity_collections.entities.list(entity_collection_id=people.id or "")}

    assert sorted(name or "" for name in assets) == ["changes.mp4", "face.jpg", "goes.mp4", "same.mp4", "stays.mp4"]
    assert assets["stays.mp4"].id == ids["assets/stays"]
    assert (assets["stays.mp4"].user_metadata or {})["count"] == 1
    assert assets["stays.mp4"].status == "ready"
    assert index.index_name == "first"
    assert {asset.id for asset in indexed} == {ids["indexes/first/assets/stays"], ids["indexes/first/assets/changes"]}
    assert (one.user_metadata or {})["rating"] == 1
    assert people.description == "version one"
    assert set(entities) == {"ann", "bob", "leaves"}
    assert entities["ann"].asset_ids == [ids["assets/face"]]
    assert (entities["ann"].metadata or {})["team"] == "red"
