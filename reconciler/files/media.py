"""What a media file is, by its own header: needs the `media` extra (PyAV).

Files are looked into by one process of their own (`prober.py`), which is begun for the first and asked for all others.
When it ends over a file, or takes too long, that file cannot be looked into, and another one is begun for the next.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from reconciler.errors import MediaError
from reconciler.files.hashes import Files, Hashed
from reconciler.files.prober import SECONDS
from reconciler.files.structure import cut_short
from reconciler.frozen import dataclass

__all__ = ["Probe", "can_probe", "cuts", "probes"]

VERSION, CUT_VERSION = 2, 1
"""Of what is kept of a probe: another one is looked at anew."""
STARTING_S = 30.0
"""What the process may take to begin."""
MOST_OF_AN_ANSWER = 1 << 16
MOST_ENDS = 20
"""In a row: then it is not the files, and it is not begun again."""
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
"""What the process gets of ours: no key is in these."""


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
    beyond: str = ""
    """The limit that stopped us from looking."""


def can_probe() -> bool:
    """Whether the extra is installed, and this machine has what keeps a process in bounds."""
    return find_spec("av") is not None and hasattr(socket, "send_fds")


async def probes(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, Probe]:
    """name → what the file is. What was looked at in an earlier run is not opened."""
    known = await asyncio.to_thread(_known, files, wanted)
    todo = {name: hashed for name, hashed in wanted.items() if name not in known}
    if todo:
        prober = Prober()
        try:
            known |= await asyncio.to_thread(_looked, files, todo, prober)
        finally:
            prober.end()  # also when nobody waits for the thread any more: then it finds nobody to ask
    return known


async def cuts(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, str]:
    """name → what is missing of its end, for files that are not whole."""
    return await asyncio.to_thread(_cuts, files, wanted)


def _cuts(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, str]:
    keys = {name: f"cut {CUT_VERSION} {hashed.sha256}" for name, hashed in wanted.items()}
    found = files.cache.probes(list(keys.values()))
    fresh: dict[str, str] = {}
    for name, key in keys.items():
        if key not in found:
            with suppress(MediaError, OSError), files.open(name) as file:
                fresh[key] = cut_short(file, wanted[name].size_bytes)
    files.cache.keep_probes(fresh)
    found |= fresh
    return {name: found[key] for name, key in keys.items() if found.get(key)}


def _looked(files: Files, todo: Mapping[str, Hashed], prober: Prober) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for name, hashed in todo.items():
        try:
            with files.open(name) as file:
                found[name] = prober.look(file, PurePosixPath(name).name)
                if not hashed.is_still(os.fstat(file.fileno())):
                    raise MediaError("changed since it was hashed")
        except MediaError as error:
            found[name] = Probe(beyond=str(error))
    sure = {todo[name].sha256: it for name, it in found.items() if not it.beyond}
    files.cache.keep_probes({sha256: json.dumps([VERSION, asdict(it)]) for sha256, it in sure.items()})
    return found


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


class Prober:
    """The process, as whoever asks it sees it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: socket.socket | None = None
        self._ended = False
        self._ends_in_a_row = 0

    def look(self, file: BinaryIO, name: str) -> Probe:
        """What is in the file, or which limit stopped us. Raises MediaError when it was ended."""
        if self._ends_in_a_row >= MOST_ENDS:
            return Probe(beyond=f"the process that looks into files ended {MOST_ENDS} times in a row")
        fresh = self._process is None
        self._ends_in_a_row += 1
        try:
            asked = self._begun()
            asked.settimeout(SECONDS + STARTING_S * fresh)
            socket.send_fds(asked, [json.dumps(name).encode()], [file.fileno()])
            if not (line := next(_lines(asked), b"")):
                raise ConnectionError
            found = Probe(**json.loads(line))
        except TimeoutError:
            self._stop()
            return Probe(beyond=f"it takes longer than {SECONDS} s")
        except (OSError, ValueError, TypeError):
            self._stop()
            return Probe(beyond="the process that looks into files ended over it")
        self._ends_in_a_row = 0
        return found

    def _begun(self) -> socket.socket:
        if self._ended:
            raise MediaError("was not looked into to its end")
        if self._answers is None:
            ours, theirs = socket.socketpair()
            with closing(theirs):
                self._answers, self._process = ours, _started(theirs)
        return self._answers

    def end(self) -> None:
        """Nobody asks any more."""
        self._ended = True
        self._stop()

    def _stop(self) -> None:
        process, answers = self._process, self._answers
        self._process = self._answers = None
        if answers is not None:
            answers.close()
        if process is not None:
            process.kill()
            process.wait()


def _started(asked: socket.socket) -> subprocess.Popen[bytes]:
    paths = [path for path in sys.path if Path(path).is_absolute()]
    return subprocess.Popen(  # noqa: S603 - our own file, no shell
        [sys.executable, "-P", str(Path(__file__).with_name("prober.py")), str(asked.fileno())],
        env={**_environment(), "PYTHONPATH": os.pathsep.join(paths)},
        pass_fds=[asked.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def _lines(asked: socket.socket) -> Iterator[bytes]:
    """Whole lines; nothing of one that is too long or not ended."""
    data = b""
    while len(data) < MOST_OF_AN_ANSWER and (more := asked.recv(1 << 12)):
        data += more
        if data.endswith(b"\n"):
            yield data
            data = b""
