"""Uploads in whole runs: what was interrupted goes on, what is there is never sent again, nothing is left over."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Emulator, Exchange
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.files import Files, Sending
from reconciler.model import Action, Report
from reconciler.plan.guards import Consent
from reconciler.provider import Drivers
from reconciler.providers.twelvelabs import TwelveLabs
from reconciler.providers.twelvelabs.limits import Sizes
from reconciler.repair import rebuild
from tests.support.files import opens, sha, write
from tests.support.filled import NewAsset, filled
from tests.support.running import AGREED, Bench, Killed

CHUNK = 1000
FILM = bytes(range(251)) * 40  # 10040 bytes: eleven chunks
SIZES = {kind: Sizes(form=3 * CHUNK, chunks=10**6) for kind in ("video", "audio", "image")}
PUTS = "PUT /_storage/{upload_id}/{chunk}"
SESSIONS = "POST /assets/multipart-uploads"
ONE = "stack: s\nprovider: twelvelabs\nassets:\n  big: {file: big.mp4, metadata: {n: 1}}\n"


class Lowered(TwelveLabs):
    sizes = SIZES


@dataclass
class Studio(Bench):
    """A bench on which more than three chunks go up in chunks."""

    emulator: Emulator = field(default_factory=lambda: app(chunk_size=CHUNK, initial_urls=2))
    parallelism: int = 1

    @asynccontextmanager
    async def session(self, consent: Consent = AGREED) -> AsyncIterator[Session]:
        async with super().session(consent) as session:
            sending = Sending(Files(session.stack.root), clock=session.clock, parallelism=self.parallelism)
            session.drivers = Drivers(Lowered(), replace(session.drivers.hands, sending=sending))
            session.__post_init__()
            yield session

    def killed(self, when: Callable[[Exchange], bool]) -> None:
        """A run that dies at the first exchange for which `when` is true, after the server has done it."""

        def listener(exchange: Exchange) -> None:
            if when(exchange):
                raise Killed

        silence = self.emulator.journal.listen(listener)
        try:
            with pytest.raises(Killed):
                self.apply()
        finally:
            silence()
            self.emulator.journal.clear()

    def sent(self, route: str) -> int:
        return self.emulator.journal.by_route[route]

    def shas(self) -> Counter[str]:
        """sha256 of all assets, as the server found them."""
        rows = self.emulator.store.db.execute("SELECT doc ->> '$.media.sha256' FROM objects WHERE kind = 'asset'")
        return Counter(row[0] for row in rows)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    made = Studio(tmp_path)
    made.write({"stack.yaml": ONE})
    write(tmp_path / "big.mp4", FILM)
    return made


def done(report: Report) -> Report:
    assert not report.failed, report.outcomes
    return report


def in_step(studio: Studio) -> None:
    """Nothing is left to do, and nothing of an upload is kept."""
    assert studio.survey().plan.changes == ()
    assert studio.run(lambda session: _uploads(session)) == 0


async def _uploads(session: Session) -> int:
    return len(session.state.operations())


def after_puts(studio: Studio, count: int) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.route == PUTS and studio.sent(PUTS) == count


@pytest.mark.parametrize("puts", range(1, 12))
def test_a_run_that_dies_after_any_chunk_is_continued_with_the_missing_ones(studio: Studio, puts: int) -> None:
    studio.killed(after_puts(studio, puts))

    survey = studio.survey()
    assert [(change.address, change.action) for change in survey.plan.changes] == [("assets/big", Action.CREATE)]
    notes = [str(note) for note in survey.plan.diagnostics if "upload" in str(note)]
    assert notes == [f"note: assets/big: an interrupted upload goes on: {puts - 1} of 11 chunks are there"]
    done(studio.apply())

    assert (studio.sent(PUTS), studio.sent(SESSIONS)) == (11 - (puts - 1), 0)
    assert studio.shas() == {sha(FILM): 1}
    in_step(studio)


@pytest.mark.parametrize(
    "route",
    ["POST /assets/multipart-uploads", "POST /assets/multipart-uploads/{upload_id}", "GET /assets"],
    ids=["session made", "all reported", "waiting"],
)
def test_a_run_that_dies_at_a_step_leaves_nothing_over(studio: Studio, route: str) -> None:
    reads = 0

    def when(exchange: Exchange) -> bool:
        nonlocal reads
        reads += exchange.route == "GET /assets"
        return exchange.route == route and (route != "GET /assets" or reads > 2)

    studio.killed(when)

    done(studio.apply())

    assert studio.shas() == {sha(FILM): 1}
    assert studio.sent(PUTS) == (11 if route == SESSIONS else 0)
    in_step(studio)


def test_a_session_whose_answer_is_lost_is_not_waited_for(studio: Studio) -> None:
    studio.emulator.add_fault({"fault": "drop_after", "method": "POST", "path": SESSIONS.split()[1], "count": 1})

    done(studio.apply())

    assert (studio.shas(), studio.sent(SESSIONS)) == ({sha(FILM): 1}, 2)
    in_step(studio)


def test_without_its_state_an_interrupted_upload_is_begun_anew(studio: Studio) -> None:
    studio.killed(after_puts(studio, 4))
    studio.state_name = "another.db"

    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 11)
    in_step(studio)


def test_without_stamps_an_interrupted_upload_goes_on_too(studio: Studio) -> None:
    studio.write({"stack.yaml": ONE + "stamps: false\n"})
    studio.killed(after_puts(studio, 4))

    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 8)
    in_step(studio)


@pytest.mark.parametrize("kept", [True, False], ids=["upload known", "state lost"])
def test_a_state_that_is_rebuilt_does_not_take_an_unfinished_upload_for_an_asset(studio: Studio, kept: bool) -> None:
    studio.killed(after_puts(studio, 4))
    studio.state_name = "state.db" if kept else "another.db"

    assert studio.run(rebuild) == []
    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 8 if kept else 11)
    in_step(studio)


def test_urls_that_expired_meanwhile_do_not_matter(studio: Studio) -> None:
    studio.killed(after_puts(studio, 4))
    studio.emulator.clock.advance(2 * 3600)

    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 8)


def test_a_session_that_expired_meanwhile_is_begun_anew(studio: Studio) -> None:
    studio.killed(after_puts(studio, 4))
    studio.emulator.clock.advance(25 * 3600)

    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 11)
    in_step(studio)


@pytest.mark.parametrize("edit", ["content", "declared no more", "destroyed", "filename"])
def test_an_upload_that_nobody_wants_any_more_is_deleted(studio: Studio, edit: str) -> None:
    studio.killed(after_puts(studio, 4))
    other = FILM[::-1]
    if edit == "content":
        write(studio.directory / "big.mp4", other, mtime_ns=1)
        done(studio.apply())
        assert studio.shas() == {sha(other): 1}
    elif edit == "filename":
        studio.write({"stack.yaml": ONE.replace("big.mp4,", "big.mp4, filename: new.mp4,")})
        done(studio.apply())
        assert studio.shas() == {sha(FILM): 1}
        assert studio.names("asset") == ["new.mp4"]
    elif edit == "destroyed":
        done(studio.apply(destroy=True))
        assert studio.shas() == {}
        return
    else:
        studio.write(
            {"stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {other: {url: 'https://x.example/a.mp4'}}\n"}
        )
        done(studio.apply())
        assert len(studio.names("asset")) == 1
    in_step(studio)


def test_an_interrupted_upload_goes_on_under_a_new_key_and_path(studio: Studio) -> None:
    studio.killed(after_puts(studio, 4))
    (studio.directory / "big.mp4").rename(studio.directory / "large.mp4")
    studio.write({"stack.yaml": ONE.replace("big", "large").replace("n: 1", "n: 2")})

    done(studio.apply())

    assert (studio.shas(), studio.sent(PUTS)) == ({sha(FILM): 1}, 8)
    in_step(studio)


def test_a_stopped_run_says_what_is_there_and_the_next_goes_on(studio: Studio) -> None:
    async def stopped(session: Session) -> Report:
        with session.state.lock("test"):
            survey = await session.plan()

            def stop(exchange: Exchange) -> None:
                if studio.sent(PUTS) == 5 and session.sending:
                    session.sending.stop()

            silence = studio.emulator.journal.listen(stop)
            try:
                return await session.apply(survey, command="test")
            finally:
                silence()

    report = studio.run(stopped)
    studio.emulator.journal.clear()

    assert "5 of 11 chunks are there and kept; run again to go on" in report.outcomes[0].message
    done(studio.apply())
    assert studio.sent(PUTS) == 6
    in_step(studio)


def test_a_file_that_changes_between_plan_and_apply_is_not_sent(studio: Studio) -> None:
    async def changed(session: Session) -> Report:
        with session.state.lock("test"):
            survey = await session.plan()
            write(studio.directory / "big.mp4", FILM[::-1], mtime_ns=1)
            return await session.apply(survey, command="test")

    with pytest.raises(AssertionError, match="changed since it was planned"):
        done(studio.run(changed))

    assert (studio.shas(), studio.sent(PUTS), studio.sent(SESSIONS)) == ({}, 0, 0)
    assert studio.survey().unresolved == ()  # it is known that nothing was made: nobody has to look for it


def test_a_file_that_goes_between_plan_and_apply_is_a_failure_with_its_name(studio: Studio) -> None:
    async def gone(session: Session) -> Report:
        with session.state.lock("test"):
            survey = await session.plan()
            (studio.directory / "big.mp4").unlink()
            return await session.apply(survey, command="test")

    (outcome,) = studio.run(gone).outcomes

    assert (outcome.address, outcome.result) == ("assets/big", "failed")
    assert "big.mp4: cannot be read (No such file or directory)" in outcome.message
    assert (studio.shas(), studio.sent(SESSIONS)) == ({}, 0)


MANY = "stack: s\nprovider: twelvelabs\nguards: {max_replaces: 2}\nassets:\n"


def many(studio: Studio, count: int, name: str) -> None:
    studio.write({"stack.yaml": MANY + "".join(f"  {name}{n}: {{file: {name}/{n}.jpg}}\n" for n in range(count))})


def put_there(studio: Studio, keys: Mapping[str, str]) -> None:
    """As an apply would have left it, without a request each: the asset of each file, under its key in the stack.

    Some asset must have been applied before, for the id of the stack that all are marked with.
    """
    row = studio.emulator.store.db.execute("SELECT doc ->> '$.user_metadata' FROM objects LIMIT 1").fetchone()
    assets = []
    for name, key in keys.items():
        content = (studio.directory / name).read_bytes()
        marks = {**json.loads(row[0]), "reconciler_key": f"assets/{key}", "reconciler_sha256": sha(content)}
        assets.append(NewAsset(Path(name).name, content=content, metadata=marks))
    filled(studio.emulator, assets=assets)
    studio.emulator.journal.clear()
    done(studio.apply())
    assert studio.sent("POST /assets") == 0


def test_what_is_put_there_is_what_an_apply_leaves(tmp_path: Path) -> None:
    rows: list[Any] = []
    for put in (False, True):
        studio = Studio(tmp_path / str(put))
        for number in range(2):
            write(studio.directory / f"a/{number}.jpg", b"picture %d" % number)
        many(studio, 1 if put else 2, "a")
        done(studio.apply())
        if put:
            many(studio, 2, "a")
            put_there(studio, {"a/1.jpg": "a1"})
        in_step(studio)
        db = studio.emulator.store.db
        rows.append(db.execute("SELECT kind, name, type, status, doc FROM objects ORDER BY name").fetchall())
    before, after = ([re.sub('"reconciler_id": "[0-9a-f]+"', "", str(tuple(row))) for row in one] for one in rows)

    assert len(before) == 2
    assert [row.replace('"thumbnail": true', '"thumbnail": false') for row in after] == before


@pytest.mark.slow
def test_a_thousand_files_and_keys_renamed_are_not_sent_again_and_one_changed_byte_is_one_upload(
    studio: Studio,
) -> None:
    for number in range(1000):
        write(studio.directory / f"a/{number}.jpg", b"picture %d" % number)
    many(studio, 1, "a")
    done(studio.apply())
    many(studio, 1000, "a")
    put_there(studio, {f"a/{number}.jpg": f"a{number}" for number in range(1, 1000)})
    studio.emulator.journal.clear()

    (studio.directory / "a").rename(studio.directory / "b")
    many(studio, 1000, "b")
    done(studio.apply())
    assert studio.sent("POST /assets") == 0
    in_step(studio)

    studio.emulator.journal.clear()
    write(studio.directory / "b/500.jpg", b"picture 50O", mtime_ns=1)
    done(studio.apply())
    assert studio.sent("POST /assets") == 1
    in_step(studio)


@pytest.mark.slow
def test_a_plan_of_ten_thousand_unchanged_files_opens_none_and_only_lists(studio: Studio) -> None:
    studio.write({"stack.yaml": MANY + "  photos: {files: a/*.jpg}\n"})
    write(studio.directory / "a/00000.jpg", b"picture 0")
    done(studio.apply())
    for number in range(1, 10_000):
        write(studio.directory / f"a/{number:05}.jpg", b"picture %d" % number)
    put_there(studio, {f"a/{number:05}.jpg": f"photos.{number:05}.jpg" for number in range(1, 10_000)})
    studio.emulator.journal.clear()

    with opens(studio.directory / "a") as opened:
        survey = studio.survey()

    assert len(survey.stack.resources) == 10_000
    assert survey.plan.changes == ()
    assert [path for path in opened if path.endswith(".jpg")] == []
    assert studio.emulator.journal.by_route == {"GET /assets": 200}


def test_the_same_bytes_under_two_keys_are_said_to_be_two_uploads(studio: Studio) -> None:
    studio.write({"stack.yaml": ONE + "  again: {file: copy.mp4}\n"})
    write(studio.directory / "copy.mp4", FILM)

    warned = [note for note in studio.survey().plan.diagnostics if note.severity == "warning"]
    done(studio.apply())

    assert [(note.address, note.line) for note in warned] == [("assets/again", 5)]
    assert "has the same bytes as assets/big and is uploaded as well: one asset has one key" in warned[0].summary
    assert studio.shas() == {sha(FILM): 2}
    assert studio.survey().plan.diagnostics == ()


USED = (
    ONE
    + """
