"""`api: v1`: the first version's own words, and the vendor's two references of it run as stacks, number by number."""

from __future__ import annotations

import json
import os
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import twelvelabs

from reconciler.emulator import ServedEmulator
from reconciler.emulator.core.clock import MachineClock
from reconciler.emulator.twelvelabs import app
from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.providers.twelvelabs import Embedding
from reconciler.results import open_store
from tests.support.files import lay_out
from tests.support.running import Bench, Killed, done
from tests.test_results_made import Points
from tests.test_tours import TOURS, python

pytest.importorskip("pyarrow")

HEAD = "stack: s\nprovider: twelvelabs\n"
FILM = "https://example.com/lebron_dunks.mp4"
OLD_MODEL = "Marengo-retrieval-2.7"
OF_2024 = f"""\
embeddings:
  legacy:
    of: {{film: {{url: "{FILM}"}}}}
    api: v1
    model: {OLD_MODEL}
    scopes: [clip, video]
    segments: {{every: 5}}
    window: {{from: 0, to: 10}}
"""
OF_2026 = f"""\
assets: {{film: {{url: "{FILM}"}}}}
embeddings:
  legacy:
    of: film
    api: v1
    model: marengo3.0
    options: [visual, audio, transcription]
    scopes: [clip, video]
    segments: {{every: 5}}
    window: {{from: 0, to: 10}}
"""
ONE = "assets: {{a: {{url: 'https://example.com/a.mp4'}}}}\nembeddings: {{c: {{of: a, api: v1, model: {rest}}}}}\n"
Segment = tuple[str, str, float, float, bytes]


@contextmanager
def account(directory: Path, vintage: str) -> Iterator[tuple[Bench, ServedEmulator]]:
    """A stack's directory, and an account of that vintage over a socket."""
    emulator = app(vintage=vintage)
    with ServedEmulator(emulator) as served:
        yield Bench(directory, emulator, endpoint=served.url), served
    emulator.close()


def kept(bench: Bench, address: str) -> list[Segment]:
    rows = open_store("results", root=bench.directory).read("s", address)
    assert rows is not None
    return sorted(
        (str(it["option"]), str(it["scope"]), it["start_sec"], it["end_sec"], rows.vector(number).tobytes())
        for number, it in enumerate(rows.records())
    )


def told(segments: Any) -> list[Segment]:
    """What a client gives, in the same form: floats of four bytes."""
    return sorted((*about, array("f", vector).tobytes()) for *about, vector in segments)


def by_the_client_of_now(served: ServedEmulator, model: str, options: list[str] | None) -> list[Segment]:
    client: Any = twelvelabs.TwelveLabs(api_key="key", base_url=served.url)
    task = client.embed.tasks.create(
        model_name=model,
        video_url=FILM,
        video_start_offset_sec=0,
        video_end_offset_sec=10,
        video_clip_length=5,
        video_embedding_scope=["clip", "video"],
    )
    client.embed.tasks.wait_for_done(task.id, sleep_interval=0.01)
    found = client.embed.tasks.retrieve(task_id=task.id, **({"embedding_option": options} if options else {}))
    return told(
        (it.embedding_option, it.embedding_scope, it.start_offset_sec, it.end_offset_sec, it.float_)
        for it in found.video_embedding.segments
    )


def test_the_example_of_2024_gives_what_its_reference_gives(tmp_path: Path) -> None:
    with account(tmp_path, "2024-11") as (bench, served):
        bench.write({"s.yaml": HEAD + OF_2024})
        done(bench)

        made = kept(bench, "embeddings/legacy/film")
        assert made == by_the_client_of_now(served, OLD_MODEL, None) == as_printed(served)
        assert [(option, scope, first, last) for option, scope, first, last, _ in made] == [
            (option, scope, first, last)
            for option in ("audio", "visual-text")
            for scope, first, last in (("clip", 0, 5), ("clip", 5, 10), ("video", 0, 10))
        ]
        assert {len(vector) for *_, vector in made} == {4 * 1024}
        assert bench.survey().plan.changes == ()


def as_printed(served: ServedEmulator) -> list[Segment]:
    """The three calls of the page, without any client."""
    asked = {"video_start_offset_sec": "0", "video_end_offset_sec": "10", "video_clip_length": "5"}
    said = {"model_name": OLD_MODEL, "video_url": FILM, **asked}
    fields = [*said.items(), ("video_embedding_scope", "clip"), ("video_embedding_scope", "video")]
    form = [(name, (None, value)) for name, value in fields]
    with httpx.Client(headers={"x-api-key": "key"}, trust_env=False) as http:
        path = f"{served.url}/embed/tasks"
        task = http.post(path, files=form).json()["_id"]
        while http.get(f"{path}/{task}/status").json()["status"] != "ready":
            pass
        found = http.get(f"{path}/{task}").json()["video_embedding"]["segments"]
    names = ("embedding_option", "embedding_scope", "start_offset_sec", "end_offset_sec", "float")
    return told([it[name] for name in names] for it in found)


