"""Killed within a replace, read beside one: a set is whole, or it is the one before."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from reconciler.errors import StoreError
from reconciler.results import open_store
from reconciler.results.qpoints import Point, Points
from tests.results.backends import Backend
from tests.results.sets import ADDRESS, STACK, a_set
from tests.results.writer import LARGE, SMALL
from tests.support.commandline import CHECKOUT

KILLS, MANY_KILLS = 3, 12
REPLACES, MANY_REPLACES = 30, 300


def writer(backend: Backend, *how: str | int) -> subprocess.Popen[str]:
    backend.close()
    arguments = [backend.url, str(backend.root), str(backend.dim or 0), *map(str, how)]
    command = [sys.executable, "-m", "tests.results.writer", *arguments]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def assert_whole(backend: Backend, sets: Sequence[Any]) -> None:
    """Of the sets that were written exactly one is there, by the manifest and by every way to read it."""
    store = backend.open()
    back, made = None, None
    while back is None or [made] != list(store.list(STACK)):  # a server may still commit what a killed client sent
        (made,) = store.list(STACK)
        back = store.read(STACK, ADDRESS)
    assert made is not None
    (rows,) = [rows for wanted, rows in sets if wanted.identity == made.identity]
    assert back.digest == made.digest
    assert back.cells == rows.cells
    assert backend.as_documented(ADDRESS).keys() == set(rows.cells["key"])


def kill_and_look(backend: Backend, kills: int) -> None:
    backend.ready()
    sets = [a_set(1, LARGE, dim=backend.dim), a_set(2, SMALL, dim=backend.dim)]
    for step in range(kills):
        with writer(backend, "kill", step + 1, kills + 1) as process:
            assert process.stdout
            process.stdout.read()
        assert process.returncode == -signal.SIGKILL
        assert_whole(backend, sets)
        store = backend.ready()
        assert store.foreign() == 0
        store.replace(*sets[step % 2])
        assert_whole(backend, [sets[step % 2]])


@pytest.mark.slow
def test_killed_within_a_replace_the_set_is_whole_and_the_next_run_goes_on(backend: Backend) -> None:
    kill_and_look(backend, KILLS)


@pytest.mark.long
def test_killed_at_many_points_of_a_replace_the_set_is_whole(backend: Backend) -> None:
    kill_and_look(backend, MANY_KILLS)


def read_beside(backend: Backend, replaces: int) -> int:
    """How often it was read while another process replaced it; asserts that no read saw half of it."""
    backend.ready().replace(*a_set(1, LARGE, dim=backend.dim))
    sets = {made.digest: rows for made, rows in (a_set(1, LARGE, dim=backend.dim), a_set(2, SMALL, dim=backend.dim))}
    keys = [set(rows.cells["key"]) for rows in sets.values()]
    store, reads = backend.open(), 0
    with writer(backend, "for", replaces) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        while process.poll() is None:
            back = store.read(STACK, ADDRESS)
            (made,) = store.list(STACK)
            assert back is not None
            assert back.digest in sets
            assert made.digest in sets
            assert backend.as_documented(ADDRESS).keys() in keys
            reads += 1
    assert process.returncode == 0
    return reads


@pytest.mark.slow
def test_a_reader_beside_a_writer_sees_no_half_set(shared: Backend) -> None:
    assert read_beside(shared, REPLACES) > 0


@pytest.mark.long
def test_a_reader_beside_a_writer_without_pause_sees_no_half_set(shared: Backend) -> None:
    assert read_beside(shared, MANY_REPLACES) > 10


@pytest.mark.slow
def test_writers_of_the_same_set_make_it_once(shared: Backend) -> None:
    shared.ready()
    processes = [writer(shared, "same", 10) for _ in range(3)]

    codes = [process.communicate() and process.returncode for process in processes]

    assert_whole(shared, [a_set(1, LARGE, dim=shared.dim)])
    assert codes == [0, 0, 0]


class Watched(Points):
    """Points that let somebody read after each write."""

    def __init__(self, points: Points, look: Any) -> None:
        self._points, self._look = points, look

    def library(self) -> Any:
        return self._points.library()

    def collections(self) -> Mapping[str, int | None]:
        return self._points.collections()

    def make(self, name: str, dim: int | None, indexed: Sequence[str] = ()) -> None:
        self._points.make(name, dim, indexed)

    def get(self, name: str, id: str) -> Mapping[str, Any] | None:
        return self._points.get(name, id)

    def find(self, name: str, where: Mapping[str, Any], *, vectors: bool = False) -> Any:
        return self._points.find(name, where, vectors=vectors)

    def put(self, name: str, points: Sequence[Point]) -> None:
        for point in points:
            self._points.put(name, [point])
            self._look()

    def remove(self, name: str, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> None:
        self._points.remove(name, where, but)
        self._look()

    def drop(self, name: str, id: str) -> None:
        self._points.drop(name, id)
        self._look()

    def close(self) -> None:
        self._points.close()


def test_after_every_request_of_a_replace_a_reader_sees_a_whole_set(
    alone: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = alone.ready()
    sets = [a_set(1, 5, dim=alone.dim), a_set(2, 3, dim=alone.dim)]
    kept = [store.replace(*each) for each in sets]
    points: Points = vars(store)["_points"]
    seen: list[str] = []

    def look() -> None:
        monkeypatch.setitem(vars(store), "_points", points)
        back = store.read(STACK, ADDRESS)
        (made,) = store.list(STACK)
        monkeypatch.setitem(vars(store), "_points", watched)
        assert back is not None
        assert back.digest == made.digest
        seen.append(back.digest)

    watched = Watched(points, look)
    monkeypatch.setitem(vars(store), "_points", watched)
    store.replace(*sets[0])
    store.replace(*sets[1])

    flips = [digest for before, digest in zip([kept[1].digest, *seen], seen, strict=False) if digest != before]
    assert flips == [kept[0].digest, kept[1].digest]
    assert len(seen) > 10


def test_a_second_process_is_refused_in_plain_words(alone: Backend) -> None:
    store = alone.ready()
    store.replace(*a_set(dim=alone.dim))
    second = open_store(alone.url, root=alone.root, table="clips")

    with pytest.raises(StoreError, match=r"already accessed by another instance|one at a time") as caught:
        second.list(STACK)

    assert str(caught.value).startswith(alone.url)
    second.close()
