"""Files before they are sent: hashes and their cache, rates, bodies."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

from reconciler.errors import MediaError
from reconciler.files import Bandwidth, Cache, Files, Form, Slice, cache_path, parse_rate
from tests.support.files import OLD_NS, opens, write
from tests.support.running import Manual


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hashed(files: Files, *names: str) -> dict[str, str]:
    found, wrong = asyncio.run(files.hashed(names))
    assert not wrong
    return {name: it.sha256 for name, it in found.items()}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    directory = tmp_path / "media"
    for name in ("a", "b", "c"):
        write(directory / name, name.encode() * 100)
    return directory


def test_an_unchanged_file_is_not_opened_again(media: Path) -> None:
    with opens(media) as first:
        before = hashed(Files(media), "a", "b", "c")
    with opens(media) as second:
        after = hashed(Files(media), "a", "b", "c")

    assert before == after == {name: sha256(name.encode() * 100) for name in "abc"}
    assert (len(first), second) == (3, [])


@pytest.mark.parametrize("what", ["size", "mtime", "inode", "ctime"])
def test_a_file_that_looks_otherwise_is_read_again(media: Path, what: str) -> None:
    hashed(Files(media), "a", "b")
    if what == "size":
        write(media / "a", b"longer" * 100)
    elif what == "mtime":
        write(media / "a", b"A" * 100, mtime_ns=OLD_NS + 1)
    elif what == "ctime":  # edited in place, and given its old time again
        write(media / "a", b"A" * 100)
    else:
        write(media / "new", b"A" * 100).replace(media / "a")

    with opens(media) as read:
        found = hashed(Files(media), "a", "b")

    assert found["a"] == sha256((media / "a").read_bytes())
    assert read == [str(media / "a")]


@pytest.mark.parametrize("later_s", [1, 3])
def test_a_file_changed_a_moment_ago_is_not_trusted_to_stay(
    media: Path, later_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change within one tick of the clock would leave no trace."""
    monkeypatch.setattr("reconciler.files.hashes.AT_REST_NS", 2 * 10**9)
    then = (media / "a").stat().st_ctime_ns + later_s * 10**9
    hashed(Files(media, now_ns=lambda: then), "a")

    with opens(media) as read:
        hashed(Files(media), "a")

    assert read == ([str(media / "a")] if later_s < 2 else [])


def test_a_cache_of_an_earlier_version_is_not_believed(media: Path, tmp_path: Path) -> None:
    """It knows nothing of the time of the last change."""
    path, seen = tmp_path / "hashes.db", (media / "a").stat()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE hashes(path TEXT PRIMARY KEY, size, mtime_ns, inode, sha256 TEXT) WITHOUT ROWID")
        db.execute(
            "INSERT INTO hashes VALUES (?, ?, ?, ?, 'wrong')",
            (str(media / "a"), seen.st_size, seen.st_mtime_ns, seen.st_ino),
        )

    assert [hashed(Files(media, Cache(path)), "a") for _ in range(2)] == [{"a": sha256(b"a" * 100)}] * 2


@pytest.mark.parametrize("trouble", ["garbage", "a directory", "read-only", "no home"])
def test_a_cache_that_does_not_work_costs_nothing_but_time(media: Path, tmp_path: Path, trouble: str) -> None:
    path: Path | None = tmp_path / "cache" / "hashes.db"
    assert path
    path.parent.mkdir()
    if trouble == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif trouble == "a directory":
        path.mkdir()
    elif trouble == "read-only":
        Cache(path).keep_hashes({"x": (1, 2, 3, 4, "5")})
        path.chmod(0o400)
        path.parent.chmod(0o500)
    else:
        path = None

    found = [hashed(Files(media, Cache(path)), "a") for _ in range(2)]

    assert found == [{"a": sha256(b"a" * 100)}] * 2


def test_a_broken_cache_is_whole_again_in_the_next_run(media: Path, tmp_path: Path) -> None:
    path = tmp_path / "hashes.db"
    path.write_bytes(b"no database at all" * 1000)
    for _ in range(2):
        hashed(Files(media, Cache(path)), "a")

    with opens(media) as read:
        hashed(Files(media, Cache(path)), "a")

    assert read == []


