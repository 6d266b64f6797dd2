"""New files are held against what the API takes before anything is sent; every finding at once, where it stands."""

from __future__ import annotations

import asyncio
import io
import struct
import subprocess
import sys
import wave
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from reconciler.emulator.twelvelabs import app
from reconciler.errors import Invalid
from reconciler.files import Cache, Files, Probe, prober, probes
from reconciler.files.structure import cut_short
from tests.support.files import opens, write
from tests.support.running import Bench, done

ROOT = Path(__file__).parent.parent


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


def picture(path: Path, width: int = 4, height: int = 2) -> None:
    """A PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (height * (1 + 3 * width)))
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


PICTURES = """\
stack: s
provider: twelvelabs
assets:
  poster: {file: poster.png}
  stamp: {file: stamp.png}
"""
VECTORS = """\
embeddings:
  of: {of: "*", model: marengo3.0}
  named: {model: marengo3.0, of: {both: {text: two, images: {a: poster, b: stamp}}}}
"""


@pytest.mark.parametrize("there", [False, True], ids=["new", "uploaded before"])
def test_a_picture_too_small_for_a_vector_is_said_before_it_is_paid_for(tmp_path: Path, there: bool) -> None:
    pytest.importorskip("pyarrow")
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": PICTURES})
    picture(tmp_path / "poster.png", 128, 200)
    picture(tmp_path / "stamp.png", 200, 127)
    if there:
        done(bench)
    bench.write({"stack.yaml": PICTURES + VECTORS})
    bench.emulator.journal.clear()

    with pytest.raises(Invalid) as refused:
        bench.apply()

    (problem,) = refused.value.problems
    told = "stack.yaml:5:17: assets/stamp: has 200x127 pixels, and embeddings/named/both is made of 128x128 at least"
    assert str(problem).endswith(told)
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
    bench = Bench(tmp_path, app())
    bench.write({"stack.yaml": FINE, "good.mp4": b"1", "poster.png": b"2"})

    async def gone(session: object) -> None:
        (tmp_path / "good.mp4").unlink()
        (tmp_path / "poster.png").unlink()
        await session.plan()  # type: ignore[attr-defined]

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

    assert prober.described(Container, 7.0) == {"kind": "audio", "duration_s": 7.0, "codec": "mp3"}


def test_a_picture_whose_codec_nobody_knows_is_no_more_than_a_warning(bench: Bench) -> None:
    bench.write({"stack.yaml": FINE.replace("poster.png", "poster.svg")})
    write(bench.directory / "poster.svg", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>")

    (warning,) = bench.survey().plan.diagnostics

    assert str(warning).endswith("cannot be read as media (its codec is not known here); the API may refuse it")


def a_bomb(path: Path, samples: int) -> None:
    """A film of few bytes that says to have so many samples."""
    movie(path, 640, 360, 5)
    data = bytearray(path.read_bytes())
    for box, offset, value in ((b"stts", 8, samples), (b"stsz", 4, 4), (b"stsz", 8, samples), (b"stsc", 12, samples)):
        struct.pack_into(">I", data, data.index(box) + 4 + offset, value)
    write(path, bytes(data))


def looked_into(directory: Path, *names: str) -> dict[str, Probe]:
    files = Files(directory, Cache(None))

    async def go() -> dict[str, Probe]:
        hashed, wrong = await files.hashed(names)
        assert not wrong
        return await probes(files, hashed)

    return asyncio.run(go())


PEAK = """
import resource, sys
from pathlib import Path
from tests.test_media import looked_into

