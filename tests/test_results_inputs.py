"""Inputs of results: what an index has already, texts and images, media of several kinds; from YAML to the store."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.model import Action
from reconciler.providers.twelvelabs import Embedding
from reconciler.results import Made, open_store
from tests.support.files import lay_out
from tests.support.running import Bench, done, rows_of
from tests.support.stacks import TWO_MATCHES

pytest.importorskip("pyarrow")

HEAD = (
    TWO_MATCHES
    + """\
  kit: {url: "https://example.com/kit.jpg"}
  crest: {url: "https://example.com/crest.png"}
  song: {url: "https://example.com/song.mp3"}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual, audio]}]
    assets: {final: {}, second: {asset: semi}}
  mute:
    models: [{name: marengo3.0, options: [visual]}]
    assets: {final: {}}
"""
)
EMPTY = """\
  empty: {models: [{name: marengo3.0}]}
  two: {models: [{name: marengo2.7}], assets: {final: {}}}
"""
SCENES = "embeddings: {scenes: {of: indexes/catalog, options: [visual, audio]}}\n"
PROMPTS = """\
embeddings:
  prompts:
    model: marengo3.0
    of:
      goal: {text: a goal is scored}
      kit: {image: kit}
      both: {text: worn by a fan, image: assets/kit}
      several: {text: "<@k> beside <@c>", images: {k: kit, c: crest}}