@pytest.mark.slow
def test_the_client_of_2024_itself_gives_the_same(tmp_path: Path) -> None:
    client = python("0.4.11")
    with account(tmp_path, "2024-11") as (bench, served):
        bench.write({"s.yaml": HEAD + OF_2024})
        done(bench)

        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        run = subprocess.run(
            [client, str(TOURS / "seed_003.py"), FILM],
            env={**clean, "TWELVELABS_BASE_URL": served.origin},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr[-2000:]
        assert kept(bench, "embeddings/legacy/film") == told(json.loads(run.stdout))


@pytest.mark.parametrize("vintage", ["2026-07", "newest"])
def test_the_example_of_2026_gives_what_its_reference_gives(tmp_path: Path, vintage: str) -> None:
    with account(tmp_path, vintage) as (bench, served):
        bench.write({"s.yaml": HEAD + OF_2026})
        done(bench)

        made = kept(bench, "embeddings/legacy/film")
        assert made == by_the_client_of_now(served, "marengo3.0", ["visual", "audio", "transcription"])
        assert len(made) == 9
        assert bench.survey().plan.changes == ()


def test_a_file_is_sent_and_the_last_piece_of_less_than_two_seconds_is_none(bench: Bench) -> None:
    text = "assets: {a: {file: a.mp4}}\nembeddings: {c: {of: a, api: v1, model: marengo3.0, segments: {every: 2.5}, "
    bench.write({"s.yaml": HEAD + text + "window: {from: 0, to: 6}, options: [audio]}}\n", "a.mp4": b"film"})

    done(bench)

    assert [(first, last) for _, _, first, last, _ in kept(bench, "embeddings/c/a")] == [(0, 2.5), (2.5, 5)]
    (row,) = bench.emulator.store.db.execute("SELECT doc FROM objects WHERE kind = 'embed_task'").fetchall()
    assert json.loads(row[0])["metadata"]["input_filename"] == "a.mp4"
    assert bench.survey().plan.changes == ()


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("marengo3.0, scopes: [clip, asset]", "scopes: `asset` is the word of `api: v2`; here it is `video`"),
        ("marengo3.0, scopes: [video]", "this version makes `[clip]`, or `[clip, video]`"),
        ("marengo3.0, options: [visual-text]", "options: of marengo3.0 there is no `visual-text`; there is audio"),
        (f"{OLD_MODEL}, options: [transcription]", f"of {OLD_MODEL} there is no `transcription`; there is audio, vis"),
        ("marengo3.0, type: [separate]", "type: vectors of this version are separate"),
        ("marengo3.0, media: audio", "media: this version makes vectors of videos only"),
        ("marengo3.0, segments: {at_least: 3}", "cuts by `every` only"),
        ("marengo3.0, window: {from: 3}", "window: this version needs `to:` as well"),
        ("marengo3.0, window: {to: 4}", "window: is shorter than a clip of 6 s"),
        ("marengo-old", '"marengo-old" was not offered in November 2026'),
    ],
)
def test_words_of_the_other_version_are_answered_by_its_own(tmp_path: Path, rest: str, problem: str) -> None:
    assert problem in said_of(tmp_path, ONE.format(rest=rest))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("embeddings: {c: {of: a, model: marengo3.0, scopes: [video]}}", "here it is `asset`"),
        ("embeddings: {c: {of: a, model: Marengo-retrieval-2.7}}", "is a model of `api: v1`"),
        ("embeddings: {c: {of: {x: {url: 'https://example.com/x.mp4'}}, model: marengo3.0}}", "url: is taken with"),
        ("embeddings: {c: {of: {x: {file: x.mp4}}, api: v1, model: marengo3.0}}", "declare a file under `assets:`"),
        (
            "embeddings: {c: {of: b, api: v1, model: marengo3.0}}",
            "takes an address or a file, and assets/b has neither",
        ),
    ],
)
def test_what_only_one_version_takes_is_told_of_the_other(tmp_path: Path, text: str, problem: str) -> None:
    head = "assets: {a: {url: 'https://example.com/a.mp4'}, b: {id: 66aaaaaaaaaaaaaaaaaaaaaa}}\n"

    assert problem in said_of(tmp_path, head + text)


