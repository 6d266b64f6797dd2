"""`results verify` and `results refresh`: what differs is told, what can be had again is, and nothing is paid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.emulator.twelvelabs import app
from reconciler.results import Made, Rows, Store, open_store
from tests.support.commandline import Said, reconciler
from tests.support.files import lay_out

pytest.importorskip("pyarrow")

STACK = """\
stack: s
provider: twelvelabs
assets:
  final: {url: "https://example.com/one/match.mp4"}
embeddings: {clips: {of: final, model: marengo3.0, options: [visual], scopes: [clip]}}
analyses: {topics: {of: final, model: pegasus1.5, prompt: "What?"}}
"""
ADDRESSES = ["analyses/topics/final", "embeddings/clips/final"]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack with two results, in the emulator in process."""
    lay_out(tmp_path, {"s.yaml": STACK})
    assert reconciler("apply", tmp_path, "--emulator", "--auto-approve").code == 0
    return tmp_path


def kept(stack: Path) -> dict[str, tuple[Made, Rows]]:
    store = open_store("emulator.results", root=stack / ".reconciler")
    found = {}
    for made in store.list("s"):
        rows = store.read("s", made.address)
        assert rows is not None
        found[made.address] = made, rows
    return found


def store(stack: Path) -> Store:
    return open_store("emulator.results", root=stack / ".reconciler")


def run(command: str, stack: Path, *options: str) -> Said:
    where = ("--path", str(stack)) if command == "refresh" else (str(stack),)
    return reconciler("results", command, *where, "--emulator", *options)


def tasks(stack: Path) -> int:
    emulator = app(stack / ".reconciler" / "emulator.db")
    query = "SELECT count(*) FROM objects WHERE kind IN ('embed_v2_task', 'analyze_task')"
    ((count,),) = emulator.store.db.execute(query)
    emulator.close()
    return int(count)


def findings(stack: Path, *options: str) -> list[tuple[str, str]]:
    said = run("verify", stack, "--format", "json", *options)
    found = json.loads(said.out)["findings"]
    assert said.code == (2 if found else 0)
    return [(it["address"], it["what"]) for it in found]


def test_what_is_as_it_was_made_is_verified(stack: Path) -> None:
    assert run("verify", stack).out == "Results: 2 kept.\n"
    assert findings(stack, "--deep") == []


def test_what_is_gone_is_told_and_fetched_again_for_nothing(stack: Path) -> None:
    before = kept(stack)
    for made, _ in before.values():
        store(stack).delete("s", made.address, made.stack_id)
    assert findings(stack) == [(address, "gone") for address in ADDRESSES]

    said = run("refresh", stack)

    assert said.code == 0, said.err
    assert said.out.endswith("Results: 2 fetched again, 0 not.\n")
    assert {it: rows for it, (_, rows) in kept(stack).items()} == {it: rows for it, (_, rows) in before.items()}
    assert tasks(stack) == 2
    assert findings(stack, "--deep") == []
    assert "No changes" in reconciler("plan", stack, "--emulator").out


def test_what_somebody_changed_is_found_in_the_rows_and_put_right(stack: Path) -> None:
    made, rows = kept(stack)[ADDRESSES[1]]
    vectors = bytes(len(rows.vectors))
    store(stack).replace(made, Rows(rows.cells, vectors, rows.dim))
    assert findings(stack) == []
    assert findings(stack, "--deep") == [(ADDRESSES[1], "changed")]

    assert run("refresh", stack, "embeddings/*").code == 0

    assert findings(stack, "--deep") == []
    assert kept(stack)[ADDRESSES[1]][1] == rows


def test_a_set_of_another_digest_or_task_than_the_state_knows_is_told(stack: Path) -> None:
    sets = kept(stack)
    (first, rows), (second, others) = sets[ADDRESSES[0]], sets[ADDRESSES[1]]
    store(stack).replace(replace(first, digest="0"), rows)
    store(stack).replace(replace(second, task="another"), others)
    store(stack).replace(
        replace(second, address="embeddings/clips/more"), others.under("s", "embeddings/clips/more", "")
    )

    assert findings(stack) == [
        (ADDRESSES[0], "changed"),
        (ADDRESSES[1], "another"),
        ("embeddings/clips/more", "unrecorded"),
    ]


