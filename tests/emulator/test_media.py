"""Headers of real files, written by somebody else's code; and files that lie."""

from __future__ import annotations

import io
import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.core.prober import Broken, Header, probe
from tests.emulator.conftest import Api
from tests.emulator.steps import error, index, ready_asset, upload, wait


def film(width: int = 640, height: int = 360, seconds: float = 5, rate: int = 10, kind: str = "mp4") -> bytes:
    """A real film of grey frames."""
    target = io.BytesIO()
    with av.open(target, "w", format=kind) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number in range(int(seconds * rate)):
            frame = VideoFrame(width, height, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue()


def picture(codec: str, width: int, height: int) -> bytes:
    target = io.BytesIO()
    pixels = "rgb24" if codec == "png" else "yuvj420p"
    with av.open(target, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        container.mux(stream.encode(VideoFrame(width, height, pixels)))
        container.mux(stream.encode())
    return target.getvalue()


def song(seconds: float) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * int(8000 * seconds))
    return target.getvalue()


def probed(content: bytes) -> Header | None:
    return probe(io.BytesIO(content), len(content))


def test_an_mp4_tells_its_frame_length_and_rate() -> None:
    assert probed(film(640, 360, 5, 10)) == Header("video/mp4", 640, 360, 5.0, 10.0)


def test_a_quicktime_film_is_one() -> None:
    assert probed(film(kind="mov")) == Header("video/quicktime", 640, 360, 5.0, 10.0)


def test_pictures_tell_their_size() -> None:
    assert probed(picture("png", 321, 123)) == Header("image/png", 321, 123)
    assert probed(picture("mjpeg", 322, 124)) == Header("image/jpeg", 322, 124)


def test_a_wav_tells_its_length() -> None:
    assert probed(song(2.5)) == Header("audio/wav", duration=2.5)


def test_what_is_not_read_here_is_nothing() -> None:
    assert [probed(content) for content in (b"", b"film", b"GIF89a", b"\0\0\0\x18ftypheic0000")] == [None] * 4


@pytest.mark.parametrize(
    "content", [film(), picture("png", 20, 20), picture("mjpeg", 20, 20), song(1)], ids=["film", "png", "jpeg", "song"]
)
def test_a_file_that_ends_too_early_is_broken(content: bytes) -> None:
    with pytest.raises(Broken):
        probed(content[:18])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"\0\0\0\x10ftypisom\0\0\0\0", b"\xff\xd8\xff", b"RIFF\0\0\0\0WAVE"]))
def test_no_header_makes_it_crash(noise: bytes, start: bytes) -> None:
    try:
        found = probed(start + noise)
    except Broken:
        return
    assert found is None or found.mime


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 2000), value=st.integers(0, 255))
def test_no_flipped_byte_makes_it_crash(position: int, value: int) -> None:
    content = bytearray(SHORT_FILM)
    content[-1 - position % len(content)] = value
    try:
        probed(bytes(content))
    except Broken:
        return


SHORT_FILM = film(seconds=1)


def test_a_truncated_film_is_accepted_and_then_fails(inside: Api) -> None:
    asset = upload(inside, "final.mp4", film()[:400])

    shown = wait(inside, f"/assets/{asset}")

    assert shown["status"] == "failed"
    assert "broken" in shown["error"]["message"]


def test_what_the_header_says_is_what_is_shown(inside: Api) -> None:
    asset = ready_asset(inside, "final.bin", film(640, 480, 6, 10))

    shown = inside("GET", f"/assets/{asset}").json()

    assert (shown["file_type"], shown["duration"]) == ("video/mp4", 6.0)
    assert shown["technical_metadata"]["video_height"] == 480


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (film(seconds=3), "video_duration_too_short"),
        (film(352, 288), "video_resolution_too_low"),
        (film(1200, 400), "video_resolution_invalid_aspect_ratio"),
        (film(400, 1200), "video_resolution_invalid_aspect_ratio"),
        (song(3), "video_duration_too_short"),
    ],
    ids=["short", "small", "wide", "tall", "short song"],
)
def test_an_index_refuses_what_its_model_cannot_use(inside: Api, content: bytes, code: str) -> None:
    asset, catalog = ready_asset(inside, "final.mp4", content), index(inside)
    path = f"/indexes/{catalog}/indexed-assets"

    assert error(inside("POST", path, json={"asset_id": asset})) == (400, code)
    inside.emulator.set_options({"media_limits": False})
    assert inside("POST", path, json={"asset_id": asset}).status_code == 202


def test_an_index_takes_what_fits(inside: Api, tmp_path: Path) -> None:
    asset, catalog = ready_asset(inside, "final.mp4", film()), index(inside)

    assert inside("POST", f"/indexes/{catalog}/indexed-assets", json={"asset_id": asset}).status_code == 202


def test_a_frame_that_is_too_big_is_known_without_drawing_it(inside: Api) -> None:
    content = film(640, 360)
    at = content.index(b"tkhd") + 4 + 84 - 8
    large = content[:at] + struct.pack(">II", 6000 << 16, 3000 << 16) + content[at + 8 :]
    asset, catalog = ready_asset(inside, "final.mp4", large), index(inside)

    reply = inside("POST", f"/indexes/{catalog}/indexed-assets", json={"asset_id": asset})

    assert error(reply) == (400, "video_resolution_too_high")
