"""What the bytes of an asset are: of files, of URLs with and without a hash, of what stands in a file's place."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import identity
from reconciler.engine import Session
from reconciler.errors import Invalid
from reconciler.model import Action, Replacing, Resource
from reconciler.state import Put
from tests.support.files import write
from tests.support.running import Bench

BYTES = b"a clip" * 50
SHA = hashlib.sha256(BYTES).hexdigest()
AMAZON = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F{n}&X-Amz-Date={n}&X-Amz-Expires=60&X-Amz-Signature={n}"
SIGNED = [
    AMAZON + "&X-Amz-SignedHeaders=host&X-Amz-Security-Token={n}",
    "X-Goog-Algorithm=GOOG4&X-Goog-Credential=c{n}&X-Goog-Date={n}&X-Goog-Expires=9&X-Goog-Signature={n}",
    "AWSAccessKeyId=K{n}&Expires={n}&Signature=s{n}%3D",
    "GoogleAccessId=a{n}&Expires={n}&Signature=s{n}",
    "Policy=p{n}&Signature=s{n}&Key-Pair-Id=K{n}",
    "sv=2024-11-04&st={n}&se={n}&sr=b&sp=r&sig=s{n}%3D",
]


def stack(asset: str) -> str:
    return f"stack: s\nprovider: twelvelabs\nassets: {{clip: {{{asset}}}}}\n"


def change(bench: Bench, asset: str) -> list[Action]:
    bench.write({"s.yaml": stack(asset)})
    return [change.action for change in bench.survey().plan.changes]


PINNED = f"url: 'https://b.example/clip.mp4?sig=1', sha256: {SHA}"


@pytest.mark.parametrize(
    "after",
    [
        f"url: 'https://b.example/clip.mp4?sig=2', sha256: {SHA}",
        f"url: 'https://cdn.example/other.mp4', sha256: {SHA}",
        "file: clip.mp4",
    ],
    ids=["signed anew", "another host", "a file"],
)
@pytest.mark.parametrize("state", ["kept", "lost"])
def test_the_same_bytes_are_the_same_asset_wherever_they_come_from(bench: Bench, after: str, state: str) -> None:
    write(bench.directory / "clip.mp4", BYTES)
    change(bench, PINNED)
    bench.apply()
    bench.state_name = "state.db" if state == "kept" else "another.db"

    assert change(bench, after) == []
    bench.apply()
    assert Action.REPLACE not in change(bench, PINNED)


def test_a_file_becomes_a_pinned_url_and_nothing_is_sent(bench: Bench) -> None:
    write(bench.directory / "clip.mp4", BYTES)
    change(bench, "file: clip.mp4")
    bench.apply()

    assert change(bench, PINNED) == []


def test_other_bytes_are_another_asset_wherever_they_come_from(bench: Bench) -> None:
    write(bench.directory / "clip.mp4", BYTES + b"!")
    change(bench, PINNED)
    bench.apply()

    assert change(bench, "file: clip.mp4") == [Action.REPLACE]
    assert change(bench, PINNED.replace(SHA, "c" * 64)) == [Action.REPLACE]


@pytest.mark.parametrize("query", SIGNED, ids=["s3-4", "gcs-4", "s3-2", "gcs-2", "cloudfront", "azure"])
def test_a_url_that_is_only_signed_anew_is_the_same(query: str) -> None:
    plain = "https://b.example/clip.mp4?versionId=7"
    urls = [f"{plain}&{query.format(n=1)}", f"{plain}&{query.format(n=2)}", f"https://b.example/clip.mp4?{query}"]

    one, two, other = map(identity.of_url, urls)

    assert one == two == identity.of_url(plain) != other == identity.of_url("https://b.example/clip.mp4")


@pytest.mark.parametrize(
    "query", ["Expires=1", "sig=1", "signature=1", "token=1", "X-Amz-Date=1", "v=1", "Expires=1&Signature=2", "sv=1"]
)
def test_what_is_no_whole_signature_is_part_of_the_url(query: str) -> None:
    plain = "https://b.example/clip.mp4"

    assert identity.of_url(f"{plain}?{query}") != identity.of_url(plain)


@given(st.text(st.sampled_from("ab&=?#%2+sigvx-"), max_size=40))
def test_a_url_without_a_signature_stands_for_itself_to_the_letter(query: str) -> None:
    url = f"https://b.example/clip?{query}"
    same = identity.of_url(url) == identity.of_url(url + "&t=1")

    assert not same


@pytest.mark.parametrize("asset", [PINNED, f"url: 'https://b.example/clip.mp4?{SIGNED[0]}'"], ids=["pinned", "signed"])
@pytest.mark.parametrize("state", ["kept", "lost"])
def test_what_an_earlier_version_recorded_of_a_url_is_read_as_of_today(bench: Bench, asset: str, state: str) -> None:
    bench.write({"s.yaml": stack(asset)})
    bench.apply()
    old, new = bench.run(_as_earlier_versions_had_it)
    bench.emulator.store.db.execute("UPDATE objects SET doc = replace(doc, ?, ?)", (new, old))
    assert change(bench, asset.replace("b.example", "c.example")) == [
        Action.UPDATE if SHA in asset else Action.REPLACE  # of its stamp, no more
    ]
    bench.state_name = "state.db" if state == "kept" else "another.db"

    assert change(bench, asset) == []
    bench.apply()
    assert Action.REPLACE not in change(bench, asset)


async def _as_earlier_versions_had_it(session: Session) -> tuple[str, str]:
    """In the state; the identity as it was and as it is."""
    (row,) = session.state.recorded()
    content = identity.formerly(row.fields["url"], row.fields.get("sha256"))
    session.state.commit(Put(replace(row, fields={**row.fields, "content": content})))
    return content, row.fields["content"]


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA}\nsize 60000\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POINTER, "is a Git LFS pointer, not the file itself; run `git lfs pull`"),
        (POINTER.replace("git-lfs.github", "hawser.github"), "is a Git LFS pointer, not the file itself"),
        ("/annex/objects/SHA256E-s6--1.mp4\n", "is a git-annex pointer, not the file itself; run `git annex get c"),
        ("\ufeff\n <!DOCTYPE html><title>Sign in</title>", "is an HTML page, saved in place of the file"),
        ("<html><body>404", "is an HTML page"),
        ("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is an XML document, saved in place"),
    ],
)
def test_what_stands_in_place_of_a_file_replaces_nothing(bench: Bench, content: str, said: str) -> None:
    write(bench.directory / "clip.mp4", BYTES)
    change(bench, "file: clip.mp4")
    bench.apply()
    write(bench.directory / "clip.mp4", content.encode())

    for act in (bench.survey, bench.apply):
        with pytest.raises(Invalid) as refused:
            act()
        assert f"assets/clip: clip.mp4: {said}" in str(refused.value)
    assert bench.names("asset") == ["clip.mp4"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", "<?xml version='1.0'?><svg/>"),
        ("a.md", "<html> in Markdown"),
        ("a.txt", "version 1"),
        ("a.mp4", POINTER + "x" * 40_000),
        ("a.mp4", "oid sha256:1"),
    ],
)
def test_what_only_looks_alike_is_taken(bench: Bench, name: str, content: str) -> None:
    bench.write({name: content, "s.yaml": stack(f"file: {name}")})

    assert [change.action for change in bench.survey().plan.changes] == [Action.CREATE]


def test_a_resource_with_other_fields_is_the_same_in_all_else() -> None:
    full = Resource("a/b", "K", {}, True, ("x",), "i", True, True, Replacing(False), (("m", "k"),))
    plain = Resource("a/b", "K", {})
    names = [it.name for it in fields(Resource)][3:]

    assert all(getattr(full, name) != getattr(plain, name) for name in names)
    assert full.having({"a": 1}) == replace(full, fields={"a": 1})