"""


def fields_of(directory: Path, text: str) -> dict[str, Any]:
    lay_out(directory, {"s.yaml": HEAD + EMPTY + text})
    return {address: it.fields for address, it in load(directory, environ={}).resources.items()}


def kept(bench: Bench) -> dict[str, Made]:
    store = open_store("results", root=bench.directory)
    return {made.address: made for made in store.list("s")}


def sent(bench: Bench) -> Counter[tuple[str, str]]:
    """What was asked of the endpoints that make or show vectors."""
    log = bench.emulator.journal.as_json()["log"]
    asked = [(it["method"], it["path"]) for it in log]
    return Counter((method, path) for method, path in asked if "/embed" in path)


def read_from_indexes(bench: Bench) -> int:
    log = bench.emulator.journal.as_json()["log"]
    return sum("embedding_option" in str(it) for it in log)


# Declared


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("embeddings: {s: {of: indexes/none}}", "of: there is no indexes/none"),
        ("embeddings: {s: {of: indexes/catalogue}}", 'did you mean "indexes/catalog"?'),
        ("embeddings: {s: {of: indexes/empty}}", "of: indexes/empty has no `assets:` of which it could be made"),
        ("embeddings: {s: {of: indexes/mute, options: [audio]}}", "so it has no vectors of audio"),
        ("embeddings: {s: {of: indexes/mute, options: [transcription]}}", "indexes/mute looks at visual only"),
        ("embeddings: {s: {of: indexes/two, model: marengo3.0}}", "model: indexes/two is indexed by marengo2.7"),
        ("embeddings: {s: {of: indexes/mute, segments: {every: 6}}}", "segments: of an index there is what it has"),
        ("embeddings: {s: {of: indexes/mute, window: {to: 6}}}", "window: of an index there is what it has"),
        ("embeddings: {s: {of: indexes/mute, scopes: [clip]}}", "scopes: of an index there is what it has"),
        ("embeddings: {s: {of: [final, indexes/mute], model: marengo3.0}}", "would both be made embeddings/s/final"),
        ("embeddings: {s: {of: final, indexed: x, model: marengo3.0}}", "indexed: stands under `of:`"),
        ("embeddings: {s: {of: final, text: x, model: marengo3.0}}", "text: stands under `of:`; write `of: {NAME:"),
        ("embeddings: {p: {model: marengo3.0, of: {}}}", "of: names nothing"),
        ("embeddings: {p: {model: marengo3.0, of: {a: x}}}", "of.a: expected a mapping of `text`, `image`, `images`"),
        ("embeddings: {p: {model: marengo3.0, of: {a b: {text: x}}}}", '"a b" is not a valid name'),
        ("embeddings: {p: {model: marengo3.0, of: {a: {texts: x}}}}", 'unknown field "texts"; did you mean "text"?'),
        ("embeddings: {p: {of: {a: {text: x}}}}", "embeddings/p: needs `model`"),
        ("embeddings: {p: {model: marengo3.0, of: {a: {image: kid}}}}", 'there is no assets/kid; did you mean "kit"?'),
        ("embeddings: {p: {model: marengo3.0, of: {a: {images: [kit]}}}}", "images: expected a mapping of names"),
        (
            "embeddings: {p: {model: marengo3.0, of: {a: {text: '<@x> runs', images: {k: kit}}}}}",
            "text: `<@x>` names none of its `images`",
        ),
        ("embeddings: {p: {model: marengo3.0, of: {a: {text: '<@x> runs'}}}}", "`<@x>` names none of its `images`"),
        (
            "embeddings: {p: {model: marengo3.0, of: {a: {image: kit, images: {k: kit}}}}}",
            "images: there is an `image` beside it",
        ),
        (
            f"embeddings: {{p: {{model: marengo3.0, of: {{a: {{text: '{'word ' * 501}'}}}}}}}}",
            "text: has 501 words, and may have 500 tokens",
        ),
        ("embeddings: {p: {model: marengo3.0, scopes: [clip], of: {a: {text: x}}}}", "scopes: a text or an image has"),
        ("embeddings: {c: {of: final, model: marengo3.5}}", '"marengo3.5" was not offered in November 2026'),
        ("embeddings: {c: {of: kit, model: marengo3.0, options: [audio]}}", "assets/kit is an image by its name"),
        (
            "analyses: {t: {of: kit, model: pegasus1.5, prompt: x}}",
            "of: assets/kit is an image by its name, and analyses",
        ),
        ("analyses: {t: {of: 'ki*', model: pegasus1.5, prompt: x}}", "18:20: analyses/t: of: assets/kit is an image"),
        ("embeddings: {c: {of: song, model: marengo3.0, options: [visual]}}", "assets/song is sound by its name"),
        ("embeddings: {c: {of: song, model: marengo3.0, segments: {at_least: 3}}}", "sound has no scenes"),
    ],
)
def test_what_cannot_be_is_said_offline_at_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        fields_of(tmp_path, text)

    assert problem in str(caught.value)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].line == (HEAD + EMPTY).count("\n") + 1


def test_more_images_than_one_vector_is_made_of(tmp_path: Path) -> None:
    images = ", ".join(f"i{number}: kit" for number in range(11))

    with pytest.raises(Invalid) as caught:
        fields_of(tmp_path, f"embeddings: {{p: {{model: marengo3.0, of: {{a: {{images: {{{images}}}}}}}}}}}")

    assert "one vector is made of 1 to 10 images, not of 11" in str(caught.value)


def test_all_that_lives_in_an_index_is_an_input(tmp_path: Path) -> None:
    found = fields_of(
        tmp_path,
        SCENES + "analyses: {topics: {of: indexes/catalog, model: pegasus1.5, prompt: What?}}\n",
    )

    made = {address: fields for address, fields in found.items() if address.split("/")[0] in ("embeddings", "analyses")}
    assert {address: fields.get("indexed") or fields["of"] for address, fields in made.items()} == {
        "embeddings/scenes/final": "indexes/catalog/assets/final",
        "embeddings/scenes/second": "indexes/catalog/assets/second",
        "analyses/topics/final": "assets/final",
        "analyses/topics/semi": "assets/semi",
    }
    assert made["embeddings/scenes/final"]["model"] == "marengo3.0"


def test_of_an_index_there_is_what_its_model_looks_at(tmp_path: Path) -> None:
    found = fields_of(tmp_path, "embeddings: {a: {of: indexes/mute}, b: {of: 'indexes/cat*'}}\n")

    assert found["embeddings/a/final"]["options"] == ["visual"]
    assert found["embeddings/b/second"]["options"] == ["audio", "transcription", "visual"]


def test_what_each_input_is_is_told_by_its_name(tmp_path: Path) -> None:
    found = fields_of(tmp_path, "embeddings: {c: {of: '*', model: marengo3.0, options: [visual, audio]}}\n")

    assert {
        address.split("/")[2]: (it.get("media"), it["options"]) for address, it in found.items() if "/c/" in address
    } == {
        "final": (None, ["visual", "audio"]),
        "semi": (None, ["visual", "audio"]),
        "kit": ("image", ["visual"]),
        "crest": ("image", ["visual"]),
        "song": ("audio", ["audio"]),
    }


def test_what_is_said_of_the_media_counts(tmp_path: Path) -> None:
    found = fields_of(tmp_path, "embeddings: {c: {of: kit, model: marengo3.0, media: video}}\n")

    assert Embedding.recipe(found["embeddings/c/kit"])["media"] == "video"


def test_an_image_is_the_same_by_whichever_field_it_is_named() -> None:
    def identity(**fields: Any) -> str | None:
        return Embedding.identity({"model": "marengo3.0", **fields}, {"assets/a": "A", "assets/b": "B"}.get)

    assert identity(image="assets/a") == identity(of="assets/a", media="image")
    one, other = identity(images=["assets/a"], image_names=["k"]), identity(images=["assets/b"], image_names=["k"])
    texts = [identity(text="x"), identity(text="y"), identity(text="x", image="assets/a")]
    assert len({identity(image="assets/a"), one, other, identity(images=["assets/a"], image_names=["l"]), *texts}) == 7
    assert identity(images=["assets/a", "assets/x"], image_names=["k", "l"]) is None


# Made


def test_what_an_index_has_is_read_after_it_is_ready_and_makes_no_task(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + SCENES})

    done(bench)

    assert sorted(kept(bench)) == ["embeddings/scenes/final", "embeddings/scenes/second"]
    assert sent(bench) == {}
    rows = list(rows_of(bench, "embeddings/scenes/final").records())
    assert {(it["option"], it["scope"], it["type"]) for it in rows} == {
        ("visual", "clip", "separate"),
        ("audio", "clip", "separate"),
    }
    assert all(it["end_sec"] > it["start_sec"] for it in rows)
    assert bench.survey().plan.changes == ()


def test_a_plan_of_what_is_read_waits_for_the_index_and_costs_nothing(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + SCENES})

    plan = bench.survey().plan

    needs = {str(step.id): set(map(str, step.needs)) for step in plan.steps}
    (create,) = [id for id in needs if "create" in id and "scenes/second" in id]
    assert any("wait" in it and "indexes/catalog/assets/second" in it for it in needs[create])
    assert plan.estimate.derived_objects == 0


def test_it_is_read_again_when_what_is_indexed_is_another_object(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + SCENES})
    done(bench)
    before = kept(bench)
    bench.write({"stack.yaml": (HEAD + SCENES).replace("second: {asset: semi}", "second: {asset: semi, stream: true}")})

    plan = bench.survey().plan
    done(bench)

    change = next(it for it in plan.changes if it.address == "embeddings/scenes/second")
    assert (change.action, change.reason) == (Action.REPLACE, "indexes/catalog/assets/second is replaced")
    after = kept(bench)
    assert after["embeddings/scenes/final"] == before["embeddings/scenes/final"]
    old, new = before["embeddings/scenes/second"], after["embeddings/scenes/second"]
    assert new.source != old.source
    assert new.identity == old.identity
    assert bench.survey().plan.changes == ()


def test_texts_and_images_are_made_at_once_and_once(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS})

    done(bench)

    assert sorted(kept(bench)) == [f"embeddings/prompts/{it}" for it in ("both", "goal", "kit", "several")]
    assert sent(bench) == {("POST", "/v1.3/embed-v2"): 4}
    (goal,) = rows_of(bench, "embeddings/prompts/goal").records()
    assert (goal["text"], goal["option"], goal["start_sec"]) == ("a goal is scored", None, None)
    assert len({rows_of(bench, address).vectors for address in kept(bench)}) == 4
    assert bench.survey().plan.changes == ()
    done(bench)
    assert sent(bench) == {("POST", "/v1.3/embed-v2"): 4}


def test_another_word_makes_its_vector_anew_and_no_other(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS})
    done(bench)
    bench.write({"stack.yaml": (HEAD + PROMPTS).replace("a goal is scored", "a goal")})

    (change,) = bench.survey().plan.changes
    done(bench)

    assert (change.address, change.action) == ("embeddings/prompts/goal", Action.REPLACE)
    assert change.reason == "text changed, so it is made anew"
    assert sent(bench) == {("POST", "/v1.3/embed-v2"): 5}


def test_renamed_prompts_and_images_cost_nothing(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS})
    done(bench)
    text = (HEAD + PROMPTS).replace("goal: {", "strike: {").replace("kit:", "shirt:").replace("assets/kit", "shirt")
    bench.write({"stack.yaml": text.replace("image: kit", "image: shirt").replace("k: kit", "k: shirt")})

    actions = {change.action for change in bench.survey().plan.changes}
    done(bench)

    assert actions == {Action.MOVE}
    assert sent(bench) == {("POST", "/v1.3/embed-v2"): 4}
    assert sorted(kept(bench)) == [f"embeddings/prompts/{it}" for it in ("both", "several", "shirt", "strike")]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_an_answer_that_is_lost_is_asked_for_again(bench: Bench, fault: str) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS})
    bench.emulator.faults.add({"fault": fault, "method": "POST", "path": "/embed-v2", "count": 1})

    done(bench)

    assert len(kept(bench)) == 4
    assert bench.survey().plan.changes == ()


def test_media_of_several_kinds_are_made_each_in_its_way(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + "embeddings: {all: {of: '*', model: marengo3.0}}\n"})

    done(bench)

    assert {address.rpartition("/")[2] for address in kept(bench)} == {"final", "semi", "kit", "crest", "song"}
    assert sent(bench)["POST", "/v1.3/embed-v2/tasks"] == 3
    assert sent(bench)["POST", "/v1.3/embed-v2"] == 2
    options = {it["option"] for it in rows_of(bench, "embeddings/all/song").records()}
    assert options == {"audio", "transcription"}
    assert bench.survey().plan.changes == ()


def test_the_state_is_lost_and_what_was_read_and_made_is_kept(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS + "  scenes: {of: indexes/catalog}\n"})
    done(bench)
    shutil.rmtree(bench.directory / ".reconciler")

    assert bench.survey().plan.changes == ()


def test_the_store_is_lost_and_what_is_no_task_is_said_to_come_again(bench: Bench) -> None:
    bench.write({"stack.yaml": HEAD + PROMPTS + "  scenes: {of: indexes/catalog}\n"})
    done(bench)
    shutil.rmtree(bench.directory / "results")

    reasons = {change.address: change.reason for change in bench.survey().plan.changes}
    done(bench)

    assert "read again from the index, free" in reasons["embeddings/scenes/final"]
    assert "no task of it exists, so it is made again" in reasons["embeddings/prompts/goal"]
    assert len(kept(bench)) == 6
    assert bench.survey().plan.changes == ()