looked_into(Path(sys.argv[1]), "bomb.mp4", "good.mp4")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_bomb_takes_no_more_memory_than_it_may_and_the_next_file_is_looked_into(tmp_path: Path) -> None:
    a_bomb(tmp_path / "bomb.mp4", 50_000_000)
    movie(tmp_path / "good.mp4", 640, 360, 5)

    found = looked_into(tmp_path, "bomb.mp4", "good.mp4")
    # The peak of children is that of all there ever were: a process of its own has no others.
    ran = subprocess.run([sys.executable, "-c", PEAK, tmp_path], capture_output=True, text=True, cwd=ROOT, check=True)

    assert found["good.mp4"] == Probe("video", 640, 360, 5.0, "mpeg4")
    assert int(ran.stdout) < 1 << 20  # in kB


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the process that looks into files ended over it"),
        ("import time; time.sleep(60)", "it takes longer than 0.3 s"),
        ("b'x' * (2 << 30)", "it takes more than 1024 MB of memory"),
        ("raise KeyError('x')", None),
    ],
    ids=["crash", "hang", "memory", "error"],
)
def test_what_becomes_of_the_process_over_one_file_is_said_and_the_next_is_looked_into(
    tmp_path: Path, does: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library in the place of FFmpeg's does to order what a file may make the real one do."""
    monkeypatch.setattr("reconciler.files.media.SECONDS", 0.3)
    write(
        tmp_path / "lib" / "av.py",
        f"""
class FFmpegError(Exception): pass
def open(file, **_):
    if file.name == "bad.mp4": {does}
    raise FFmpegError("fine")
""".encode(),
    )
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    for name in ("a.mp4", "bad.mp4", "c.mp4"):
        write(tmp_path / name, name.encode())

    found = looked_into(tmp_path, "a.mp4", "bad.mp4", "c.mp4")

    assert found["a.mp4"] == found["c.mp4"] == Probe(broken="fine")
    assert found["bad.mp4"] == (Probe(beyond=said) if said else Probe(broken="it is damaged"))


@pytest.mark.parametrize("trouble", ["library", "interpreter"])
def test_a_process_that_cannot_be_begun_is_not_begun_for_ever(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.files.media.MOST_ENDS", 2)
    if trouble == "interpreter":
        monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    else:
        write(tmp_path / "lib" / "av.py", b"raise ImportError('half of it is missing')")
        monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    names = [write(tmp_path / f"{name}.mp4", name.encode()).name for name in "abcd"]

    said = [probe.beyond for probe in looked_into(tmp_path, *names).values()]

    assert (
        said
        == ["the process that looks into files ended over it"] * 2
        + ["the process that looks into files ended 2 times in a row"] * 2
    )


def test_the_process_that_looks_into_files_has_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWELVELABS_API_KEY", "s3cr3t")
    write(
        tmp_path / "lib" / "av.py",
        b"""
import os
class FFmpegError(Exception): pass
def open(file, **_): raise FFmpegError(" ".join(sorted(os.environ)))
""",
    )
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    write(tmp_path / "a.mp4", b"a")

    assert "KEY" not in looked_into(tmp_path, "a.mp4")["a.mp4"].broken


def containers(directory: Path) -> list[Path]:
    """A whole file of each kind."""
    for name, format_ in (("a.mp4", "mp4"), ("a.mov", "mov"), ("a.mkv", "matroska"), ("a.avi", "avi")):
        movie(directory / name, 64, 64, 3)
        if format_ != "mp4":
            with av.open(str(directory / name), "w", format=format_) as out:
                _frames(out, "mpeg4")
    with av.open(str(directory / "f.mp4"), "w", options={"movflags": "frag_keyframe+empty_moov"}) as out:
        _frames(out, "mpeg4")
    with av.open(str(directory / "a.jpg"), "w", format="image2") as out:
        _frames(out, "mjpeg", 1)
    picture(directory / "a.png")
    with wave.open(str(directory / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\1" * 4000)
    return sorted(path for path in directory.iterdir() if path.suffix != ".db")


def _frames(out: Any, codec: str, count: int = 3) -> None:
    stream = out.add_stream(codec, rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
    frame = av.VideoFrame(64, 64, stream.pix_fmt)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))  # else it shows whatever the memory held, and each run makes other files
    for second in range(count):
        frame.pts, frame.time_base = second, Fraction(1, 1)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def test_whole_files_pass_and_files_whose_end_is_missing_do_not(tmp_path: Path) -> None:
    for path in containers(tmp_path):
        data = path.read_bytes()
        assert cut_short(io.BytesIO(data), len(data)) == "", path.name
        assert cut_short(io.BytesIO(data + bytes(40)), len(data) + 40) == "", path.name
        for length in range(len(data) - 20, 40, -max(1, len(data) // 50)):  # the first box alone says nothing
            missing = cut_short(io.BytesIO(data[:length]), length)
            assert missing or path.name == "f.mp4", f"{path.name} cut to {length} of {len(data)}"


def test_a_file_that_is_cut_short_replaces_nothing_also_without_the_extra(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.providers.twelvelabs.media.can_probe", lambda: False)
    bench.write({"stack.yaml": FINE})
    bench.apply()
    data = (bench.directory / "good.mp4").read_bytes()
    write(bench.directory / "good.mp4", data[: len(data) // 2])

    with pytest.raises(Invalid, match=r"3:23: assets/good: good.mp4 is cut short \("):
        bench.survey()
    with opens(bench.directory) as opened, pytest.raises(Invalid):
        bench.survey()
    assert opened == []
