"""An upload in chunks, ended at each request and around each durable write: the next run leaves exactly one asset."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Exchange
from reconciler.state import State
from tests.support.files import sha, write
from tests.support.running import Killed
from tests.support.turns import in_turn
from tests.test_upload_engine import FILM, ONE, Studio, done, in_step


class Points:
    """Counts the places at which a run can end, and ends it at one of them."""

    def __init__(self, studio: Studio, kill: int, patch: pytest.MonkeyPatch) -> None:
        self.kill, self.count = kill, 0
        self.silence = studio.emulator.journal.listen(self.after_request)
        commit = State.commit

        def committing(state: State, *writes: Any) -> None:
            self.here()
            commit(state, *writes)
            self.here()

        patch.setattr(State, "commit", committing)

    def after_request(self, _: Exchange) -> None:
        self.here()

    def here(self) -> None:
        self.count += 1
        if self.count == self.kill:
            raise Killed


def begin(directory: Path, *, replacing: bool) -> Studio:
    studio = Studio(directory)
    studio.write({"stack.yaml": ONE})
    if replacing:
        write(directory / "big.mp4", FILM[::-1], mtime_ns=1)
        done(studio.apply())
        studio.emulator.journal.clear()
    write(directory / "big.mp4", FILM)
    return studio


@pytest.mark.slow
@pytest.mark.parametrize("replacing", [False, True], ids=["new file", "changed file"])
def test_wherever_an_upload_ends_the_next_run_leaves_one_asset(tmp_path: Path, replacing: bool) -> None:
    for kill in in_turn(4):
        directory = tmp_path / str(kill)
        directory.mkdir()
        studio = begin(directory, replacing=replacing)
        with pytest.MonkeyPatch.context() as patch:
            points = Points(studio, kill, patch)
            with suppress(Killed):
                done(studio.apply())
            points.silence()
            reached = points.count >= kill

        done(studio.apply())

        assert studio.shas() == {sha(FILM): 1}, f"killed at {kill}"
        in_step(studio)
        studio.emulator.close()
        if not reached:
            break
    assert kill > 40
