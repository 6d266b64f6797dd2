"""New files are held against what the API takes before anything is sent; every finding at once, where it stands."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest

from reconciler.emulator import Emulator
from reconciler.errors import Invalid
from reconciler.upload import media
from tests.running import Bench
from tests.test_upload import opens, write


def movie(path: Path, width: int, height: int, seconds: int) -> None:
    """A film of one frame a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        for second in range(seconds):
            frame.pts, frame.time_base = second, Fraction(1, 1)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def picture(path: Path) -> None:
    """A PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 2, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (2 * 13))
    write(path, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def sparse(path: Path, size: int) -> None:
    """A file that says to be so large and takes no room."""
    with path.open("wb") as file:
        file.truncate(size)


STACK = """\
stack: s
provider: twelvelabs
assets:
  good: {file: good.mp4}
  tiny: {file: tiny.mp4}
  wide:
    file: wide.mp4
  short: {file: short.mp4}
  empty: {file: empty.mp4}
  poster: {file: poster.png}
  large: {file: large.jpg}
indexes:
  films:
    models: [{name: marengo3.0}]
    assets: {good: {}, tiny: {}, wide: {}, short: {}, poster: {}}
entity_collections:
  people:
    entities:
      ann: {assets: [poster]}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.write({"stack.yaml": STACK})
    movie(tmp_path / "good.mp4", 640, 360, 5)
    movie(tmp_path / "tiny.mp4", 320, 240, 5)
    movie(tmp_path / "wide.mp4", 1280, 400, 5)
    movie(tmp_path / "short.mp4", 640, 360, 3)
    write(tmp_path / "empty.mp4", b"")
    picture(tmp_path / "poster.png")
    sparse(tmp_path / "large.jpg", 33 * 10**6)
    return made


def test_all_that_the_api_would_refuse_is_said_at_once_and_nothing_is_sent(bench: Bench) -> None:
    with pytest.raises(Invalid) as refused:
        bench.apply()

    found = [str(problem).partition("stack.yaml:")[2] for problem in refused.value.problems]
    assert found == [
        "5:16: assets/tiny: has 320x240 pixels, and must have 360x360 at least in indexes/films (marengo3.0)",
        "7:11: assets/wide: is 3.20:1 (1280x400), and may be 2.4:1 at most in indexes/films (marengo3.0)",
        "8:17: assets/short: lasts 3.0 s, and must last 4 s at least in indexes/films (marengo3.0)",
        "9:17: assets/empty: empty.mp4 is empty",
        "10:18: assets/poster: is an image; only video and audio can be indexed in indexes/films (marengo3.0)",
        "11:17: assets/large: large.jpg has 33 MB; image files may have 32 MB",
    ]
    assert not [entry for entry in bench.emulator.journal.entries if entry.method != "GET"]


FINE = """\
stack: s
provider: twelvelabs
assets: {good: {file: good.mp4}, poster: {file: poster.png}}
indexes: {films: {models: [{name: marengo3.0}], assets: {good: {}}}}
entity_collections: {people: {entities: {ann: {assets: [poster]}}}}
"""


def long_ago(bench: Bench) -> None:
    """Its files are old enough for their hashes to be remembered."""
    for name in ("good.mp4", "poster.png"):
        write(bench.directory / name, (bench.directory / name).read_bytes())


def test_what_the_api_takes_passes_without_a_word(bench: Bench) -> None:
    bench.write({"stack.yaml": FINE})

    assert bench.survey().plan.diagnostics == ()
    assert not bench.apply().failed


def test_a_file_that_is_there_is_not_looked_at_any_more(bench: Bench) -> None:
    bench.write({"stack.yaml": FINE})
    long_ago(bench)
    bench.apply()
    bench.write({"stack.yaml": FINE.replace("{good: {}}", "{good: {metadata: {a: 1}}}")})

    with opens(bench.directory) as opened:
        bench.survey()

    assert [path for path in opened if path.endswith((".mp4", ".png"))] == []


def test_what_was_found_in_a_file_is_remembered(bench: Bench) -> None:
    bench.write({"stack.yaml": FINE})
    long_ago(bench)
    bench.survey()

    with opens(bench.directory) as opened:
        bench.survey()

    assert [path for path in opened if path.endswith((".mp4", ".png"))] == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("not media", "cannot be read as media (its picture has no size); the API may refuse it"),
        ("playlist", "cannot be read as media (its picture has no size); the API may refuse it"),
        ("film", "is a video; entity_collections/people/entities/ann is to be shown by images"),
    ],
)
def test_what_the_api_may_take_is_a_warning(bench: Bench, what: str, said: str) -> None:
    bench.write({"stack.yaml": FINE})
    if what == "film":
        (bench.directory / "good.mp4").rename(bench.directory / "poster.png")
        movie(bench.directory / "good.mp4", 640, 480, 6)
    elif what == "playlist":
        write(bench.directory / "poster.png", b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    else:
        write(bench.directory / "poster.png", b"just text")

    (warning,) = bench.survey().plan.diagnostics

    assert (warning.severity, warning.address, warning.line, warning.summary) == ("warning", "assets/poster", 3, said)


def test_without_the_extra_sizes_still_count_and_the_plan_says_what_was_not_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.providers.twelvelabs.media.can_probe", lambda: False)

    with pytest.raises(Invalid) as refused:
        bench.survey()
    bench.write({"stack.yaml": FINE})
    (note,) = bench.survey().plan.diagnostics

    assert [problem.address for problem in refused.value.problems] == ["assets/empty", "assets/large"]
    assert str(note) == (
        "note: 2 new files were not inspected before their upload; pip install '.[media]' in a checkout of reconciler"
    )


def test_a_name_that_says_nothing_is_warned_of(bench: Bench) -> None:
    bench.write({"stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {x: {file: x.dat}}\n", "x.dat": b"1"})

    (warning,) = bench.survey().plan.diagnostics

    assert "its name does not say whether it is video, audio or an image" in str(warning)


@pytest.mark.parametrize("name", ["ten.mp4", "ten.wav"])
def test_more_than_ten_gigabytes_are_refused_without_being_sent(tmp_path: Path, name: str) -> None:
    from reconciler.providers.twelvelabs.limits import SIZES
    from reconciler.providers.twelvelabs.media import _by_size

    (finding,) = _by_size("assets/a", 10 * 10**9 + 1, name, SIZES)

    kind = "video" if name.endswith("mp4") else "audio"
    assert finding.text == f"{name} has 10 GB; {kind} files may have 10 GB"


def test_every_unreadable_file_is_named_with_its_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Emulator())
    bench.write({"stack.yaml": FINE, "good.mp4": b"1", "poster.png": b"2"})

    async def gone(session: object) -> None:
        (tmp_path / "good.mp4").unlink()
        (tmp_path / "poster.png").unlink()
        await session.survey()  # type: ignore[attr-defined]

    with pytest.raises(Invalid) as refused:
        bench.run(gone)

    assert [(problem.line, problem.address) for problem in refused.value.problems] == [
        (3, "assets/good"),
        (3, "assets/poster"),
    ]


def test_the_picture_on_the_sleeve_of_a_song_does_not_make_it_a_film() -> None:
    class Stream:
        disposition = 0x400
        codec_context = type("Codec", (), {"name": "mp3"})

    class Container:
        class streams:
            video = (Stream,)
            audio = (Stream,)

    assert media._probe(Container, 7.0) == media.Probe("audio", duration_s=7.0, codec="mp3")
