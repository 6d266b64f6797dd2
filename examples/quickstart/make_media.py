"""Make the media of the examples and specs: nothing in them but what is computed here, so nobody's rights are touched.

    pip install '.[media]'       (in a checkout of reconciler)
    python examples/quickstart/make_media.py DIRECTORY

The same version of PyAV makes the same bytes every time. Sizes are legal for an index: at least 360 x 360 pixels and
4 seconds, at most 2.4 : 1.
"""

from __future__ import annotations

import array
import math
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

WIDTH, HEIGHT, FPS, SECONDS = 640, 360, 10, 5
RATE = 24_000
SIDE = 400
Colour = tuple[int, int, int]
"""Brightness, blue difference, red difference."""


def main(directory: Path) -> None:
    """Write all of it."""
    directory.mkdir(parents=True, exist_ok=True)
    video(directory / "final.mp4", slope=1, hue=(110, 150), hertz=440)
    video(directory / "semifinal.mp4", slope=-2, hue=(150, 105), hertz=330)
    face(directory / "moreno-1.jpg", skin=(190, 112, 150), turn=0)
    face(directory / "moreno-2.jpg", skin=(180, 112, 150), turn=30)
    face(directory / "park-1.jpg", skin=(150, 116, 146), turn=-10)
    speech(directory / "commentary.wav")


def video(path: Path, *, slope: int, hue: tuple[int, int], hertz: float) -> None:
    """Diagonal bars that move, with a tone: H.264 and AAC."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as file:
        picture = file.add_stream("libx264", rate=FPS, options={"preset": "slow", "crf": "30", "threads": "1"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = file.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 24_000
        for number in range(FPS * SECONDS):
            file.mux(picture.encode(bars(number, slope, hue)))
        file.mux(picture.encode(None))
        for start in range(0, RATE * SECONDS, 1024):
            file.mux(sound.encode(tone(start, hertz)))
        file.mux(sound.encode(None))


def bars(number: int, slope: int, hue: tuple[int, int]) -> av.VideoFrame:
    """One picture: a wave of light along the rows, a little further in each row and each picture."""
    light = bytes(round(128 + 90 * math.sin(2 * math.pi * x / 160)) for x in range(160)) * 9
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    rows = [light[start : start + WIDTH] for y in range(HEIGHT) for start in [(8 * number + slope * y // 2) % 160]]
    fill(frame, 0, rows)
    fill(frame, 1, [bytes([hue[0]]) * (WIDTH // 2)] * (HEIGHT // 2))
    fill(frame, 2, [bytes([hue[1]]) * (WIDTH // 2)] * (HEIGHT // 2))
    return frame


def tone(start: int, hertz: float) -> av.AudioFrame:
    """1,024 samples of a sine."""
    samples = array.array("f", (0.2 * math.sin(2 * math.pi * hertz * t / RATE) for t in range(start, start + 1024)))
    frame = av.AudioFrame("fltp", "mono", 1024)
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame


def face(path: Path, *, skin: Colour, turn: int) -> None:
    """A drawn face, turned a little to one side: a jpeg."""
    frame = av.VideoFrame(SIDE, SIDE, "yuvj420p")
    paint = painter(skin, turn)
    fill(frame, 0, [bytes(paint(x, y)[0] for x in range(SIDE)) for y in range(SIDE)])
    for plane in (1, 2):
        fill(frame, plane, [bytes(paint(x, y)[plane] for x in range(0, SIDE, 2)) for y in range(0, SIDE, 2)])
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width = encoder.height = SIDE
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
    encoder.options = {"threads": "1", "flags": "+bitexact+qscale", "global_quality": str(118 * 6)}
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))


def painter(skin: Colour, turn: int) -> Callable[[int, int], Colour]:
    """What colour a pixel has: hair, head, eyes, nose and mouth are ellipses, the first that fits counts."""
    hair, white, dark, lips = (50, 122, 134), (235, 128, 128), (30, 128, 128), (110, 118, 178)
    shapes: list[tuple[int, int, int, int, Colour]] = [
        (160 + turn, 170, 9, 9, dark),
        (240 + turn, 170, 9, 9, dark),
        (160 + turn, 170, 26, 16, white),
        (240 + turn, 170, 26, 16, white),
        (200 + turn * 3 // 2, 215, 12, 26, (skin[0] - 25, skin[1], skin[2])),
        (200 + turn, 275, 46, 14, lips),
        (200, 205, 105, 140, skin),
        (200 - turn // 2, 170, 130, 145, hair),
    ]

    def paint(x: int, y: int) -> Colour:
        for left, top, wide, high, colour in shapes:
            if ((x - left) / wide) ** 2 + ((y - top) / high) ** 2 <= 1:
                return colour
        return (120 + y // 8, 140, 118)

    return paint


def fill(frame: av.VideoFrame, plane: int, rows: list[bytes]) -> None:
    """Rows of bytes into one plane; its lines may be longer than the picture is wide."""
    line = frame.planes[plane].line_size
    frame.planes[plane].update(b"".join(row.ljust(line, b"\0") for row in rows))


def speech(path: Path) -> None:
    """Five seconds that rise and fall like somebody talking: 8 kHz, 8 bits, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(syllable(t / 8000) for t in range(8000 * SECONDS)))


def syllable(second: float) -> int:
    """One sample: a hum of which the loudness goes up and down three times a second."""
    loud = 45 * abs(math.sin(3 * math.pi * second))
    return round(128 + loud * math.sin(2 * math.pi * 140 * second) * math.cos(2 * math.pi * 19 * second))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
