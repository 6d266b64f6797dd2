"""Several processes that write into one Qdrant: over HTTP, as machines do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.results import Store, open_store
from tests.results.sets import MODEL, STACK, a_set
from tests.support.qdrant import served_qdrant

pytest.importorskip("qdrant_client")


def test_who_prepares_takes_away_nothing_that_another_is_writing(tmp_path: Path) -> None:
    """It was once put in order with what killed runs had left: half a set of who lives looks just like that."""
    with served_qdrant() as (url, server):
        one, two = (open_store(url, root=tmp_path, table="clips") for _ in range(2))
        assert one.prepare({MODEL: 8}) == []
        put = vars(one)["_points"].put

        def while_it_is_written(name: str, points: object) -> None:
            put(name, points)
            if not name.endswith("_manifest"):
                assert two.prepare({MODEL: 8}) == []

        vars(one)["_points"].put = while_it_is_written
        made, rows = a_set(1, 5)
        kept = one.replace(made, rows)

        found = two.read(STACK, made.address)
        assert found is not None
        assert (found.digest, len(found)) == (kept.digest, 5)
        two.sweep(STACK)
        assert found.digest == kept.digest
        assert two.foreign() == 0
        assert len(server.points["clips_marengo3_0_8"]) == 5


def test_those_who_begin_at_once_all_find_what_they_need(tmp_path: Path) -> None:
    """Collections are announced one by one, so that nobody takes another's for a stranger's."""
    with served_qdrant() as (url, _):
        models = [f"m{number}" for number in range(6)]
        meeting = threading.Barrier(len(models))

        def begin(model: str) -> list[str]:
            store: Store = open_store(url, root=tmp_path, table="clips")
            meeting.wait()
            problems = [*store.prepare({model: 8}), *store.prepare({model: 8, MODEL: 8})]
            store.replace(*a_set(1, 3, address=f"embeddings/{model}/a", model=model))
            store.close()
            return list(map(str, problems))

        with ThreadPoolExecutor(len(models)) as pool:
            assert list(pool.map(begin, models)) == [[]] * len(models)
        after = open_store(url, root=tmp_path, table="clips")
        assert after.prepare(dict.fromkeys((*models, MODEL), 8)) == []
        assert {made.address for made in after.list(STACK)} == {f"embeddings/{model}/a" for model in models}
        assert after.foreign() == 0
