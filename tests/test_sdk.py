"""The vendor's own client, pointed at the emulator by its environment variable, finds what `apply` made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from twelvelabs import TwelveLabs

from reconciler.emulator import Emulator, ServedEmulator
from tests.commandline import CHECKOUT, reconciler

KEY = "key-of-the-account"


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwelveLabs]:
    """A client of an account to which the quickstart has been applied over a socket."""
    stack = tmp_path / "quickstart"
    shutil.copytree(CHECKOUT / "examples/quickstart", stack, ignore=shutil.ignore_patterns(".reconciler"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    emulator = Emulator(key=KEY)
    with ServedEmulator(emulator) as served:
        env = {"TWELVELABS_API_KEY": KEY, "TWELVELABS_BASE_URL": served.url}
        applied = reconciler("apply", stack, "--auto-approve", "--poll-interval=0", env=env)
        assert applied.code == 0, applied
        monkeypatch.setenv("TWELVELABS_BASE_URL", served.url)
        client = TwelveLabs(api_key=KEY)
        yield client
        client._client_wrapper.httpx_client.httpx_client.close()
    emulator.close()


def test_it_lists_and_retrieves_the_assets(sdk: TwelveLabs) -> None:
    assets = {asset.filename: asset for asset in sdk.assets.list()}

    assert set(assets) == {path.name for path in (CHECKOUT / "examples/quickstart/media").iterdir()}
    final = sdk.assets.retrieve(asset_id=assets["final.mp4"].id or "")
    assert final.status == "ready"
    assert (final.user_metadata or {}).items() >= {"season": 2024, "league": "northern"}.items()


def test_it_lists_and_retrieves_what_is_indexed(sdk: TwelveLabs) -> None:
    (index,) = sdk.indexes.list()
    indexed = list(sdk.indexes.indexed_assets.list(index.id or ""))

    assert index.index_name == "games-2024"
    assert len(indexed) == 3
    details = [sdk.indexes.indexed_assets.retrieve(index.id or "", item.id or "") for item in indexed]
    assert {(item.user_metadata or {}).get("rating") for item in details} == {None, 7.1, 9.3}
    assert {item.status for item in details} == {"ready"}


def test_it_lists_and_retrieves_the_entities(sdk: TwelveLabs) -> None:
    (collection,) = sdk.entity_collections.list()
    entities = {entity.name: entity for entity in sdk.entity_collections.entities.list(collection.id or "")}

    assert collection.name == "players-2024"
    moreno = sdk.entity_collections.entities.retrieve(collection.id or "", entities["Ada Moreno"].id or "")
    assert len(moreno.asset_ids or []) == 2
    assert (moreno.metadata or {})["number"] == 7
    assert set(entities) == {"Ada Moreno", "Jo Park"}