def test_the_cache_is_where_the_user_keeps_caches(tmp_path: Path) -> None:
    assert cache_path({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "reconciler" / "hashes.db"
    assert cache_path({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "reconciler" / "hashes.db"


def test_every_file_that_cannot_be_read_is_named(media: Path) -> None:
    (media / "folder").mkdir()

    found, wrong = asyncio.run(Files(media).hashed(["a", "gone", "folder"]))

    assert list(found) == ["a"]
    assert sorted(wrong) == ["folder", "gone"]
    assert wrong == {"gone": "cannot be read (No such file or directory)", "folder": "is a directory, not a file"}


def test_what_was_planned_and_what_is_there_must_be_the_same(media: Path) -> None:
    files = Files(media)
    content = hashed(files, "a")["a"]
    assert asyncio.run(files.still("a", content)).size_bytes == 100

    os.utime(media / "a")  # touched, and still the same bytes
    assert asyncio.run(files.still("a", content)).sha256 == content
    (media / "a").write_bytes(b"other")
    with pytest.raises(MediaError, match="a: changed since it was planned; nothing of it was sent, plan again"):
        asyncio.run(files.still("a", content))


async def body(content: Slice | Form) -> bytes:
    return b"".join([piece async for piece in content])


@pytest.mark.parametrize(
    ("text", "rate"), [("50M", 50e6), ("800k", 800e3), ("1.5Gi", 1.5 * 2**30), ("9 MB/s", 9e6), ("123", 123.0)]
)
def test_rates_are_bytes_per_second(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-1M", "5T", "M"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid rate"):
        parse_rate(text)


def test_bytes_leave_no_faster_than_the_rate(media: Path) -> None:
    clock = Manual()
    bandwidth = Bandwidth(1000.0, clock)
    write(media / "big", b"x" * 10_000)
    seen = asyncio.run(Files(media).still("big", None))

    assert asyncio.run(body(Slice(Files(media), "big", seen, bandwidth=bandwidth))) == b"x" * 10_000
    assert 9.5 <= clock.time_s <= 10.0


def test_a_slice_is_part_of_a_file_and_can_be_sent_again(media: Path) -> None:
    write(media / "big", bytes(range(250)) * 10)
    seen = asyncio.run(Files(media).still("big", None))
    counted: list[int] = []
    part = Slice(
        Files(media),
        "big",
        seen,
        start=100,
        length=300,
        sha256=sha256((bytes(range(250)) * 10)[100:400]),
        bandwidth=Bandwidth(None, Manual()),
        on_bytes=counted.append,
    )

    assert [asyncio.run(body(part)) for _ in range(2)] == [(bytes(range(250)) * 10)[100:400]] * 2
    assert counted == [300, -300, 300]  # what is sent again is taken back first


@pytest.mark.parametrize("how", ["longer", "touched", "swapped", "cut"])
def test_the_end_of_a_file_that_changed_is_never_sent(media: Path, how: str) -> None:
    path = write(media / "big", b"x" * 1000)
    seen = asyncio.run(Files(media).still("big", None))
    if how == "swapped":
        write(media / "new", b"y" * 1000).replace(path)
    elif how == "touched":
        os.utime(path)
    else:
        write(path, b"x" * (10 if how == "cut" else 2000))

    async def send() -> bytes:
        got = b""
        with pytest.raises(MediaError, match="changed while it was being sent"):
            async for piece in Slice(Files(media), "big", seen, start=500, bandwidth=Bandwidth(None, Manual())):
                got += piece
        return got

    assert asyncio.run(send()) == b""


def test_a_form_has_its_length_and_quotes_names(media: Path) -> None:
    seen = asyncio.run(Files(media).still("a", None))
    content = Slice(Files(media), "a", seen, bandwidth=Bandwidth(None, Manual()))
    form = Form({"method": "direct", "enable_hls": False, "ümlaut": "é"}, 'a"b\r\n.mp4', content, field="file")

    sent = asyncio.run(body(form))

    assert int(form.headers["Content-Length"]) == len(sent)
    assert b'name="enable_hls"\r\n\r\nfalse\r\n' in sent
    assert b'filename="a%22b%0D%0A.mp4"\r\nContent-Type: video/mp4\r\n\r\n' + b"a" * 100 + b"\r\n--" in sent


@pytest.mark.parametrize("what", ["link out", "link to hidden", "directory link", "fifo"])
def test_what_is_swapped_after_it_was_hashed_is_never_opened(media: Path, tmp_path: Path, what: str) -> None:
    outside = write(tmp_path / "outside" / "a", b"a" * 100)
    write(media / ".git" / "config", b"a" * 100)
    files = Files(media)
    write(media / "in" / "a", b"a" * 100)
    seen = asyncio.run(files.still("in/a", None))
    if what == "directory link":
        (media / "in").rename(media / "was")
        (media / "in").symlink_to(outside.parent)
    else:
        (media / "in" / "a").unlink()
        if what == "fifo":
            os.mkfifo(media / "in" / "a")
        else:
            (media / "in" / "a").symlink_to(outside if what == "link out" else "../.git/config")

    with pytest.raises(MediaError, match=r"leads out|is hidden|is not a regular file"):
        asyncio.run(body(Slice(files, "in/a", seen, bandwidth=Bandwidth(None, Manual()))))
    _, wrong = asyncio.run(Files(media, Cache(None)).hashed(["in/a"]))
    assert list(wrong) == ["in/a"]
