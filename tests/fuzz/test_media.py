"""Looking into media files, whatever a pull request brings: a description or a reason, within bounds, no traceback."""

from __future__ import annotations

import io
import os
import resource
from pathlib import Path
from random import Random

from reconciler.files import Probe
from reconciler.files.media import Prober
from reconciler.files.mistaken import mistaken
from reconciler.files.prober import MOST_BYTES
from reconciler.files.structure import cut_short
from tests.fuzz import bounded, damaged, inputs
from tests.test_media import a_bomb, containers

SECONDS = 2.0
OTHERS = {
    "x.svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "x.m3u8": b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    "x.ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "x.gif": b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
    "x.srt": b"1\n00:00:01,000 --> 00:00:02,000\nwords\n",
}
NAMES = ("a%d.png", "a.mp4", "a", "a.jpg", "..mov", "*.wav", "é\ud800.mkv")


def media(directory: Path) -> dict[str, bytes]:
    """A file of each kind that is small, and one that asks for much."""
    a_bomb(directory / "bomb.mp4", 3_000_000)
    found = {path.name: path.read_bytes() for path in [*containers(directory), directory / "bomb.mp4"]}
    return found | OTHERS


def odd(data: bytes, random: Random) -> bytes:
    """Damaged, and often in a number: a container is made of them."""
    data = damaged(data, random) if random.random() < 0.7 else data
    for _ in range(random.choice((0, 1, 3))):
        at = random.randint(0, max(0, min(len(data), 600) - 4))
        number = random.choice((0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 50_000_000, random.getrandbits(32)))
        data = data[:at] + number.to_bytes(4) + data[at + 4 :]
    return data


def worked_s(prober: Prober) -> float:
    """What the process has used of a processor: the machine may be busy."""
    process = prober._process
    if process is None or not (stat := Path(f"/proc/{process.pid}/stat")).exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_whatever_a_media_file_holds_it_is_described_or_the_reason_is_given(tmp_path: Path) -> None:
    files, prober, slowest = media(tmp_path), Prober(), 0.0
    prober.look(io.FileIO(tmp_path / "a.png"), "a.png")  # it has begun
    try:
        for random, seed in inputs("media", 100):
            name, content = random.choice(list(files.items()))
            data = odd(content, random)
            name = random.choice(NAMES) if random.random() < 0.1 else name
            path = tmp_path / "input"
            path.write_bytes(data)
            with bounded(seed):
                cut, wrong = cut_short(io.BytesIO(data), len(data)), mistaken(name, data[:512], len(data))
                before = worked_s(prober)
                with io.FileIO(path) as file:
                    found = prober.look(file, name)
                took = worked_s(prober) - before
            slowest = max(slowest, took)
            assert isinstance(cut, str) and isinstance(wrong, str) and isinstance(found, Probe), seed
            assert bool(found.kind) is not bool(found.broken or found.beyond), (seed, found)
            assert "ended over it" not in found.beyond and "is damaged" not in found.broken, (seed, found)
            assert took < SECONDS, (seed, took)
    finally:
        prober.end()
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    assert (slowest < SECONDS, most <= MOST_BYTES) == (True, True), f"{slowest:.2f} s, {most >> 20} MB"