def said_of(directory: Path, text: str) -> str:
    lay_out(directory, {"s.yaml": HEAD + text})
    with pytest.raises(Invalid) as caught:
        load(directory, environ={})
    (problem,) = caught.value.problems
    return str(problem)


def test_lengths_are_told_apart_by_what_they_are_and_versions_by_their_name() -> None:
    def of(**fields: Any) -> str | None:
        return Embedding.identity({"of": "assets/a", "model": "marengo3.0", **fields}, lambda _: "A")

    same = of(api="v1")
    assert of(api="v1", segments={"every": 6}, scopes=["clip"], options=["visual", "audio", "transcription"]) == same
    assert of(api="v1", url="https://example.com/moved.mp4") == same
    assert of(api="v2") == of()
    others = [
        of(),
        of(api="v1", segments={"every": 6.5}),
        of(api="v1", options=["audio"]),
        of(api="v1", scopes=["clip", "video"]),
    ]
    assert len({same, *others}) == 5


TWO = """\
assets:
  a: {url: "https://example.com/one/a.mp4"}
  b: {url: "https://example.com/two/a.mp4"}
embeddings: {c: {of: "*", api: v1, model: marengo3.0}}
"""


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_a_task_whose_answer_was_lost_is_told_by_the_address_that_was_sent(tmp_path: Path, fault: str) -> None:
    bench = Bench(tmp_path, app(clock=MachineClock()))
    bench.write({"s.yaml": HEAD + TWO})
    bench.emulator.faults.add({"fault": fault, "method": "POST", "path": "/embed/tasks", "count": 1})

    done(bench)

    assert bench.counts()["embed_task"] == 2
    assert kept(bench, "embeddings/c/a") != kept(bench, "embeddings/c/b")
    assert bench.survey().plan.changes == ()


def test_a_task_that_is_not_kept_any_more_is_made_again(tmp_path: Path) -> None:
    emulator = app()
    bench = Bench(tmp_path, emulator)
    bench.write({"s.yaml": HEAD + ONE.format(rest="marengo3.0")})
    done(bench)
    emulator.clock.advance(8 * 24 * 3600)
    for file in (bench.directory / "results").rglob("*.parquet"):
        file.unlink()

    done(bench)

    assert bench.counts()["embed_task"] == 2
    assert kept(bench, "embeddings/c/a")


OPTIONS = "marengo3.0, options: [visual], segments: {every: 5}"


def test_other_options_are_read_of_the_task_that_there_is_and_the_plan_says_so(bench: Bench) -> None:
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS)})
    done(bench)
    visual = kept(bench, "embeddings/c/a")
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS.replace("[visual]", "[audio, visual]"))})

    plan = bench.survey().plan
    done(bench)

    (change,) = plan.changes
    assert change.reason.startswith("options changed, so it is made anew; read once more from task v1:")
    assert change.reason.endswith(", free")
    assert (plan.estimate.derived_objects, plan.estimate.derived_free) == (0, 1)
    assert bench.counts()["embed_task"] == 1
    both = kept(bench, "embeddings/c/a")
    assert {option for option, *_ in both} == {"audio", "visual"}
    assert [it for it in both if it[0] == "visual"] == visual
    assert bench.survey().plan.changes == ()
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS.replace("every: 5", "every: 4"))})
    done(bench)
    assert bench.counts()["embed_task"] == 2


@pytest.mark.parametrize("kill", range(1, 13))
def test_wherever_a_run_that_reads_other_options_ends_nothing_is_paid(tmp_path: Path, kill: int) -> None:
    bench = Bench(tmp_path, app(clock=MachineClock()))
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS)})
    done(bench)
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS.replace("visual", "audio"))})
    with pytest.MonkeyPatch.context() as patch:
        points = Points(bench, kill, patch)
        with suppress(Killed):
            bench.apply()
        points.silence()

    done(bench)

    assert {option for option, *_ in kept(bench, "embeddings/c/a")} == {"audio"}
    assert bench.counts()["embed_task"] == 1
    assert bench.survey().plan.changes == ()


def test_other_options_of_a_task_that_is_not_kept_any_more_are_made_again(tmp_path: Path) -> None:
    emulator = app()
    bench = Bench(tmp_path, emulator)
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS)})
    done(bench)
    emulator.clock.advance(8 * 24 * 3600)
    bench.write({"s.yaml": HEAD + ONE.format(rest=OPTIONS.replace("visual", "audio"))})

    assert bench.survey().plan.estimate.derived_objects == 1
    done(bench)

    assert bench.counts()["embed_task"] == 2
    assert {option for option, *_ in kept(bench, "embeddings/c/a")} == {"audio"}
