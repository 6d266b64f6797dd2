"""What a media file is, by its own header: needs the `media` extra (PyAV).

Files are looked into by one process of their own (`prober.py`), which is begun for the first and asked for all others.
When it ends over a file, or takes too long, that file cannot be looked into, and another one is begun for the next.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from reconciler.errors import MediaError
from reconciler.files.hashes import Files, Hashed, Look
from reconciler.files.prober import SECONDS
from reconciler.files.structure import cut_short
from reconciler.frozen import dataclass
from reconciler.lazily import asyncio, socket, subprocess

__all__ = ["Probe", "can_probe", "cuts", "looked_into", "probes"]

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
    told = {name: Probe(**found) for name, found in (await _elsewhere(files, "probe", todo)).items()}
    await asyncio.to_thread(_keep, files, todo, told)
    known |= told
    todo = {name: hashed for name, hashed in todo.items() if name not in told}
    if todo:
        prober = Prober()
        try:
            known |= await asyncio.to_thread(_looked, files, todo, prober)
        finally:
            prober.end()  # also when nobody waits for the thread any more: then it finds nobody to ask
    return known


async def cuts(files: Files, wanted: Mapping[str, Hashed]) -> dict[str, str]:
    """name → what is missing of its end, for files that are not whole."""
    keys = {name: f"cut {CUT_VERSION} {hashed.sha256}" for name, hashed in wanted.items()}
    found = await asyncio.to_thread(files.cache.probes, list(keys.values()))
    todo = {name: wanted[name] for name, key in keys.items() if key not in found}
    told = await _elsewhere(files, "cut", todo)
    fresh = {keys[name]: str(missing) for name, missing in told.items()}
    fresh |= await asyncio.to_thread(_cuts, files, {n: (keys[n], it) for n, it in todo.items() if n not in told})
    await asyncio.to_thread(files.cache.keep_probes, fresh)
    found |= fresh
    return {name: found[key] for name, key in keys.items() if found.get(key)}


def _cuts(files: Files, todo: Mapping[str, tuple[str, Hashed]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, (key, hashed) in todo.items():
        with suppress(MediaError, OSError), files.open(name) as file:
            found[key] = cut_short(file, hashed.size_bytes)
    return found


async def _elsewhere(files: Files, what: Look, todo: Mapping[str, Hashed]) -> dict[str, Any]:
    """What other machines say of these files, where somebody has asked some; not of one that is another there."""
    if files.elsewhere is None or not todo:
        return {}
    told = await files.elsewhere.looked_into(what, todo)
    marks = {name: (hashed.size_bytes, hashed.mtime_ns) for name, hashed in todo.items()}
    return {name: found for name, (found, *mark) in told.items() if marks.get(name) == tuple(mark)}


def looked_into(files: Files, what: Look, names: Collection[str]) -> dict[str, tuple[Any, int, int]]:
    """The same for another machine that has asked: name → what was found in the file, its size and time. What cannot be
    read, or looked into here, is left out."""
    if what == "probe" and not can_probe():
        return {}
    found, prober = dict[str, tuple[Any, int, int]](), Prober()
    try:
        for name in names:
            with suppress(MediaError, OSError), files.open(name) as file:
                seen = os.fstat(file.fileno())
                it = cut_short(file, seen.st_size) if what == "cut" else asdict(prober.look(file, _last(name)))
                found[name] = it, seen.st_size, seen.st_mtime_ns
    finally:
        prober.end()
    return found


def _looked(files: Files, todo: Mapping[str, Hashed], prober: Prober) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for name, hashed in todo.items():
        try:
            with files.open(name) as file:
                found[name] = prober.look(file, _last(name))
                if not hashed.is_still(os.fstat(file.fileno())):
                    raise MediaError("changed since it was hashed")
        except MediaError as error:
            found[name] = Probe(beyond=str(error))
    _keep(files, todo, found)
    return found


def _keep(files: Files, todo: Mapping[str, Hashed], found: Mapping[str, Probe]) -> None:
    sure = {todo[name].sha256: it for name, it in found.items() if not it.beyond}
    files.cache.keep_probes({sha256: json.dumps([VERSION, asdict(it)]) for sha256, it in sure.items()})


def _last(name: str) -> str:
    return PurePosixPath(name).name


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
    return subprocess.Popen(
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
