"""The process that looks into media files, for `media.py`: run as a script, and never by whoever plans.

A file comes from whoever can open a pull request, and a decoder is a large piece of C. So it has a process of its own,
without our environment, with bounds on memory and time, and only the descriptor of one file after the other. Each
request is a line of JSON with the file's name beside its descriptor, each answer a line with the fields of a `Probe`.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, BinaryIO

MOST_BYTES = 1 << 30
"""Of memory, whatever a file says of itself."""
SECONDS = 10
"""For one file; whoever asked has given up by then."""
STILL = ("image2", "_pipe")
"""How FFmpeg's names of formats of single pictures begin or end."""
COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the picture on the sleeve of a song


class NamedFile:
    """A file by its descriptor, under the name that says its format."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def main() -> None:
    """Answer until whoever asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    for limit, most in ((resource.RLIMIT_AS, MOST_BYTES), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        with suppress(ValueError, OSError):  # macOS keeps no bound on memory
            resource.setrlimit(limit, (most, most))
    asked = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, 1 << 16, 1)
        if not request or not descriptors:
            return
        signal.alarm(SECONDS + 1)  # ends us, if nobody else does
        with os.fdopen(descriptors[0], "rb") as file:
            answer = looked(file, json.loads(request))
        signal.alarm(0)
        asked.sendall(json.dumps(answer).encode() + b"\n")


def looked(file: BinaryIO, name: str) -> dict[str, Any]:
    """What the file is; nothing is decoded that need not be."""
    import av

    # Reading through a Python file, and with no protocol allowed, FFmpeg has nothing to open anything else by.
    alone = {"protocol_whitelist": "-"}
    try:
        with av.open(NamedFile(file, name), mode="r", metadata_errors="ignore", options=alone) as container:
            return described(container, container.duration / av.time_base if container.duration else None)
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return {"beyond": f"it takes more than {MOST_BYTES >> 20} MB of memory"}
        known = isinstance(error, (av.FFmpegError, OSError, ValueError))
        return {"broken": str(getattr(error, "strerror", None) or error) if known else "it is damaged"}


def described(container: Any, length_s: float | None) -> dict[str, Any]:
    """The fields of a `Probe`."""
    pictures = [stream for stream in container.streams.video if not int(stream.disposition) & COVER]
    if pictures:
        context, format_ = pictures[0].codec_context, container.format.name
        if context is None:
            return {"broken": "its codec is not known here"}
        still = format_.startswith(STILL[0]) or format_.endswith(STILL[1])
        if not context.width or not context.height:
            return {"broken": "its picture has no size"}  # FFmpeg takes a picture's type from the file's name
        size = {"width": context.width, "height": context.height, "codec": context.name}
        return {"kind": "image", **size} if still else {"kind": "video", **size, "duration_s": length_s}
    if container.streams.audio:
        context = container.streams.audio[0].codec_context
        return {"kind": "audio", "duration_s": length_s, "codec": context.name if context else ""}
    return {"broken": "it has neither picture nor sound"}


if __name__ == "__main__":
    main()