indexes:
  films: {models: [{name: marengo3.0}], assets: {big: {metadata: {rating: 9}}}}
entity_collections:
  people: {entities: {ann: {assets: [big], metadata: {team: x}}}}
"""
)


@pytest.mark.parametrize("kill", [0, *range(1, 36, 3)])
def test_a_changed_file_is_replaced_without_a_moment_in_which_something_lacks_it(studio: Studio, kill: int) -> None:
    studio.write({"stack.yaml": USED})
    done(studio.apply())
    write(studio.directory / "big.mp4", FILM[::-1], mtime_ns=1)
    studio.emulator.journal.clear()
    seen: Counter[str] = Counter()

    def watch(exchange: Exchange) -> None:
        db = studio.emulator.store.db
        indexed = db.execute("SELECT count(*) FROM objects WHERE kind = 'indexed_asset'").fetchone()[0]
        shown = db.execute("SELECT json_array_length(doc, '$.asset_ids') FROM objects WHERE kind = 'entity'").fetchone()
        assert indexed >= 1
        assert shown[0] >= 1
        seen[f"{indexed} indexed, {shown[0]} shown"] += 1
        if kill and studio.emulator.journal.total == kill and seen["killed"] == 0:
            seen["killed"] += 1
            raise Killed

    studio.emulator.journal.listen(watch)
    if kill:
        with pytest.raises(Killed):
            studio.apply()
    done(studio.apply())

    assert studio.shas() == {sha(FILM[::-1]): 1}
    assert {"1 indexed, 1 shown", "2 indexed, 1 shown"} <= set(seen) or kill
    listed = studio.survey(everything=True).snapshot.by_kind
    (indexed,), (entity,) = listed["IndexedAsset"].values(), listed["Entity"].values()
    assert (indexed.fields["metadata"], entity.fields["metadata"]) == ({"rating": 9}, {"team": "x"})
    in_step(studio)
