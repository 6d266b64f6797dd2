"""What a media file is, by its own header: needs the `media` extra (PyAV), which is imported only to look at a file.

A file comes from whoever can open a pull request, so only its own bytes are read: no playlist in it leads anywhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reconciler.upload.hashes import Files, Hashed

__all__ = ["Probe", "can_probe", "probes"]

VERSION = 1
"""Of what is kept of a probe: another one is looked at anew."""
THREADS = 4
STILL = ("image2", "_pipe")
"""How FFmpeg's names of formats of single pictures begin or end."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Pixels, seconds, codec of the picture (of the sound, where there is no picture); None for what it has not."""

    kind: str = ""
    """`video`, `audio`, `image`; empty when it could not be opened."""
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    codec: str = ""
    broken: str = ""
    """Why it could not be opened."""


def can_probe() -> bool:
    """Whether the extra is installed."""
    return find_spec("av") is not None


async def probes(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, Probe]:
    """name → what the file is. What was looked at in an earlier run is not opened."""
    known = await asyncio.to_thread(_known, files, wanted)
    todo = [name for name in wanted if name not in known]
    if todo:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="probe") as pool:
            found = await asyncio.gather(*(loop.run_in_executor(pool, probe, files.root / name) for name in todo))
        fresh = dict(zip(todo, found, strict=True))
        kept = {wanted[name].sha256: json.dumps([VERSION, asdict(it)]) for name, it in fresh.items()}
        await asyncio.to_thread(files.cache.keep_probes, kept)
        known |= fresh
    return known


def _known(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, Probe]:
    kept = files.cache.probes([hashed.sha256 for hashed in wanted.values()])
    found = {}
    for name, hashed in wanted.items():
        try:
            version, fields = json.loads(kept[hashed.sha256])
            if version == VERSION:
                found[name] = Probe(**fields)
        except (KeyError, ValueError, TypeError):
            continue
    return found


def probe(path: Path) -> Probe:
    """Open the file and look at its streams; nothing is decoded."""
    import av

    # Reading through a Python file, and with no protocol allowed, FFmpeg has nothing to open anything else by.
    alone = {"protocol_whitelist": "-"}
    try:
        with path.open("rb") as file, av.open(file, mode="r", metadata_errors="ignore", options=alone) as container:
            return _probe(container, container.duration / av.time_base if container.duration else None)
    except (av.FFmpegError, OSError, ValueError) as error:
        return Probe(broken=str(getattr(error, "strerror", None) or error))


def _probe(container: Any, length_s: float | None) -> Probe:
    cover = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the picture on the sleeve of a song
    pictures = [stream for stream in container.streams.video if not int(stream.disposition) & cover]
    if pictures:
        context, name = pictures[0].codec_context, container.format.name
        still = name.startswith(STILL[0]) or name.endswith(STILL[1])
        if not context.width or not context.height:
            return Probe(broken="its picture has no size")  # FFmpeg takes a picture's type from the file's name
        length_s = None if still else length_s
        return Probe("image" if still else "video", context.width, context.height, length_s, context.name)
    if container.streams.audio:
        return Probe("audio", duration_s=length_s, codec=container.streams.audio[0].codec_context.name)
    return Probe(broken="it has neither picture nor sound")