def test_what_is_damaged_is_told(stack: Path) -> None:
    made, _ = kept(stack)[ADDRESSES[0]]
    file = Path(store(stack).place(made)["path"])
    first, *_ = file.read_text(encoding="utf-8").splitlines()
    file.write_text(f"{first}\nno JSON", encoding="utf-8")

    assert findings(stack, "--deep") == [(ADDRESSES[0], "unreadable")]


def test_what_cannot_be_fetched_is_told_with_the_reason_and_nothing_is_made(stack: Path) -> None:
    before = kept(stack)
    emulator = app(stack / ".reconciler" / "emulator.db")
    with emulator.store.db:
        emulator.store.db.execute("DELETE FROM objects WHERE kind = 'embed_v2_task'")
    emulator.close()
    lay_out(stack, {"s.yaml": STACK.replace("What?", "Who?")})

    said = run("refresh", stack, "--format", "json")

    assert said.code == 7
    told = {it["address"]: it["text"] for it in json.loads(said.out)}
    assert "expired on the platform" in told[ADDRESSES[1]]
    assert "declared otherwise by now" in told[ADDRESSES[0]]
    assert kept(stack) == before
    assert tasks(stack) == 1
    assert "no result that is declared is called analyses/no" in run("refresh", stack, "analyses/no").err


def test_without_a_state_what_all_carries_one_id_is_the_stacks(stack: Path) -> None:
    for file in (stack / ".reconciler").glob("emulator.state.db*"):
        file.unlink()

    assert [it["address"] for it in json.loads(run("list", stack, "--format", "json").out)] == ADDRESSES
    assert findings(stack) == [(address, "unrecorded") for address in ADDRESSES]

    made, rows = kept(stack)[ADDRESSES[0]]
    store(stack).replace(replace(made, address="analyses/topics/other", stack_id="another"), rows)
    assert run("list", stack).out.count("Another stack of this name keeps sets here too") == 2


def test_what_is_read_of_an_index_is_read_again_and_what_would_be_paid_again_is_not(stack: Path) -> None:
    more = """\
  seen: {of: indexes/catalog, model: marengo3.0}
  prompts: {model: marengo3.0, of: {goal: {text: a goal is scored}}}
indexes:
  catalog: {models: [{name: marengo3.0, options: [visual]}], assets: {final: {}}}
"""
    head, clips, _ = STACK.partition("embeddings: {")[0], STACK.split("embeddings: {")[1].split("}\n")[0], ""
    lay_out(stack, {"s.yaml": f"{head}embeddings:\n  {clips}\n{more}"})
    applied = reconciler("apply", stack, "--emulator", "--auto-approve", "--allow-deletes")
    assert applied.code == 0, applied.out + applied.err
    asked = len(kept(stack))
    before = kept(stack)["embeddings/prompts/goal"]

    said = run("refresh", stack, "embeddings/seen/*", "embeddings/prompts/*", "--format", "json")

    assert said.code == 7, said.out + said.err
    told = {it["address"]: (it["done"], it["text"]) for it in json.loads(said.out)}
    assert told["embeddings/seen/final"][0], told
    assert not told["embeddings/prompts/goal"][0]
    assert "make it again" in told["embeddings/prompts/goal"][1]
    assert kept(stack)["embeddings/prompts/goal"] == before
    assert len(kept(stack)) == asked


def test_where_each_set_is_stands_in_the_list(stack: Path) -> None:
    listed = json.loads(run("list", stack, "--format", "json").out)

    assert [it["address"] for it in listed] == ADDRESSES
    assert all(Path(it["where"]["path"]).is_file() for it in listed)
    assert f"path  {listed[0]['where']['path']}" in reconciler("results", "show", ADDRESSES[0], stack, "--emulator").out
