"""The second provider on its emulator: exactly once by tasks, metadata merged and replaced, names that several use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator, Exchange, ManualClock, ServedEmulator
from reconciler.emulator.mixpeek import app
from reconciler.engine import Limits, Session
from reconciler.errors import Invalid, StalePlan
from reconciler.model import Action, Report
from reconciler.reports.result import Result
from reconciler.reports.text import as_text
from tests.support.running import Bench, done
from tests.support.virtual import VirtualTime

STACK = """\
stack: films
provider: mixpeek
collections:
  example:
    assets:
      car: {text: two people inside a car, metadata: {author: user, deep: {a: [1, b]}}}
      clip:
        url: "https://media.example.com/clip.mp4"
        video: [{every: 10, embed: multimodal-v1, describe: {model: video-descriptor-v1}}]
      still: {url: "https://media.example.com/still", image: {}}
"""
TOLD = {"car": "text", "clip": "video", "still": "image"}


def bench_of(directory: Path, emulator: Emulator | None = None, text: str = STACK) -> Bench:
    made = Bench(directory, emulator or app(dimensions=8))
    made.write({"stack.yaml": text})
    return made


@pytest.fixture
def films(tmp_path: Path) -> Bench:
    return bench_of(tmp_path)


def assets(emulator: Emulator) -> list[dict[str, Any]]:
    """What is in the account, as it is kept."""
    rows = emulator.store.db.execute("SELECT id, name, status, doc FROM objects WHERE kind = 'asset' ORDER BY seq")
    return [{"id": id, "collection": name, "status": status, **json.loads(doc)} for id, name, status, doc in rows]


def keys(emulator: Emulator) -> list[str]:
    """The addresses that the marks of all assets name, "" for what has none."""
    return sorted(it["metadata"].get("reconciler_key", "").rpartition("/")[2] for it in assets(emulator))


def posted(emulator: Emulator, path: str = "/index") -> int:
    log = emulator.journal.entries
    return sum(it.method == "POST" and it.path.startswith(path) for it in log)


def writes(emulator: Emulator) -> list[str]:
    log = emulator.journal.entries
    return [f"{it.method} {it.route.partition(' ')[2]}" for it in log if it.method in ("PUT", "PATCH", "DELETE")]


def in_step(bench: Bench) -> None:
    assert bench.survey().plan.changes == ()


def running(directory: Path, url: str) -> subprocess.Popen[str]:
    """`reconciler apply` as a process of its own."""
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--poll-interval", "0.01"]
    return subprocess.Popen(
        [*command, "--endpoint", url, str(directory)],
        env={**os.environ, "MIXPEEK_API_KEY": "k", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def steer(emulator: Emulator, **rule: Any) -> None:
    emulator.add_fault({"path": "/index/**", "method": "POST", **rule})


# What is declared


def test_what_is_declared_is_indexed_and_a_second_plan_is_empty(films: Bench) -> None:
    done(films)

    found = {it["metadata"]["reconciler_key"].rpartition("/")[2]: it for it in assets(films.emulator)}
    assert {name: it["modality"] for name, it in found.items()} == TOLD
    assert {it["status"] for it in found.values()} == {"DONE"}
    assert found["clip"]["settings"] == [
        {"interval_sec": 10, "embed": {"model_id": "multimodal-v1"}, "describe": {"model_id": "video-descriptor-v1"}}
    ]
    assert {key: value for key, value in found["car"]["metadata"].items() if not key.startswith("reconciler_")} == {
        "author": "user", "deep": {"a": [1, "b"]},
    }  # fmt: skip
    assert posted(films.emulator) == 3
    in_step(films)


def test_lists_by_post_are_reads_and_a_plan_in_step_sends_two(films: Bench) -> None:
    done(films)
    films.emulator.journal.clear()

    in_step(films)

    assert dict(films.emulator.journal.by_route) == {"GET /collections": 1, "POST /assets": 1}


@pytest.mark.parametrize(
    ("asset", "says"),
    [
        ("{}", "needs `url: https://…` or `text: …`"),
        ("{url: 'https://x.example/a', text: b}", "one of them"),
        ("{url: 'https://x.example/a'}", "needs `video: []` or `image: {}`"),
        ("{text: a, video: []}", "its settings are `text_settings`"),
        ("{url: 'https://x.example/a.mp4', text_settings: {}}", "its settings are `video` or `image`"),
        ("{url: 'https://x.example/a.mp4', video: [], image: {}}", "keep what it is"),
        ("{url: 'https://x.example/a.mp4', video: [{every: 4}]}", "every"),
        ("{text: a, metadata: {preview_url: b}}", "the platform keeps something of its own there"),
        ("{text: a, metadata: {reconciler_x: b}}", "the tool's own"),
        ("{text: a, text_settings: {embed: multimodal-v2}}", "multimodal-v1"),
    ],
)
def test_what_the_platform_would_refuse_is_said_offline(tmp_path: Path, asset: str, says: str) -> None:
    bench = bench_of(tmp_path, text=f"stack: s\nprovider: mixpeek\ncollections:\n  c:\n    assets:\n      a: {asset}\n")

    with pytest.raises(Invalid) as caught:
        bench.survey()

    assert says in str(caught.value)
    assert "stack.yaml:6:" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "address"),
    [
        ("two people", "three people", "car"),
        ("clip.mp4", "other.mp4", "clip"),
        ("every: 10", "every: 20", "clip"),
        ("image: {}", "image: {read: {}}", "still"),
    ],
)
def test_another_address_text_or_setting_is_another_asset(films: Bench, old: str, new: str, address: str) -> None:
    done(films)
    before = {it["id"] for it in assets(films.emulator)}
    films.write({"stack.yaml": STACK.replace(old, new)})

    (change,) = films.survey().plan.changes
    assert (change.address, change.action) == (f"collections/example/assets/{address}", Action.REPLACE)
    done(films)

    assert len({it["id"] for it in assets(films.emulator)} - before) == 1
    assert keys(films.emulator) == ["car", "clip", "still"]
    in_step(films)


def test_a_setting_that_is_written_otherwise_changes_nothing(films: Bench) -> None:
    done(films)
    films.write({"stack.yaml": STACK.replace("every: 10, embed: multimodal-v1", "embed: multimodal-v1, every: 10")})
    in_step(films)


# Metadata


def test_keys_are_laid_over_by_patch_and_taken_away_by_put(films: Bench) -> None:
    done(films)
    films.emulator.journal.clear()
    more = STACK.replace("author: user, deep: {a: [1, b]}", "author: me, deep: {a: [1, b]}, more: 1")
    films.write({"stack.yaml": more})
    done(films)
    assert writes(films.emulator) == ["PATCH /assets/{asset_id}"]

    films.write({"stack.yaml": more.replace("author: me, ", "")})
    done(films)

    assert writes(films.emulator)[1:] == ["PUT /assets/{asset_id}"]
    kept = next(it["metadata"] for it in assets(films.emulator) if it["modality"] == "text")
    assert {key for key in kept if not key.startswith("reconciler_")} == {"deep", "more"}
    assert "reconciler_key" in kept
    in_step(films)


def test_a_put_that_takes_nothing_away_is_told(films: Bench) -> None:
    """No source says that PUT replaces: who relies on it looks at the answer."""
    done(films)
    shown = {"asset_id": "x", "metadata": {"author": "user"}}
    films.emulator.add_fault({"fault": "status", "status": 200, "method": "PUT", "path": "/assets/*", "body": shown})
    films.write({"stack.yaml": STACK.replace("author: user, ", "")})

    report = films.apply()

    assert ["author stayed in the metadata" in it.message for it in report.outcomes if it.result == "failed"] == [True]


def test_what_was_changed_by_hand_is_drift_and_is_mended(films: Bench) -> None:
    done(films)
    (car,) = (it for it in assets(films.emulator) if it["modality"] == "text")
    with ServedEmulator(films.emulator) as served:
        sent = {"metadata": {"author": "somebody", "theirs": 1}}
        headers = {"Authorization": "Bearer k"}
        httpx.patch(f"{served.url}/assets/{car['id']}", json=sent, headers=headers, trust_env=False)

    (change,) = films.survey().plan.changes
    assert {delta.path for delta in change.deltas} == {"metadata.author", "metadata.theirs"}
    done(films)

    kept = next(it["metadata"] for it in assets(films.emulator) if it["modality"] == "text")
    assert (kept["author"], kept.get("theirs")) == ("user", None)


# Failures


def test_what_failed_is_shown_with_its_error_and_is_made_anew(films: Bench) -> None:
    steer(films.emulator, fault="ends_failed", contains="two people", count=1)
    report = films.apply()
    (told,) = (it.message for it in report.outcomes if it.result == "failed")
    assert "The media could not be processed." in told

    (change,) = films.survey().plan.changes
    assert (change.address, change.action) == ("collections/example/assets/car", Action.REPLACE)
    assert change.facts["error"] == "The media could not be processed."
    done(films)

    assert [it["status"] for it in assets(films.emulator)] == ["DONE"] * 3
    in_step(films)


def test_a_video_that_failed_is_made_anew_although_its_address_is_known(films: Bench) -> None:
    """`prevent_duplicate` answers with the one that failed: that is not what is wanted."""
    steer(films.emulator, fault="ends_failed", contains="clip.mp4", count=1)
    assert films.apply().failed

    done(films)

    assert [it["status"] for it in assets(films.emulator)] == ["DONE"] * 3
    in_step(films)


# Exactly once


@pytest.mark.parametrize("nth", [0, 1, 2])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "cut"])
def test_an_index_call_whose_answer_is_lost_makes_no_second_asset(films: Bench, nth: int, fault: str) -> None:
    steer(films.emulator, fault=fault, after=nth, count=1)

    done(films)

    assert keys(films.emulator) == ["car", "clip", "still"]
    in_step(films)


def test_where_lists_hide_what_is_processed_an_address_is_still_indexed_once(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, app(listed_early=False, dimensions=8))
    steer(bench.emulator, fault="drop_after", contains="clip.mp4", count=1)

    done(bench)

    assert keys(bench.emulator) == ["car", "clip", "still"]
    in_step(bench)


def test_where_lists_hide_what_is_processed_a_text_may_be_there_twice_and_both_are_named(tmp_path: Path) -> None:
    """What the API makes impossible: of a text no call says that it was indexed before, and no list shows it yet. It is
    not silently there twice: the next plan names both, and deletes neither."""
    bench = bench_of(tmp_path, app(listed_early=False, dimensions=8))
    bench.emulator.set_options({"reads": {"PROCESSING": 30}})
    steer(bench.emulator, fault="drop_after", contains="two people", count=1)

    done(bench)
    assert keys(bench.emulator) == ["car", "car", "clip", "still"]
    for _ in range(40):
        bench.survey()
    twins = {it["id"] for it in assets(bench.emulator) if it["modality"] == "text"}

    plan = bench.survey().plan

    told = " ".join([change.address + change.reason + str(change.id) for change in plan.changes])
    told += " ".join(note.summary for note in plan.diagnostics)
    assert any(id in told for id in twins)


def test_a_lost_state_is_found_again_by_marks_and_names(films: Bench) -> None:
    done(films)
    before = assets(films.emulator)
    films.state_name = "another.db"

    done(films)

    assert [it["id"] for it in assets(films.emulator)] == [it["id"] for it in before]
    in_step(films)


@pytest.mark.parametrize("seed", range(4))
def test_a_network_that_loses_answers_makes_nothing_twice(tmp_path: Path, seed: int) -> None:
    bench = bench_of(tmp_path)
    bench.limits = Limits(poll_s=0.01, tries=12)
    bench.emulator.add_fault(
        {"fault": "drop_after", "method": "POST", "path": "/index/**", "probability": 0.4, "seed": seed}
    )
    for n, method in enumerate(("PATCH", "PUT", "DELETE")):
        bench.emulator.add_fault(
            {"fault": "drop_after", "method": method, "path": "/**", "probability": 0.3, "seed": seed + n}
        )
    bench.emulator.add_fault({"fault": "status", "path": "/**", "status": 503, "probability": 0.1, "seed": seed + 10})
    bench.emulator.add_fault({"fault": "lag", "method": "POST", "path": "/assets", "reads": 2})
    texts = (STACK, STACK.replace("every: 10", "every: 20").replace("author: user, ", "").replace("car:", "auto:"))
    for text in texts:
        bench.write({"stack.yaml": text})
        for _ in range(5):
            report = bench.apply()
            if not report.failed:
                break
        assert not report.failed, [it for it in report.outcomes if it.result != "done"]
    bench.emulator.clear_faults()

    assert keys(bench.emulator) == ["auto", "clip", "still"]
    in_step(bench)


def test_ctrl_c_says_of_what_was_begun_that_the_next_apply_goes_on_with_it(films: Bench) -> None:
    begun = threading.Barrier(2)
    films.emulator.add_fault({"fault": "never_ready", "method": "POST", "path": "/index/**"})

    def after_the_last(exchange: Exchange) -> None:
        if exchange.route.startswith("POST /index/") and posted(films.emulator) == len(TOLD):
            begun.wait(30)

    films.emulator.journal.listen(after_the_last)
    with ServedEmulator(films.emulator) as served:
        run = running(films.directory, served.url)
        begun.wait(30)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=60)

        assert run.returncode == 130
        for name in TOLD:
            assert f"begun collections/example/assets/{name}: interrupted; the next apply goes on with it" in out
        assert "Interrupted: 1 done, 3 begun, 0 failed, 0 skipped." in out
        assert "Traceback" not in out
    films.emulator.clear_faults()
    films.emulator.store.db.execute("UPDATE objects SET fate = ''")
    done(films)

    assert posted(films.emulator) == 3
    in_step(films)


# Others in the same collection


def by_hand(emulator: Emulator, text: str) -> str:
    """An asset that somebody has made without us."""
    with ServedEmulator(emulator) as served:
        headers = {"Authorization": "Bearer k"}
        with httpx.Client(base_url=served.url, headers=headers, trust_env=False) as api:
            task = api.post("/index/text", json={"collection_id": "example", "text": text}).json()["task_id"]
            while (told := api.get(f"/tasks/{task}").json())["status"] != "DONE":
                pass
    return str(told["asset_id"])


def test_two_stacks_and_what_is_made_by_hand_share_a_collection_untouched(tmp_path: Path) -> None:
    emulator = app(dimensions=8)
    own = by_hand(emulator, "two people inside a car")
    shared = STACK.replace("  example:\n", "  example:\n    external: true\n")
    one = bench_of(tmp_path / "one", emulator, shared)
    two = bench_of(tmp_path / "two", emulator, shared.replace("stack: films", "stack: others"))
    done(one)
    done(two)
    assert keys(emulator) == ["", "car", "car", "clip", "clip", "still", "still"]
    in_step(one)
    in_step(two)

    one.write({"stack.yaml": shared.replace("every: 10", "every: 30").replace("two people", "three people")})
    done(one)
    in_step(two)
    done(one, destroy=True)

    assert sorted(it["metadata"].get("reconciler_stack", "") for it in assets(emulator)) == ["", *["others"] * 3]
    assert own in {it["id"] for it in assets(emulator)}
    in_step(two)


def test_a_collection_with_assets_of_others_is_not_deleted_without_their_leave(tmp_path: Path) -> None:
    emulator = app(dimensions=8)
    bench = bench_of(tmp_path, emulator)
    done(bench)
    own = by_hand(emulator, "by hand")

    planning = bench.survey(destroy=True)

    assert any("allow-foreign" in refusal for refusal in planning.refusals), planning.refusals
    assert own in {it["id"] for it in assets(emulator)}


def test_a_collection_goes_with_its_last_asset_and_an_empty_one_may_be_declared(films: Bench) -> None:
    done(films)
    films.write({"stack.yaml": "stack: films\nprovider: mixpeek\ncollections:\n  example: {}\n"})
    done(films)
    assert assets(films.emulator) == []
    in_step(films)

    done(films, destroy=True)
    assert films.survey(destroy=True).plan.changes == ()


def test_what_was_deleted_with_its_collection_by_hand_is_made_again(films: Bench) -> None:
    done(films)
    with ServedEmulator(films.emulator) as served:
        headers = {"Authorization": "Bearer k"}
        assert httpx.delete(f"{served.url}/collections/example", headers=headers, trust_env=False).status_code == 200

    assert {(it.address, it.action) for it in films.survey().plan.changes} == {
        (f"collections/example/assets/{name}", Action.CREATE) for name in TOLD
    }
    done(films)
    assert keys(films.emulator) == ["car", "clip", "still"]
    in_step(films)


# Ten requests a minute


def thirty(**guards: str) -> str:
    lines = ["stack: films", "provider: mixpeek", *(f"guards: {{{k}: {v}}}" for k, v in guards.items())]
    lines += ["collections:", "  example:", "    assets:"]
    return "\n".join([*lines, *(f"      t{n:02}: {{text: text {n}}}" for n in range(30))]) + "\n"


def test_thirty_assets_on_the_free_plan_are_made_without_a_failed_step_as_slowly_as_said(tmp_path: Path) -> None:
    shared = ManualClock()
    bench = bench_of(tmp_path, app(plan="free", clock=shared, dimensions=8), thirty(plan="free"))
    bench.clock = lambda: VirtualTime(shared)
    bench.limits = replace(bench.limits, poll_s=None)
    said = bench.survey().plan.estimate
    assert said is not None
    assert said.seconds_at_rate_limit is not None
    shared.advance(60)
    begun = shared.now()

    done(bench)

    took = shared.now() - begun
    assert len(assets(bench.emulator)) == 30
    assert said.seconds_at_rate_limit <= took <= 3 * said.seconds_at_rate_limit
    in_step(bench)


def test_a_plan_counts_the_requests_that_read_features_and_says_that_each_row_is_one(tmp_path: Path) -> None:
    plain, with_vectors = thirty(plan="free"), "features:\n  shown: {of: collections/example, model: multimodal-v1}\n"
    words = with_vectors.replace(", model: multimodal-v1", "")
    none, some, all_words = (
        bench_of(tmp_path / name, text=text).survey().plan
        for name, text in (("none", plain), ("some", plain + with_vectors), ("words", plain + words))
    )

    assert (none.estimate.writes, some.estimate.writes) == (30, 30), "nothing is sent for a collection"
    assert (some.estimate.derived_requests, some.estimate.derived_by_row) == (60, 30), (
        "the asset, and a vector at least"
    )
    assert (all_words.estimate.derived_requests, all_words.estimate.derived_by_row) == (30, 0)
    assert none.estimate.seconds_at_rate_limit is not None
    assert some.estimate.seconds_at_rate_limit == none.estimate.seconds_at_rate_limit + 60 / 10 * 60
    assert some.estimate.seconds_per_request == 6.0
    said = as_text(Result("plan", some))
    assert "At least 60 requests to fetch: one for each row, known when they are read." in said
    assert f"takes at least {some.estimate.seconds_at_rate_limit:.0f} s, and 6 s for each row more." in said
    assert "for each row" not in as_text(Result("plan", none)) + as_text(Result("plan", all_words))


# Two who apply


def test_of_two_who_planned_the_same_the_second_makes_nothing_twice(tmp_path: Path) -> None:
    """With a state each, so that no lock is between them: what the first has made is seen before anything is sent."""
    emulator = app(dimensions=8)
    first, second = bench_of(tmp_path / "one", emulator), bench_of(tmp_path / "two", emulator)

    async def planned_before(session: Session) -> Report:
        with session.state.lock("test"):
            planning = await session.plan_for_good()
            await asyncio.to_thread(done, first)
            return await session.apply(planning, command="test")

    with contextlib.suppress(StalePlan):
        report = second.run(planned_before)
        assert all(it.result != "done" for it in report.outcomes if "/assets/" in it.address), report.outcomes

    assert keys(emulator) == ["car", "clip", "still"]
    in_step(first)


def test_two_who_apply_at_once_with_one_state_make_everything_once(tmp_path: Path) -> None:
    """Processes of the command line, over a socket: one of them is told who holds the stack, or has nothing to do."""
    bench = bench_of(tmp_path)
    with ServedEmulator(bench.emulator) as served:
        both = [running(tmp_path, served.url) for _ in range(2)]
        for process in both:
            process.communicate(timeout=60)

    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0
    assert codes[1] in (0, 3, 4, 6, 7), codes
    assert keys(bench.emulator) == ["car", "clip", "still"]
    in_step(bench)
