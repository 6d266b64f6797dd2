"""Results in a directory: what stands where, what is never followed or overwritten, and what is not read again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import StoreError
from reconciler.results import Store, open_store
from reconciler.results.folder import ABANDONED_S, Folder
from tests.results.sets import ADDRESS, MODEL, STACK, a_set


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store("results", root=tmp_path)
    assert made.prepare({MODEL: 8}) == []
    return made


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_is_called_by_its_stack_and_address(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("pyarrow")
    store.replace(*a_set())
    store.replace(*a_set(address="analyses/topics/final", dim=None))
    store.replace(*a_set(stack="../x", address="embeddings/.a/%/ü b", dim=None))
    store.replace(*a_set(address="analyses/topics/" + "long" * 100, dim=None))

    first, second, third, fourth = names(tmp_path)
    assert first == "results/%2E./x/embeddings/%2Ea/%25/%C3%BC%20b.json".replace("/x", "%2Fx")
    assert second == "results/sports-2024/analyses/topics/final.json"
    assert third.startswith("results/sports-2024/analyses/topics/longlong")
    assert fourth == "results/sports-2024/embeddings/clips/final.parquet"
    assert len(list(store.list(STACK))) == 3
    assert [made.address for made in store.list("../x")] == ["embeddings/.a/%/ü b"]


def test_a_file_of_texts_is_plain_json_a_row_a_line(tmp_path: Path, store: Store) -> None:
    made, rows = a_set(rows=2, dim=None)
    store.replace(made, rows)

    text = (tmp_path / f"results/{STACK}/{ADDRESS}.json").read_text(encoding="utf-8")

    found = json.loads(text)
    assert found["reconciler"]["identity"] == made.identity
    assert [row["text"] for row in found["rows"]] == list(rows.cells["text"])
    assert len(text.splitlines()) == 5


def test_vectors_take_less_than_their_own_bytes(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("pyarrow")
    store.prepare({MODEL: 512})
    made, rows = a_set(rows=100, dim=512)
    store.replace(made, rows)

    size = (tmp_path / f"results/{STACK}/{ADDRESS}.parquet").stat().st_size

    assert size < 0.98 * len(rows.vectors)


def test_the_same_set_is_the_same_file_byte_by_byte(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("pyarrow")
    place = tmp_path / f"results/{STACK}/{ADDRESS}.parquet"
    store.replace(*a_set())
    before = place.read_bytes()

    store.replace(*a_set())

    assert place.read_bytes() == before


def test_who_has_the_file_open_reads_the_set_that_was_there(tmp_path: Path, store: Store) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    store.replace(*a_set(1, 50))
    with parquet.ParquetFile(tmp_path / f"results/{STACK}/{ADDRESS}.parquet") as opened:
        store.replace(*a_set(2, 20))
        store.delete(STACK, ADDRESS)

        assert opened.read().column("identity").to_pylist() == ["identity-1"] * 50


def test_a_link_in_the_place_of_a_directory_is_refused_and_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "stack", tmp_path / "outside"
    (root / f"results/{STACK}").mkdir(parents=True)
    outside.mkdir()
    (root / f"results/{STACK}/embeddings").symlink_to(outside)
    store = open_store("results", root=root)

    with pytest.raises(StoreError, match="a link, or a file, is in the way"):
        store.replace(*a_set(dim=None))

    assert list(outside.iterdir()) == []
    assert list(store.list(STACK)) == []


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(tmp_path: Path, store: Store) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("precious")
    place = tmp_path / f"results/{STACK}/{ADDRESS}.json"
    place.parent.mkdir(parents=True)
    place.symlink_to(outside)

    with pytest.raises(StoreError):
        store.replace(*a_set(dim=None))

    assert outside.read_text() == "precious"
    assert place.is_symlink()


@pytest.mark.parametrize("dim", [None, 8])
def test_a_file_of_somebody_elses_under_our_name_is_not_overwritten(
    tmp_path: Path, store: Store, dim: int | None
) -> None:
    if dim:
        pytest.importorskip("pyarrow")
    place = tmp_path / f"results/{STACK}/{ADDRESS}{'.parquet' if dim else '.json'}"
    place.parent.mkdir(parents=True)
    place.write_text('{"precious": true}')

    with pytest.raises(StoreError, match="in the way and not ours"):
        store.replace(*a_set(dim=dim))
    store.delete(STACK, ADDRESS)

    assert place.read_text() == '{"precious": true}'
    assert store.foreign() == 1


def test_a_copy_of_one_of_our_files_is_not_ours(tmp_path: Path, store: Store) -> None:
    store.replace(*a_set(dim=None))
    place = tmp_path / f"results/{STACK}/{ADDRESS}.json"
    (place.parent / "copy.json").write_bytes(place.read_bytes())

    assert [made.address for made in store.list(STACK)] == [ADDRESS]
    assert store.foreign() == 1
    store.delete(STACK, ADDRESS)
    assert (place.parent / "copy.json").exists()


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path, store: Store) -> None:
    store.replace(*a_set(dim=None))
    place = tmp_path / f"results/{STACK}/{ADDRESS}.json"
    place.write_text(place.read_text().replace('"format": 1', '"format": 2'))

    for call in (lambda: list(store.list(STACK)), lambda: store.read(STACK, ADDRESS), store.foreign):
        with pytest.raises(StoreError, match="made by a newer version"):
            call()


def test_what_a_killed_run_left_is_removed_when_nobody_can_be_at_it(tmp_path: Path, store: Store) -> None:
    store.replace(*a_set(dim=None))
    directory = tmp_path / f"results/{STACK}/embeddings/clips"
    old, new, hidden = (directory / name for name in (".final.json.aa.part", ".semi.json.bb.part", ".other"))
    for place in (old, new, hidden):
        place.write_text("half")
    then = time.time() - ABANDONED_S - 5
    os.utime(old, (then, then))
    os.utime(hidden, (then, then))

    store.prepare({}, make=False)
    assert old.exists()
    store.prepare({})

    assert not old.exists()
    assert new.exists()
    assert hidden.exists()
    assert [made.address for made in store.list(STACK)] == [ADDRESS]


def test_directories_that_are_empty_go_and_those_of_others_stay(tmp_path: Path, store: Store) -> None:
    store.replace(*a_set(dim=None))
    (tmp_path / f"results/{STACK}/notes.txt").write_text("mine")

    store.delete(STACK, ADDRESS)

    assert names(tmp_path) == [f"results/{STACK}/notes.txt"]
    assert not (tmp_path / f"results/{STACK}/embeddings").exists()


def test_of_sets_that_are_as_they_were_no_file_is_opened(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.results.remembered.SETTLED_NS", -(10**10))
    for number in range(20):
        store.replace(*a_set(number, address=f"analyses/a/{number}", dim=None))
    before = list(store.list(STACK))
    opened: list[Sequence[str]] = []
    open_file = Folder.open

    def noting(self: Folder, words: Sequence[str]) -> Any:
        opened.append(words)
        return open_file(self, words)

    monkeypatch.setattr(Folder, "open", noting)

    assert list(open_store("results", root=tmp_path).list(STACK)) == before
    assert opened == []
    store.replace(*a_set(99, address="analyses/a/7", dim=None))
    opened.clear()
    changed = {made.address: made for made in store.list(STACK)}
    assert opened == [(STACK, "analyses", "a", "7.json")]
    assert changed["analyses/a/7"].identity == "identity-99"


@pytest.mark.parametrize("dim", [None, 8])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_is_damaged_is_said_or_is_not_ours(
    tmp_path: Path, dim: int | None, changes: list[tuple[float, int]], data: st.DataObject
) -> None:
    if dim:
        pytest.importorskip("pyarrow")
    place = tmp_path / f"results/{STACK}/{ADDRESS}{'.parquet' if dim else '.json'}"
    place.unlink(missing_ok=True)
    store = open_store("results", root=tmp_path)
    made, _ = a_set(dim=dim)
    store.replace(*a_set(dim=dim))
    found = bytearray(place.read_bytes())
    for where, byte in changes:
        found[int(where * len(found))] = byte
    place.write_bytes(found[: data.draw(st.integers(0, len(found)))] if data.draw(st.booleans()) else found)

    try:
        listed, back = list(store.list(STACK)), store.read(STACK, ADDRESS)
    except StoreError as error:
        assert "is damaged" in str(error) or "newer version" in str(error)
    else:
        # What the manifest says can only be believed as far as the rows bear it out: that is what the digest is for.
        assert back is None or listed != [made] or isinstance(back.digest, str)


@pytest.mark.parametrize("text", ["[]", "{", '{"x": 1}', '{"sports-2024": 3}', "\0"])
def test_a_cache_that_is_damaged_is_no_cache(tmp_path: Path, store: Store, text: str) -> None:
    store.replace(*a_set(dim=None))
    list(store.list(STACK))
    for place in Path(os.environ["XDG_CACHE_HOME"]).rglob("results-*.json"):
        place.write_text(text)

    assert [made.address for made in store.list(STACK)] == [ADDRESS]
