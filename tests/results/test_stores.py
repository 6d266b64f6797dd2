"""What every store keeps to: one suite, each store a parameter."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.errors import StoreError
from reconciler.results import DE_FACTO, Rows, Store
from tests.results.backends import Backend
from tests.results.sets import ADDRESS, MODEL, STACK, a_set


def put(
    store: Store, seed: int = 1, rows: int = 3, *, stack: str = STACK, address: str = ADDRESS, dim: int | None
) -> None:
    store.replace(*a_set(seed, rows, stack=stack, address=address, dim=dim))


def test_what_is_kept_is_given_back_and_in_the_manifest(backend: Backend) -> None:
    store = backend.ready()
    made, rows = a_set(dim=backend.dim)

    kept = store.replace(made, rows)

    back = backend.open().read(STACK, ADDRESS)
    assert back is not None
    assert back.cells == rows.cells
    assert back.digest == kept.digest
    if backend.exact:
        assert back == rows
        assert kept == made
    else:
        assert back.floats(1) == pytest.approx(unit(rows, 1), abs=1e-6)
    assert list(backend.open().list(STACK)) == [kept]
    assert (kept.identity, kept.rows, kept.source, kept.task) == (made.identity, 3, made.source, made.task)


def unit(rows: Rows, number: int) -> list[float]:
    length = math.hypot(*rows.floats(number))
    return [value / length for value in rows.floats(number)]


def test_the_same_again_changes_nothing(backend: Backend) -> None:
    store = backend.ready()
    put(store, dim=backend.dim)
    before = list(store.list(STACK)), backend.as_documented(ADDRESS)

    put(backend.open(), dim=backend.dim)

    assert (list(backend.open().list(STACK)), backend.as_documented(ADDRESS)) == before
    assert len(before[1]) == 3


def test_a_smaller_set_leaves_nothing_of_the_larger(backend: Backend) -> None:
    store = backend.ready()
    put(store, 1, 9, dim=backend.dim)
    put(store, 1, 9, address="embeddings/clips/semi", dim=backend.dim)

    put(store, 2, 2, dim=backend.dim)

    assert [(made.address, made.rows) for made in sorted(backend.open().list(STACK), key=lambda made: made.rows)] == [
        (ADDRESS, 2),
        ("embeddings/clips/semi", 9),
    ]
    assert len(backend.as_documented(ADDRESS)) == 2
    assert len(backend.as_documented("embeddings/clips/semi")) == 9
    assert backend.open().foreign() == 0


def test_a_set_without_rows_is_one(backend: Backend) -> None:
    store = backend.ready()
    put(store, 1, 4, dim=backend.dim)

    made, rows = a_set(2, 0, dim=backend.dim)
    store.replace(made, rows)

    store = backend.open()
    assert [(it.rows, it.dim, it.identity, it.digest) for it in store.list(STACK)] == [
        (0, backend.dim, made.identity, made.digest)
    ]
    back = store.read(STACK, ADDRESS)
    assert back is not None
    assert back.digest == made.digest
    store.delete(STACK, ADDRESS)
    assert list(store.list(STACK)) == []


def test_what_is_deleted_is_gone_and_nothing_else(backend: Backend) -> None:
    store = backend.ready()
    put(store, dim=backend.dim)
    put(store, address="embeddings/clips/final-2", dim=backend.dim)
    put(store, address="embeddings/clips", dim=backend.dim)

    store.delete(STACK, ADDRESS)
    store.delete(STACK, ADDRESS)
    store.delete(STACK, "embeddings/never/made")

    assert sorted(made.address for made in store.list(STACK)) == ["embeddings/clips", "embeddings/clips/final-2"]
    assert store.read(STACK, ADDRESS) is None
    assert store.foreign() == 0


def test_two_stacks_share_it_and_see_only_their_own(backend: Backend) -> None:
    store = backend.ready()
    put(store, 1, 3, dim=backend.dim)
    put(store, 2, 5, stack="it's-other_%", dim=backend.dim)
    before = backend.as_documented(ADDRESS)

    store = backend.open()
    put(store, 3, 2, stack="it's-other_%", dim=backend.dim)
    assert [made.rows for made in store.list("it's-other_%")] == [2]
    store.delete("it's-other_%", ADDRESS)

    assert list(store.list("it's-other_%")) == []
    assert [made.rows for made in store.list(STACK)] == [3]
    assert backend.as_documented(ADDRESS) == before


def test_rows_of_others_are_counted_and_never_touched(backend: Backend) -> None:
    store = backend.ready()
    put(store, 1, 9, dim=backend.dim)
    backend.plant()
    before = backend.planted()

    store = backend.ready()
    put(store, 2, 2, dim=backend.dim)
    put(store, address="embeddings/clips/semi", dim=backend.dim)
    store.delete(STACK, ADDRESS)
    counted = store.foreign()

    assert [made.address for made in store.list(STACK)] == ["embeddings/clips/semi"]
    backend.close()
    assert backend.planted() == before
    assert counted == (1 if backend.name in ("parquet", "json") else 2)


def test_a_state_that_was_lost_is_made_anew_from_the_manifest(backend: Backend) -> None:
    store = backend.ready()
    kept = [
        store.replace(*a_set(number, number % 4, address=f"embeddings/clips/{number}", dim=backend.dim))
        for number in range(12)
    ]

    assert sorted(backend.open().list(STACK), key=lambda made: made.task) == sorted(kept, key=lambda made: made.task)


def test_nothing_is_there_before_and_looking_makes_nothing(backend: Backend) -> None:
    store = backend.open()

    assert list(store.list(STACK)) == []
    assert store.read(STACK, ADDRESS) is None
    assert store.prepare({MODEL: backend.dim}, make=False) == []
    assert store.foreign() == 0
    store.delete(STACK, ADDRESS)

    store.close()
    assert list(backend.root.rglob("*")) == []
    if backend.name == "pgvector":
        assert backend.everything() == ([], {})


def test_what_is_not_ours_under_our_name_is_refused_before_anything_is_written(backend: Backend) -> None:
    backend.stranger()
    before = backend.everything()

    for make in (False, True):
        try:
            (said,) = map(str, backend.open().prepare({MODEL: backend.dim}, make=make))
        except StoreError as error:
            said = str(error)
        assert "not ours" in said or "results is a file" in said

    backend.close()
    assert backend.everything() == before


def test_the_names_of_other_programs_can_be_had(backend: Backend) -> None:
    store = backend.ready(DE_FACTO)
    made, rows = a_set(dim=backend.dim)
    kept = store.replace(made, rows)

    store = backend.open(DE_FACTO)
    back = store.read(STACK, ADDRESS)
    assert back is not None
    assert back.digest == kept.digest
    assert list(store.list(STACK)) == [kept]
    store.replace(*a_set(2, 2, dim=backend.dim))
    store.delete(STACK, ADDRESS)
    assert list(store.list(STACK)) == []


def test_other_names_or_another_dimension_in_the_same_table_are_refused(backend: Backend) -> None:
    if backend.dim is None or backend.name == "parquet":
        pytest.skip("each file says itself what is in it")
    store = backend.ready()
    put(store, dim=backend.dim)
    store.close()
    before = backend.everything()

    (problem,) = backend.open({"start_sec": "start_offset_sec"}).prepare({MODEL: backend.dim})
    assert "another shape (expected start_offset_sec" in problem.summary or "other `columns:`" in problem.summary
    assert backend.open().prepare({MODEL: backend.dim}) == []
    backend.close()
    assert backend.everything() == before


def test_another_model_has_a_table_of_its_own_and_a_set_can_move_there(backend: Backend) -> None:
    if backend.dim is None:
        pytest.skip("texts have no dimension")
    store = backend.ready()
    put(store, 1, 5, dim=backend.dim)
    assert store.prepare({MODEL: backend.dim, "marengo2.7": 16}) == []

    store.replace(*a_set(2, 4, dim=16, model="marengo2.7"))

    store = backend.open()
    assert [(made.model, made.dim, made.rows) for made in store.list(STACK)] == [("marengo2.7", 16, 4)]
    back = store.read(STACK, ADDRESS)
    assert back is not None
    assert (back.dim, len(back)) == (16, 4)
    assert store.foreign() == 0


def test_one_thread_after_the_other_can_use_it(backend: Backend) -> None:
    store = backend.ready()
    for seed in range(3):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(put, store, seed, 2, dim=backend.dim).result()
            (made,) = thread.submit(lambda: list(store.list(STACK))).result()
        assert made.identity == f"identity-{seed}"
